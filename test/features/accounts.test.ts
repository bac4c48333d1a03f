import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../src/features/accounts/contract.ts';
import { createPasswords } from '../../src/features/accounts/passwords.ts';
import { GUEST_LIFE_MS } from '../../src/features/accounts/service.ts';
import { roomOf } from '../../src/kernel/rooms.ts';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountsDesk, DAY_MS, from, type Desk } from './accounts-desk.ts';

let storage: StorageUnderTest;
let desk: Desk;
beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
beforeEach(() => {
  desk = accountsDesk(storage);
});
afterEach(() => storage.empty());
afterAll(() => storage.close());

const unauthenticated = { code: 'UNAUTHENTICATED' };

describe('registering', () => {
  it('signs in, and stores no password', async () => {
    const ann = await desk.register('ann');
    expect(ann.account).toMatchObject({
      username: 'ann',
      email: 'ann@example.org',
      guest: false,
      expiresAt: null,
    });
    expect(ann.account.lastSeen).toBe(desk.clock.now());
    expect(ann.expiresAt).toBe(desk.clock.now() + 7 * DAY_MS);
    expect(await desk.whoIs(ann)).toMatchObject({
      kind: 'user',
      id: ann.account.id,
      username: 'ann',
      guest: false,
    });
    expect((await desk.stores.accounts.byId(ann.account.id))?.passwordHash).toMatch(/^\$2/);
  });

  it('refuses a name and an address that are taken, and says which', async () => {
    await desk.register('ann');
    const register = (username: string, email: string) =>
      desk.rules.register({ username, email, password: 'Password123' }, from, null);

    await expect(register('ANN', 'other@example.org')).rejects.toMatchObject({
      code: 'CONFLICT',
      fields: { username: expect.any(String) },
    });
    await expect(register('other', 'ANN@Example.org')).rejects.toMatchObject({
      code: 'CONFLICT',
      fields: { email: expect.any(String) },
    });
    await expect(register('Ann', 'Ann@example.org')).rejects.toMatchObject({
      fields: { username: expect.any(String), email: expect.any(String) },
    });
    expect(await desk.stores.accounts.count()).toBe(1);
  });
});

describe('signing in', () => {
  it('takes the address in any case, and the password in one', async () => {
    const ann = await desk.register('ann');
    const again = await desk.rules.login({ email: ' Ann@EXAMPLE.org', password: 'Password123' }, from);
    expect(again.account.id).toBe(ann.account.id);
    await expect(desk.login('ann', 'password123')).rejects.toMatchObject(unauthenticated);
  });

  it('answers alike whoever it was that does not exist', async () => {
    await desk.register('ann');
    await desk.rules.guest('cy', from);
    const refusal = (name: string, password: string) =>
      desk.login(name, password).catch((error: unknown) => error);
    const wrong = await refusal('ann', 'Password124');
    expect(wrong).toMatchObject({
      ...unauthenticated,
      message: 'E-mail or password is wrong.',
      fields: undefined,
    });
    expect(await refusal('nobody', 'Password123')).toEqual(wrong);
    expect(await refusal('', '')).toEqual(wrong);
  });

  it('takes as long for an unknown address as for a wrong password', async () => {
    const passwords = createPasswords(9);
    const hash = await passwords.hash('Password123');
    const quickestMs = { nobody: Infinity, somebody: Infinity };
    for (let i = 0; i < 9; i++) {
      for (const [who, stored] of [
        ['nobody', null],
        ['somebody', hash],
      ] as const) {
        const start = performance.now();
        await passwords.matches('Password124', stored);
        quickestMs[who] = Math.min(quickestMs[who], performance.now() - start);
      }
    }
    expect(quickestMs.nobody / quickestMs.somebody).toBeGreaterThan(0.5);
  });

  it('is not fooled by what bcrypt does not read', async () => {
    const longest = 'a1'.repeat(limits.passwordMaxBytes / 2);
    await desk.rules.register({ username: 'ann', email: 'ann@example.org', password: longest }, from, null);
    await desk.login('ann', longest);
    await expect(desk.login('ann', `${longest}b`)).rejects.toMatchObject(unauthenticated);
    await expect(desk.login('ann', longest.slice(1))).rejects.toMatchObject(unauthenticated);
  });

  it('survives no password change that happened meanwhile', async () => {
    const ann = await desk.register('ann');
    const matches = vi.spyOn(desk.passwords, 'matches').mockImplementationOnce(async () => {
      const caller = await desk.whoIs(ann);
      await desk.stores.accounts.setPassword(caller.id, await desk.passwords.hash('Password999'));
      await desk.stores.sessions.revokeAllOf(caller.id, caller.sessionId);
      return true;
    });
    await expect(desk.login('ann')).rejects.toMatchObject(unauthenticated);
    expect(matches).toHaveBeenCalled();
    expect(await desk.rules.sessionsOf(await desk.whoIs(ann))).toHaveLength(1);
  });
});

