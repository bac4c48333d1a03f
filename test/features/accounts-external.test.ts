/** Tokens that another service signs with the shared secret (TRUST_EXTERNAL_JWT): who they make, and when they are refused. */
import { createHmac } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { NEVER } from '../../src/features/accounts/accounts.ts';
import { createAuthenticator } from '../../src/features/accounts/authenticator.ts';
import { createIds } from '../../src/kernel/ids.ts';
import { roomOf } from '../../src/kernel/rooms.ts';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountSockets, type AccountSockets } from './account-sockets.ts';
import { accountsDesk, from, jwtConfig, type Desk } from './accounts-desk.ts';

const unauthenticated = { code: 'UNAUTHENTICATED' };
const trusting = { ...jwtConfig, trustExternal: true };
const HOUR_S = 3_600;

let storage: StorageUnderTest;
let desk: Desk;
beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
beforeEach(() => {
  desk = accountsDesk(storage, { emails: ['boss@example.org'] }, trusting);
});
afterEach(() => storage.empty());
afterAll(() => storage.close());

const seconds = () => Math.floor(desk.clock.now() / 1000);

/** By hand, with claims that no library would sign; what is undefined is left out. */
function token(claims: object, secret = jwtConfig.secret, bits = 256) {
  const piece = (data: object) => Buffer.from(JSON.stringify(data)).toString('base64url');
  const payload = { iat: seconds(), exp: seconds() + HOUR_S, ...claims };
  const signed = `${piece({ alg: `HS${bits}`, typ: 'JWT' })}.${piece(payload)}`;
  return `${signed}.${createHmac(`sha${bits}`, secret).update(signed).digest('base64url')}`;
}
const user = (claims: object) => desk.auth.verify(token(claims));
const refused = (claims: object, secret?: string, bits?: number) =>
  expect(desk.auth.verify(token(claims, secret, bits))).rejects.toMatchObject(unauthenticated);
const count = () => desk.stores.accounts.count();

