import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Account } from '../../src/features/accounts/accounts.ts';
import {
  MAX_SESSIONS_PER_USER,
  TOUCH_INTERVAL_MS,
  type Session,
  type SessionStore,
} from '../../src/features/accounts/sessions.ts';
import { account, guestAccount, nextId, NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';

const END = NOW + 10 * TOUCH_INTERVAL_MS;

/** What every SessionStore does. */
export function sessionStoreContract({ name, open }: StorageBackend): void {
  describe(`session store: ${name}`, () => {
    let under: StorageUnderTest;
    let sessions: SessionStore;
    let ann: Account;
    let bob: Account;
    beforeAll(async () => {
      under = await open();
      sessions = under.stores.sessions;
    });
    beforeEach(async () => {
      [ann, bob] = [account(), account()];
      await under.stores.accounts.create(ann);
      await under.stores.accounts.create(bob);
    });
    afterEach(() => under.empty());
    afterAll(() => under.close());

    async function signIn(owner: Account, overrides: Partial<Session> = {}): Promise<Session> {
      const session: Session = {
        id: nextId(),
        userId: owner.id,
        ip: '192.0.2.1',
        userAgent: 'a browser',
        deviceId: null,
        location: null,
        createdAt: NOW,
        lastSeen: NOW,
        expiresAt: END,
        refreshId: 'r1',
        ...overrides,
      };
      await sessions.create(session);
      return session;
    }
    const rotation = (presented: string, next: string) => ({
      presented,
      next,
      expiresAt: END + 1,
      ip: '192.0.2.2',
    });
    const lives = async (session: Session) => (await sessions.alive([session.id], NOW)).length === 1;

    it('finds a living session with its owner as they are now', async () => {
      const session = await signIn(ann, { deviceId: 'phone', location: { country: 'DE', city: 'Kassel' } });
      expect(await sessions.withOwner(session.id, NOW)).toEqual({ session, account: ann });

      await under.stores.accounts.setStatus(ann.id, 'busy');
      expect(await sessions.withOwner(session.id, NOW)).toMatchObject({ account: { status: 'busy' } });
    });

    it('finds no session that is unknown, expired, or whose owner is gone', async () => {
      const session = await signIn(ann);
      expect(await sessions.withOwner('1', NOW)).toBeNull();
      expect(await sessions.withOwner('x', NOW)).toBeNull();
      expect(await sessions.withOwner(session.id, END - 1)).not.toBeNull();
      expect(await sessions.withOwner(session.id, END)).toBeNull();

      const guest = guestAccount({ expiresAt: NOW + 5 });
      await under.stores.accounts.create(guest);
      const ofGuest = await signIn(guest);
      expect(await sessions.withOwner(ofGuest.id, NOW + 4)).not.toBeNull();
      expect(await sessions.withOwner(ofGuest.id, NOW + 5)).toBeNull();
      expect(await sessions.withOwner((await signIn(account())).id, NOW)).toBeNull();
    });

    it('says which of many live', async () => {
      const [one, two, short] = [
        await signIn(ann),
        await signIn(bob),
        await signIn(ann, { expiresAt: NOW + 1 }),
      ];
      const asked = [one.id, '1', short.id, two.id, 'x'];
      expect(new Set(await sessions.alive(asked, NOW))).toEqual(new Set([one.id, short.id, two.id]));
      expect(new Set(await sessions.alive(asked, NOW + 1))).toEqual(new Set([one.id, two.id]));
      expect(await sessions.alive([], NOW)).toEqual([]);
    });

    it("lists the user's own, the latest used first", async () => {
      const old = await signIn(ann, { lastSeen: NOW - 5 });
      const recent = await signIn(ann);
      await signIn(ann, { expiresAt: NOW });
      await signIn(bob);
      expect(await sessions.listOf(ann.id, NOW)).toEqual([recent, old]);
    });

    describe('refreshing', () => {
      it('uses a token up and puts the next one in its place', async () => {
        const session = await signIn(ann);
        expect(await sessions.rotate(session.id, rotation('r1', 'r2'), NOW + 7)).toBe('ok');
        expect((await sessions.withOwner(session.id, NOW))?.session).toEqual({
          ...session,
          refreshId: 'r2',
          expiresAt: END + 1,
          ip: '192.0.2.2',
          lastSeen: NOW + 7,
        });
        expect(await sessions.rotate(session.id, rotation('r2', 'r3'), NOW)).toBe('ok');
      });

      it('revokes the session when a token comes a second time', async () => {
        const [session, other] = [await signIn(ann), await signIn(ann)];
        await sessions.rotate(session.id, rotation('r1', 'r2'), NOW);
        expect(await sessions.rotate(session.id, rotation('r1', 'r3'), NOW)).toBe('reused');
        expect(await lives(session)).toBe(false);
        expect(await sessions.rotate(session.id, rotation('r2', 'r3'), NOW)).toBe('gone');
        expect(await lives(other)).toBe(true);
      });

      it('serves one of many who present the same token at once', async () => {
        const session = await signIn(ann);
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, (_, i) => sessions.rotate(session.id, rotation('r1', `n${i}`), NOW)),
        );
        expect(outcomes.filter((outcome) => outcome === 'ok')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome === 'reused')).toHaveLength(1);
      });

      it('does not wake the dead', async () => {
        const session = await signIn(ann);
        expect(await sessions.rotate(session.id, rotation('r1', 'r2'), END)).toBe('gone');
        expect(await sessions.renew(session.id, 'r2', END + 9, END)).toBe(false);
        expect(await sessions.rotate('1', rotation('r1', 'r2'), NOW)).toBe('gone');
      });

      it('renews whatever the current token is', async () => {
        const session = await signIn(ann);
        expect(await sessions.renew(session.id, 'r9', END + 5, NOW)).toBe(true);
        expect((await sessions.withOwner(session.id, NOW))?.session).toEqual({
          ...session,
          refreshId: 'r9',
          expiresAt: END + 5,
        });
        expect(await sessions.rotate(session.id, rotation('r9', 'r10'), NOW)).toBe('ok');
      });
    });

    it('replaces device and location', async () => {
      const session = await signIn(ann);
      expect(await sessions.setDevice(session.id, 'phone', { country: 'DE', city: 'Kassel' })).toBe(true);
      expect((await sessions.listOf(ann.id, NOW))[0]).toMatchObject({
        deviceId: 'phone',
        location: { country: 'DE', city: 'Kassel' },
      });
      await sessions.setDevice(session.id, 'tablet', null);
      expect((await sessions.listOf(ann.id, NOW))[0]).toMatchObject({ deviceId: 'tablet', location: null });
      expect(await sessions.setDevice('1', 'phone', null)).toBe(false);
    });

    it('notes use once a minute, and a new address at once', async () => {
      const session = await signIn(ann);
      const seen = async () => {
        const [only] = await sessions.listOf(ann.id, NOW);
        return [only?.lastSeen, only?.ip];
      };
      await sessions.touch(session.id, NOW + TOUCH_INTERVAL_MS - 1, session.ip);
      expect(await seen()).toEqual([NOW, '192.0.2.1']);
      await sessions.touch(session.id, NOW + 10, '192.0.2.9');
      expect(await seen()).toEqual([NOW + 10, '192.0.2.9']);
      await sessions.touch(session.id, NOW + 10 + TOUCH_INTERVAL_MS, null);
      expect(await seen()).toEqual([NOW + 10 + TOUCH_INTERVAL_MS, '192.0.2.9']);
      await sessions.touch(session.id, NOW, '192.0.2.1');
      expect(await seen()).toEqual([NOW + 10 + TOUCH_INTERVAL_MS, '192.0.2.1']);
    });

    it("revokes the user's own only, and says which", async () => {
      const [mine, other] = [await signIn(ann), await signIn(bob)];
      expect(await sessions.revoke(ann.id, [mine.id, other.id, '1'])).toEqual([mine.id]);
      expect(await sessions.revoke(ann.id, [mine.id])).toEqual([]);
      expect([await lives(mine), await lives(other)]).toEqual([false, true]);
    });

    it('revokes all but one', async () => {
      const [one, two, three, other] = [
        await signIn(ann),
        await signIn(ann),
        await signIn(ann),
        await signIn(bob),
      ];
      expect(new Set(await sessions.revokeAllOf(ann.id, two.id))).toEqual(new Set([one.id, three.id]));
      expect(await sessions.revokeAllOf(ann.id, null)).toEqual([two.id]);
      expect(await lives(other)).toBe(true);
    });

    it('makes room: the longest unused session goes when there are too many', async () => {
      const unused = await signIn(ann, { lastSeen: NOW - 1 });
      const others = [];
      for (let i = 1; i < MAX_SESSIONS_PER_USER; i++) others.push(await signIn(ann));
      expect(await lives(unused)).toBe(true);

      const newest: Session = { ...unused, id: nextId(), lastSeen: NOW - 2 };
      expect(await sessions.create(newest)).toEqual([unused.id]);
      expect(await sessions.listOf(ann.id, NOW)).toHaveLength(MAX_SESSIONS_PER_USER);
      expect(await lives(newest)).toBe(true);
      await signIn(bob);
    });

    it('forgets what expired', async () => {
      const living = await signIn(ann);
      for (const age of [1, 2, 3]) await signIn(ann, { expiresAt: NOW + age });
      expect(await sessions.removeExpired(NOW + 3, 2)).toBe(2);
      expect(await sessions.removeExpired(NOW + 3, 2)).toBe(1);
      expect(await sessions.removeExpired(NOW + 3, 2)).toBe(0);
      expect(await lives(living)).toBe(true);
    });
  });
}