describe('guests', () => {
  it('get a name and a day', async () => {
    desk.guestNames.push('x7k2p9');
    const guest = await desk.rules.guest(undefined, from);
    expect(guest.account).toMatchObject({ username: 'guest-x7k2p9', email: null, guest: true });
    expect(guest.account.expiresAt).toBe(desk.clock.now() + GUEST_LIFE_MS);
    expect(guest.expiresAt).toBe(desk.clock.now() + GUEST_LIFE_MS);

    desk.clock.advance(GUEST_LIFE_MS - 1000);
    expect(await desk.lives(guest)).toBe(true);
    const refreshed = await desk.rules.refresh(guest.refreshToken, from);
    expect(refreshed.expiresAt).toBe(guest.expiresAt);
    desk.clock.advance(1000);
    expect(await desk.lives(refreshed)).toBe(false);
    await expect(desk.rules.refresh(refreshed.refreshToken, from)).rejects.toMatchObject(unauthenticated);
  });

  it('get another name when chance repeats itself, and hear when the wanted one is taken', async () => {
    desk.guestNames.push('aaaaaa', 'aaaaaa', 'bbbbbb');
    await desk.rules.guest(undefined, from);
    expect((await desk.rules.guest(undefined, from)).account.username).toBe('guest-bbbbbb');
    await expect(desk.rules.guest('GUEST-aaaaaa', from)).rejects.toMatchObject({
      code: 'CONFLICT',
      fields: { username: expect.any(String) },
    });
    desk.guestNames.push(...Array<string>(5).fill('aaaaaa'));
    await expect(desk.rules.guest(undefined, from)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('who register keep id and session, for good', async () => {
    const guest = await desk.rules.guest('ann', from);
    const registration = { username: 'ann', email: 'ann@example.org', password: 'Password123' };
    const ann = await desk.rules.register(registration, from, await desk.whoIs(guest));

    expect(ann.account).toMatchObject({
      id: guest.account.id,
      username: 'ann',
      guest: false,
      expiresAt: null,
    });
    expect((await desk.whoIs(ann)).sessionId).toBe((await desk.whoIs(guest)).sessionId);
    expect(await desk.whoIs(guest)).toMatchObject({ guest: false });
    expect((await desk.login('ann')).account.id).toBe(guest.account.id);

    desk.clock.advance(6 * DAY_MS);
    expect(await desk.lives(ann)).toBe(true);
    expect(await desk.lives(guest)).toBe(false);
    await desk.rules.refresh(ann.refreshToken, from);
  });

  it('stay guests when the wanted name is taken', async () => {
    await desk.register('ann');
    const guest = await desk.rules.guest('cy', from);
    const registration = { username: 'ann', email: 'cy@example.org', password: 'Password123' };
    await expect(desk.rules.register(registration, from, await desk.whoIs(guest))).rejects.toMatchObject({
      code: 'CONFLICT',
      fields: { username: expect.any(String) },
    });
    expect(await desk.whoIs(guest)).toMatchObject({ username: 'cy', guest: true });
  });

  it('register once; a user who registers again gets another account', async () => {
    const guest = await desk.rules.guest('cy', from);
    const asGuest = await desk.whoIs(guest);
    const registration = (username: string) => ({
      username,
      email: `${username}@example.org`,
      password: 'Password123',
    });
    await desk.rules.register(registration('ann'), from, asGuest);
    await expect(desk.rules.register(registration('bob'), from, asGuest)).rejects.toMatchObject({
      code: 'CONFLICT',
    });

    const another = await desk.rules.register(registration('bob'), from, await desk.whoIs(guest));
    expect(another.account.id).not.toBe(guest.account.id);
  });

  it('have no password to change', async () => {
    const guest = await desk.whoIs(await desk.rules.guest(undefined, from));
    await expect(
      desk.rules.changePassword(guest, { current: '', next: 'Password123' }),
    ).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('refreshing', () => {
  it('gives new tokens for the same session, and takes the old one once', async () => {
    const ann = await desk.register('ann');
    desk.clock.advance(6 * DAY_MS);
    const next = await desk.rules.refresh(ann.refreshToken, { ...from, ip: '192.0.2.7' });
    expect(next.expiresAt).toBe(desk.clock.now() + 7 * DAY_MS);
    expect((await desk.whoIs(next)).sessionId).toBe((await desk.whoIs(ann)).sessionId);
    expect(await desk.rules.sessionsOf(await desk.whoIs(next))).toMatchObject([{ ip: '192.0.2.7' }]);
    await desk.rules.refresh(next.refreshToken, from);
  });

  it('ends the session when a used token comes again', async () => {
    const [ann, elsewhere] = [await desk.register('ann'), await desk.login('ann')];
    const thief = await desk.rules.refresh(ann.refreshToken, from);
    await expect(desk.rules.refresh(ann.refreshToken, from)).rejects.toMatchObject(unauthenticated);

    expect(desk.endedRooms).toEqual([roomOf('session', ann.sessionId)]);
    expect(desk.revoked).toEqual([ann.sessionId]);
    expect([await desk.lives(thief), await desk.lives(elsewhere)]).toEqual([false, true]);
    await expect(desk.rules.refresh(thief.refreshToken, from)).rejects.toMatchObject(unauthenticated);
    expect(desk.revoked).toHaveLength(1);
  });

  it('keeps a session that is used alive, and lets an unused one end', async () => {
    let ann = await desk.register('ann');
    for (let i = 0; i < 4; i++) {
      desk.clock.advance(29 * DAY_MS);
      ann = await desk.rules.refresh(ann.refreshToken, from);
    }
    desk.clock.advance(30 * DAY_MS);
    await expect(desk.rules.refresh(ann.refreshToken, from)).rejects.toMatchObject(unauthenticated);
  });
});

describe('sessions', () => {
  it('are listed for their owner, with where they come from', async () => {
    const phone = await desk.register('ann');
    desk.clock.advance(1000);
    await desk.login('ann', 'Password123', { ip: '2001:db8::1', userAgent: 'a phone' });
    const caller = await desk.whoIs(phone);
    await desk.rules.setDevice(caller, 'phone-1', { country: 'DE', city: 'Kassel' });

    expect(await desk.rules.sessionsOf(caller)).toMatchObject([
      { ip: '2001:db8::1', userAgent: 'a phone', deviceId: null, location: null },
      {
        ip: from.ip,
        deviceId: 'phone-1',
        location: { country: 'DE', city: 'Kassel' },
        createdAt: desk.clock.now() - 1000,
      },
    ]);
  });

  it('end one by one, by their owner only', async () => {
    const [ann, other, bob] = [
      await desk.register('ann'),
      await desk.login('ann'),
      await desk.register('bob'),
    ];
    const caller = await desk.whoIs(ann);
    for (const id of [bob.sessionId, '1', 'x', '1e3', `{"$gt":""}`]) {
      await expect(desk.rules.revokeSession(caller, id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    }
    expect(desk.endedRooms).toEqual([]);

    await desk.rules.revokeSession(caller, other.sessionId);
    expect(desk.endedRooms).toEqual([roomOf('session', other.sessionId)]);
    expect([await desk.lives(ann), await desk.lives(other), await desk.lives(bob)]).toEqual([
      true,
      false,
      true,
    ]);
    await expect(desk.rules.refresh(other.refreshToken, from)).rejects.toMatchObject(unauthenticated);
  });

  it('end by logging out, here or everywhere', async () => {
    const [ann, other, bob] = [
      await desk.register('ann'),
      await desk.login('ann'),
      await desk.register('bob'),
    ];
    await desk.rules.logout(await desk.whoIs(ann));
    expect([await desk.lives(ann), await desk.lives(other)]).toEqual([false, true]);

    const third = await desk.login('ann');
    expect(await desk.rules.logoutEverywhere(await desk.whoIs(other))).toBe(2);
    expect([await desk.lives(other), await desk.lives(third), await desk.lives(bob)]).toEqual([
      false,
      false,
      true,
    ]);
    expect(new Set(desk.endedRooms)).toEqual(
      new Set([ann, other, third].map(({ sessionId }) => roomOf('session', sessionId))),
    );
  });

  it('end with a password change, all but the one that made it', async () => {
    const [ann, other] = [await desk.register('ann'), await desk.login('ann')];
    const caller = await desk.whoIs(ann);
    await expect(
      desk.rules.changePassword(caller, { current: 'Password124', next: 'Password999' }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT', fields: { current: expect.any(String) } });
    expect(await desk.lives(other)).toBe(true);

    await desk.rules.changePassword(caller, { current: 'Password123', next: 'Password999' });
    expect([await desk.lives(ann), await desk.lives(other)]).toEqual([true, false]);
    expect(desk.endedRooms).toEqual([roomOf('session', other.sessionId)]);
    await expect(desk.login('ann', 'Password123')).rejects.toMatchObject(unauthenticated);
    await desk.login('ann', 'Password999');
  });

  it('end when a user has too many, the sockets too', async () => {
    const first = await desk.register('ann');
    for (let i = 0; i < 50; i++) {
      desk.clock.advance(1);
      await desk.login('ann');
    }
    expect(desk.revoked).toEqual([first.sessionId]);
    expect(desk.endedRooms).toEqual([roomOf('session', first.sessionId)]);
  });

  it('show when they were last used, by whatever request', async () => {
    const ann = await desk.register('ann');
    desk.clock.advance(5 * 60_000);
    const caller = await desk.whoIs(ann);
    await vi.waitFor(async () =>
      expect(await desk.rules.sessionsOf(caller)).toMatchObject([
        { lastSeen: desk.clock.now(), ip: from.ip },
      ]),
    );
  });
});