describe('the first token of somebody', () => {
  it('makes a user, and the next ones are the same', async () => {
    const ann = await user({ sub: 'auth0|7', username: 'ann' });
    expect(ann).toEqual({
      ...{ kind: 'user', id: expect.stringMatching(/^\d+$/), username: 'ann', avatar: null, guest: false },
      ...{ status: 'online', sessionId: null },
      ...{ issuedAt: seconds() * 1000, expiresAt: (seconds() + HOUR_S) * 1000 },
    });
    expect(await user({ sub: 'auth0|7', username: 'another name' })).toEqual(ann);
    expect(await desk.stores.accounts.byId(ann.id)).toMatchObject({
      ...{ externalId: 'auth0|7', username: 'ann', email: null, passwordHash: null, guest: false },
      ...{ expiresAt: null, adminConfirmed: false },
    });
    expect(await count()).toBe(1);
  });

  it.each([
    [{ sub: 'a', userId: 'b', id: 'c' }, 'a'],
    [{ userId: 'b', id: 'c' }, 'b'],
    [{ sub: null, id: 'c' }, 'c'],
    [{ id: 42 }, '42'],
    [{ sub: 0 }, '0'],
  ])('%j is for %s', async (claims, externalId) => {
    const { id } = await user(claims);
    expect((await desk.stores.accounts.byExternalId(externalId))?.id).toBe(id);
  });

  it.each([
    ['John Doe', 'John_Doe'],
    ['  <b>Änne</b>  ', 'b_Änne_b'],
    ['ｆｕｌｌ', 'full'],
    ['日本語', '日本語'],
    ['x'.repeat(40), 'x'.repeat(30)],
    [`${'x'.repeat(29)}𝒳y`, `${'x'.repeat(29)}X`],
    [`${'x'.repeat(29)}𐐀`, 'x'.repeat(29)],
    ['Al', 'Al-chance'],
    ['💥', 'user-chance'],
    ['', 'user-chance'],
    [7, 'user-chance'],
    [{ $gt: '' }, 'user-chance'],
  ])('calls the user by its name, %j, within our rules: %s', async (username, expected) => {
    desk.guestNames.push('chance');
    expect((await user({ sub: 'x', username })).username).toBe(expected);
  });

  it('takes name where there is no username', async () => {
    expect((await user({ sub: 'x', name: 'Ann' })).username).toBe('Ann');
  });

  it('gives a name that is taken a suffix, however long it is', async () => {
    const name = 'n'.repeat(30);
    await user({ sub: '1', username: name });
    desk.guestNames.push('chance', 'chance', 'second');
    expect((await user({ sub: '2', username: name.toUpperCase() })).username).toBe(
      `${'N'.repeat(23)}-chance`,
    );
    expect((await user({ sub: '3', username: name })).username).toBe(`${'n'.repeat(23)}-second`);
  });

  it('gives up when every name is taken, and makes nobody', async () => {
    await user({ sub: '1', username: 'ann-chance' });
    await user({ sub: '2', username: 'ann' });
    desk.guestNames.push(...Array.from({ length: 9 }, () => 'chance'));
    await expect(user({ sub: '3', username: 'ann' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await count()).toBe(2);
  });
});

/** On MongoDB: mongo-accounts.test.ts. */
const embedded = storageBackends.filter(({ name }) => name.startsWith('SQLite'));
describe.each(embedded)('the first token of somebody, on $name', ({ open }) => {
  it('makes one user on however many workers it comes at once', async () => {
    const under = await open();
    const workers = [1, 2, 3].map((slot) => {
      const ids = createIds(desk.clock, slot);
      return createAuthenticator({
        config: { jwt: trusting, admin: { emails: [] } },
        ports: under.stores,
        ids,
        clock: desk.clock,
        randomText: (length) => ids.next().slice(-length),
      });
    });
    for (const sub of ['popular', 'another']) {
      const first = token({ sub, username: 'ann' });
      const seen = await Promise.all([...workers, ...workers, ...workers].map((auth) => auth.verify(first)));
      expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    }
    expect(await under.stores.accounts.count()).toBe(2);
    await under.close();
  });
});

describe('an external token', () => {
  it('counts with the secret of before as well', async () => {
    expect(await desk.auth.verify(token({ sub: 'x' }, jwtConfig.previousSecret))).toMatchObject({
      sessionId: null,
    });
  });

  it('counts only where the settings say so', async () => {
    desk = accountsDesk(storage);
    await refused({ sub: 'x' });
    expect(await count()).toBe(0);
  });

  it.each([
    ['another secret', {}, 'some other secret that is as long'],
    ['the refresh secret', {}, jwtConfig.refreshSecret],
    ['no signature', {}, ''],
    ['another algorithm', {}, jwtConfig.secret, 384],
    ['no end', { exp: undefined }],
    ['its end behind it', { exp: 1 }],
    ['an end that is no time', { exp: 'tomorrow' }],
    ['a beginning that is to come', { nbf: 99_999_999_999 }],
    ['our issuer', { iss: 'realtime-chat' }],
    ['our issuer among others', { iss: ['somebody', 'realtime-chat'] }],
    ['a session', { sid: '1' }],
    ['no session where one should be', { sid: null }],
    ['nobody', { sub: undefined }],
    ['an object for somebody', { sub: { $gt: '' } }],
    ['a list for somebody', { sub: ['x'], id: 'x' }],
    ['an empty name for somebody', { sub: '' }],
    ['too long a name for somebody', { sub: 'x'.repeat(256) }],
    ['a number that has lost digits', { sub: 2 ** 53 }],
    ['text that no store keeps', { sub: 'a\u0000b' }],
    ['half a letter', { sub: 'a\ud800' }],
  ] as const)('with %s is refused, and makes nobody', async (_, claims, secret?: string, bits?: number) => {
    await refused({ sub: 'x', ...claims }, secret, bits);
    expect(await count()).toBe(0);
  });

  it('of another issuer is somebody all the same; our own stay what they are', async () => {
    expect(await user({ sub: 'x', iss: 'https://id.example.org' })).toMatchObject({ sessionId: null });
    const ann = await desk.register('ann');
    expect(await desk.whoIs(ann)).toMatchObject({ id: ann.account.id, sessionId: ann.sessionId });
    await desk.rules.logout(await desk.whoIs(ann));
    expect(await desk.lives(ann)).toBe(false);
    await expect(desk.auth.verify(ann.refreshToken)).rejects.toMatchObject(unauthenticated);
  });

  it('is nobody who was there before, whatever it says', async () => {
    const boss = await desk.register('boss');
    await desk.stores.accounts.confirmAdmin(boss.account.id);
    const claims = { username: 'boss', name: 'boss', email: 'boss@example.org' };
    const roles = { role: 'admin', roles: ['admin'], admin: true, adminConfirmed: true, guest: false };
    for (const sub of [boss.account.id, Number(boss.account.id), 'boss', 'boss@example.org']) {
      const external = await user({ sub, ...claims, ...roles });
      expect(external.id).not.toBe(boss.account.id);
      expect(external.username).toMatch(/^boss-/);
      expect(await desk.auth.isAdmin({ apiKey: undefined, identity: external })).toBe(false);
      expect(await desk.stores.accounts.byId(external.id)).toMatchObject({ email: null });
    }
    // The number is the same somebody as its text.
    expect(await count()).toBe(4);
  });
});

describe('a revocation', () => {
  it('refuses the tokens of before and those that do not say when; later ones are the same user', async () => {
    const ann = await user({ sub: 'x' });
    const before = token({ sub: 'x' });
    const timeless = token({ sub: 'x', iat: undefined });
    const early = token({ sub: 'x', iat: seconds() + 9, exp: seconds() + HOUR_S });
    const odd = token({ sub: 'x', iat: 'now' });
    for (const one of [before, timeless, early, odd]) expect((await desk.auth.verify(one)).id).toBe(ann.id);

    desk.clock.advance(500);
    await desk.rules.logout(ann);
    const isRefused = async (one: string) =>
      desk.auth.verify(one).then(
        () => false,
        ({ code }: { code: string }) => code === 'UNAUTHENTICATED',
      );
    for (const one of [before, timeless, early, odd]) expect(await isRefused(one)).toBe(true);
    desk.clock.advance(500);
    expect(await user({ sub: 'x' })).toMatchObject({ id: ann.id });
    expect(await isRefused(before)).toBe(true);
    expect(await count()).toBe(1);
  });

  it('may be for ever: no other user comes of it', async () => {
    const ann = await user({ sub: 'x' });
    await desk.stores.accounts.revokeTokens(ann.id, NEVER);
    desk.clock.advance(1000 * HOUR_S);
    await refused({ sub: 'x' });
    await refused({ sub: 'x', iat: seconds() * 1000 });
    expect(await count()).toBe(1);
  });
});

describe('what needs a session', () => {
  it('is refused, and registering makes another account', async () => {
    const ann = await user({ sub: 'x', username: 'ann' });
    expect(await desk.rules.sessionsOf(ann)).toEqual([]);
    await expect(desk.rules.setDevice(ann, 'phone', null)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    await expect(desk.rules.revokeSession(ann, '1')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(desk.rules.changePassword(ann, { current: '', next: 'Password123' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    const registration = { username: 'anne', email: 'ann@example.org', password: 'Password123' };
    const registered = await desk.rules.register(registration, from, ann);
    expect(registered.account.id).not.toBe(ann.id);
  });
});

describe('the sockets of an external user', () => {
  let sockets: AccountSockets;
  beforeEach(async () => {
    sockets = await accountSockets(desk);
  });
  afterEach(() => sockets.stop());
  const connect = (claims: object) => sockets.connect({ token: token(claims) });
  const revokeAsAdmin = (userId: string) =>
    sockets.feature.routes['DELETE /ws/users/:userId']!({
      ...{ params: { userId }, query: { revoke: 'true' } },
    } as never);

  it('are greeted and reached like others', async () => {
    const socket = await connect({ sub: 'x', username: 'ann' });
    expect([...socket.rooms]).toEqual([roomOf('user', socket.identity.id)]);
    expect(socket.received[0]).toMatchObject([
      'connection:established',
      { user: { id: socket.identity.id, username: 'ann', guest: false } },
    ]);
    const upgraded = await sockets.connect();
    await sockets.authenticate(upgraded, { token: token({ sub: 'x' }) });
    expect([...upgraded.rooms]).toEqual([roomOf('user', socket.identity.id)]);
  });

  it('end with their token, unless another one is given in time', async () => {
    const [ends, renewed] = [await connect({ sub: 'x' }), await connect({ sub: 'x' })];
    await sockets.authenticate(renewed, token({ sub: 'x', exp: seconds() + 2 * HOUR_S }));
    desk.clock.advance(HOUR_S * 1000 - 1);
    expect(ends.alive).toBe(true);
    desk.clock.advance(1000);
    expect([ends.alive, renewed.alive]).toEqual([false, true]);
    expect(ends.received.at(-1)).toMatchObject(['error', { code: 'UNAUTHENTICATED' }]);
    desk.clock.advance(HOUR_S * 1000);
    expect(renewed.alive).toBe(false);
  });

  it.each(['POST /auth/logout', 'POST /auth/logout-all'] as const)('end at once with %s', async (route) => {
    const [ann, too, bob] = [
      await connect({ sub: 'x' }),
      await connect({ sub: 'x' }),
      await connect({ sub: 'y' }),
    ];
    desk.clock.advance(1);
    await sockets.feature.routes[route]!({ identity: ann.identity } as never);
    expect([ann.alive, too.alive, bob.alive]).toEqual([false, false, true]);
    await expect(connect({ sub: 'x' })).rejects.toMatchObject(unauthenticated);
  });

  it("end at once with an administrator's revoke", async () => {
    const [ann, bob] = [await connect({ sub: 'x' }), await connect({ sub: 'y' })];
    desk.clock.advance(1);
    expect(await revokeAsAdmin(ann.identity.id)).toEqual({ disconnected: 1 });
    expect([ann.alive, bob.alive]).toEqual([false, true]);
    await expect(connect({ sub: 'x' })).rejects.toMatchObject(unauthenticated);
  });

  it('end when the revocation came just before they could be reached', async () => {
    const socket = sockets.socketOf(await user({ sub: 'x' }));
    desk.clock.advance(1);
    await desk.stores.accounts.revokeTokens(socket.identity.id, desk.clock.now());
    await sockets.feature.connected?.(socket);
    expect(socket.alive).toBe(false);
  });

  it('end within a minute when nobody told them so; those with later tokens stay', async () => {
    const old = await connect({ sub: 'x' });
    const timeless = await connect({ sub: 'x', iat: undefined });
    desk.clock.advance(2_000);
    const [later, bob] = [await connect({ sub: 'x' }), await connect({ sub: 'y' })];
    await desk.stores.accounts.revokeTokens(old.identity.id, desk.clock.now() - 1_000);
    desk.clock.advance(57_000);
    expect([old.alive, timeless.alive]).toEqual([true, true]);
    desk.clock.advance(1_000);
    await vi.waitFor(() => expect([old.alive, timeless.alive]).toEqual([false, false]));
    expect([later.alive, bob.alive]).toEqual([true, true]);
  });
});
