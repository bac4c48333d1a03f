import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isRevoked, NEVER, type AccountStore } from '../../src/features/accounts/accounts.ts';
import { account, guestAccount, NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';

/** What every AccountStore does. */
export function accountStoreContract({ name, open }: StorageBackend): void {
  describe(`account store: ${name}`, () => {
    let under: StorageUnderTest;
    let accounts: AccountStore;
    beforeAll(async () => {
      under = await open();
      accounts = under.stores.accounts;
    });
    afterEach(() => under.empty());
    afterAll(() => under.close());

    it('gives back what was created', async () => {
      const ann = account({ username: 'Ann', email: 'Ann@Example.org', avatar: 'a.jpg', status: 'busy' });
      const guest = guestAccount({ lastSeen: NOW + 5, adminConfirmed: true });
      const external = account({
        ...{ email: null, externalId: 'auth0|7', tokensFrom: NOW + 7 },
        ...{ displayName: 'Ann A.', bio: 'two\nlines' },
      });
      await accounts.create(ann);
      await accounts.create(guest);
      await accounts.create(external);

      expect(await accounts.byId(ann.id)).toEqual(ann);
      expect(await accounts.byId(guest.id)).toEqual(guest);
      expect(await accounts.byEmail('Ann@Example.org')).toEqual(ann);
      expect(await accounts.byExternalId('auth0|7')).toEqual(external);
      expect(await accounts.count()).toBe(3);
    });

    it('knows nobody else', async () => {
      await accounts.create(account());
      for (const id of ['1', '0', '-1', '', '1e3', 'x', '99999999999999999999', `{"$gt":""}`]) {
        expect(await accounts.byId(id)).toBeNull();
      }
      expect(await accounts.byEmail('')).toBeNull();
    });

    it('compares addresses and names without case, and names without width', async () => {
      const ann = account({ username: 'Ann', email: 'Ann@Example.org' });
      await accounts.create(ann);

      expect(await accounts.byEmail(' ANN@EXAMPLE.ORG ')).toEqual(ann);
      await expect(accounts.create(account({ username: 'aNN' }))).rejects.toMatchObject({
        code: 'CONFLICT',
        fields: { username: expect.any(String) },
      });
      await expect(accounts.create(account({ username: 'ＡＮＮ' }))).rejects.toMatchObject({
        code: 'CONFLICT',
      });
      const sameAddress = await accounts
        .create(account({ email: 'aNN@example.ORG' }))
        .catch((error: unknown) => error);
      expect(sameAddress).toMatchObject({ code: 'CONFLICT' });
      expect(Object.keys((sameAddress as { fields: object }).fields)).toEqual(['email']);
    });

    it('names both fields when both are taken, and stores nothing', async () => {
      const ann = account({ username: 'ann', email: 'ann@example.org' });
      await accounts.create(ann);
      const twin = account({ username: 'ANN', email: 'ANN@example.org' });

      await expect(accounts.create(twin)).rejects.toMatchObject({
        code: 'CONFLICT',
        fields: { username: expect.any(String), email: expect.any(String) },
      });
      expect(await accounts.byId(twin.id)).toBeNull();
      expect(await accounts.count()).toBe(1);
    });

    it('gives a name to one of many who ask at once', async () => {
      const asked = await Promise.allSettled(
        Array.from({ length: 20 }, () => accounts.create(account({ username: 'popular' }))),
      );
      expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await accounts.count()).toBe(1);
    });

    it('lets many guests have no address', async () => {
      await accounts.create(guestAccount());
      await accounts.create(guestAccount());
      expect(await accounts.count()).toBe(2);
    });

    it('shows public profiles in the order asked for, and leaves out who is not there', async () => {
      const [ann, bob] = [account({ username: 'ann', avatar: 'a.jpg' }), account({ username: 'bob' })];
      await accounts.create(ann);
      await accounts.create(bob);
      expect(await accounts.byIds([bob.id, '1', ann.id])).toEqual([
        { id: bob.id, username: 'bob', avatar: null },
        { id: ann.id, username: 'ann', avatar: 'a.jpg' },
      ]);
      expect(await accounts.byIds([])).toEqual([]);
    });

    describe('converting a guest', () => {
      const registration = { username: 'Ann', email: 'Ann@example.org', passwordHash: 'new' };

      it('keeps the id and removes the expiry', async () => {
        const guest = guestAccount({ username: 'guest-1', avatar: 'a.jpg' });
        await accounts.create(guest);
        const ann = { ...guest, ...registration, guest: false, expiresAt: null };

        expect(await accounts.convertGuest(guest.id, registration, NOW)).toEqual(ann);
        expect(await accounts.byId(guest.id)).toEqual(ann);
        expect(await accounts.byEmail('ann@EXAMPLE.org')).toEqual(ann);
        await accounts.create(account({ username: 'guest-1' }));
      });

      it('lets the guest keep its own name', async () => {
        const guest = guestAccount({ username: 'Ann' });
        await accounts.create(guest);
        expect(
          await accounts.convertGuest(guest.id, { ...registration, username: 'ann' }, NOW),
        ).toMatchObject({
          username: 'ann',
          guest: false,
        });
      });

      it('refuses names and addresses of others, and changes nothing', async () => {
        await accounts.create(account({ username: 'ann', email: 'ann@example.org' }));
        const guest = guestAccount();
        await accounts.create(guest);

        await expect(accounts.convertGuest(guest.id, registration, NOW)).rejects.toMatchObject({
          code: 'CONFLICT',
          fields: { username: expect.any(String), email: expect.any(String) },
        });
        expect(await accounts.byId(guest.id)).toEqual(guest);
      });

      it('works once, in time, and for guests only', async () => {
        const [guest, late, user] = [guestAccount(), guestAccount({ expiresAt: NOW }), account()];
        for (const one of [guest, late, user]) await accounts.create(one);

        expect(await accounts.convertGuest(late.id, registration, NOW)).toBeNull();
        expect(await accounts.convertGuest(user.id, registration, NOW)).toBeNull();
        expect(await accounts.convertGuest('1', registration, NOW)).toBeNull();
        expect(await accounts.convertGuest(guest.id, registration, NOW)).not.toBeNull();
        expect(await accounts.convertGuest(guest.id, { ...registration, username: 'bob' }, NOW)).toBeNull();
      });
    });

    it('changes password, status and confirmation, and says whether there was somebody', async () => {
      const ann = account();
      await accounts.create(ann);

      expect(await accounts.setPassword(ann.id, 'next')).toBe(true);
      await accounts.setStatus(ann.id, 'away');
      expect(await accounts.confirmAdmin(ann.id)).toBe(true);
      expect(await accounts.confirmAdmin(ann.id)).toBe(true);
      expect(await accounts.byId(ann.id)).toEqual({
        ...ann,
        passwordHash: 'next',
        status: 'away',
        adminConfirmed: true,
      });

      expect(await accounts.setPassword('1', 'next')).toBe(false);
      await accounts.setStatus('1', 'away');
      expect(await accounts.confirmAdmin('1')).toBe(false);
    });

    describe('external ids', () => {
      it('are unique, as they are', async () => {
        const [one, other] = [account({ externalId: 'x' }), account({ externalId: 'X' })];
        await accounts.create(one);
        await accounts.create(other);
        expect(await accounts.byExternalId('x')).toEqual(one);
        expect(await accounts.byExternalId('X')).toEqual(other);
        for (const unknown of [' x', 'ｘ', '', 'null', one.id, one.username, one.email!]) {
          expect(await accounts.byExternalId(unknown)).toBeNull();
        }
        const taken = await accounts.create(account({ externalId: 'x' })).catch((error: unknown) => error);
        expect(taken).toMatchObject({ code: 'CONFLICT' });
        expect(Object.keys((taken as { fields: object }).fields)).toEqual(['externalId']);
        expect(await accounts.count()).toBe(2);
      });

      it('make one account, however many ask at once', async () => {
        const asked = await Promise.allSettled(
          Array.from({ length: 20 }, (_, i) =>
            accounts.create(account({ username: `name${i % 2}`, externalId: 'popular' })),
          ),
        );
        expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
        expect(await accounts.count()).toBe(1);
      });

      it('are none of many accounts', async () => {
        await accounts.create(account());
        await accounts.create(account());
        expect(await accounts.count()).toBe(2);
      });

      it('are revoked up to a time, which moves forward only', async () => {
        const ann = account({ externalId: 'x' });
        await accounts.create(ann);
        const from = async () => (await accounts.byExternalId('x'))?.tokensFrom;

        expect(await accounts.revokeTokens(ann.id, NOW + 10)).toBe(true);
        expect(await accounts.revokeTokens(ann.id, NOW + 5)).toBe(true);
        expect(await from()).toBe(NOW + 10);
        expect(await accounts.revokeTokens(ann.id, NEVER)).toBe(true);
        expect(await from()).toBe(NEVER);
        expect(await accounts.revokeTokens(ann.id, NOW)).toBe(true);
        expect(await from()).toBe(NEVER);
        expect(await accounts.revokeTokens('1', NOW)).toBe(false);
      });

      it('say what tokens count', () => {
        expect([isRevoked(null, null), isRevoked(5, null)]).toEqual([false, false]);
        expect([isRevoked(4, 5), isRevoked(5, 5), isRevoked(null, 5)]).toEqual([true, false, true]);
        expect(isRevoked(Number.MAX_SAFE_INTEGER, NEVER)).toBe(false);
        expect(isRevoked(NOW, NEVER)).toBe(true);
      });
    });

    it('says how accounts stand, and leaves out who is not there', async () => {
      const [ann, bob] = [account({ username: 'ann', avatar: 'a.jpg' }), account({ username: 'bob' })];
      await accounts.create(ann);
      await accounts.create(bob);
      await accounts.revokeTokens(bob.id, NOW);
      const standing = await accounts.standing([bob.id, '1', 'x', ann.id]);
      expect(standing.toSorted((a, b) => a.username.localeCompare(b.username))).toEqual([
        { id: ann.id, username: 'ann', avatar: 'a.jpg', tokensFrom: null },
        { id: bob.id, username: 'bob', avatar: null, tokensFrom: NOW },
      ]);
      expect(await accounts.standing([])).toEqual([]);
    });

    describe('a profile', () => {
      it('changes where it is told to', async () => {
        const ann = account({ username: 'ann', avatar: 'a.jpg' });
        await accounts.create(ann);
        const changed = { ...ann, displayName: 'Ann', bio: 'Hello' };
        expect(await accounts.updateProfile(ann.id, { displayName: 'Ann', bio: 'Hello' })).toEqual(changed);
        const renamed = { ...changed, username: 'Annabel', avatar: null, bio: null };
        expect(
          await accounts.updateProfile(ann.id, { username: 'Annabel', avatar: null, bio: null }),
        ).toEqual(renamed);
        expect(await accounts.updateProfile(ann.id, {})).toEqual(renamed);
        expect(await accounts.byId(ann.id)).toEqual(renamed);
        expect(await accounts.updateProfile('1', { bio: 'x' })).toBeNull();
        expect(await accounts.updateProfile('1', { username: 'nobody' })).toBeNull();
      });

      it('gives the old name free, and may have the own one in another form', async () => {
        const ann = account({ username: 'ann' });
        await accounts.create(ann);
        expect(await accounts.updateProfile(ann.id, { username: 'ANN' })).toMatchObject({ username: 'ANN' });
        await accounts.updateProfile(ann.id, { username: 'bea' });
        await accounts.create(account({ username: 'Ann' }));
      });

      it("has nobody else's name, and nothing changes then", async () => {
        const [ann, bob] = [account({ username: 'ann' }), account({ username: 'bob' })];
        await accounts.create(ann);
        await accounts.create(bob);
        const taken = accounts.updateProfile(bob.id, { username: 'ＡＮＮ', bio: 'x' });
        await expect(taken).rejects.toMatchObject({
          code: 'CONFLICT',
          fields: { username: expect.any(String) },
        });
        expect(await accounts.byId(bob.id)).toEqual(bob);
      });

      it('of many who want one name at once, one has it', async () => {
        const people = Array.from({ length: 10 }, () => account());
        for (const one of people) await accounts.create(one);
        const asked = await Promise.allSettled(
          people.map(({ id }) => accounts.updateProfile(id, { username: 'popular' })),
        );
        expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      });
    });

    describe('a search for names', () => {
      const names = async (prefix: string, after: string | null = null, limit = 20) =>
        (await accounts.withNamePrefix(prefix, after, limit)).map(({ username }) => username);

      it('finds what begins so, in any case and width, in order, page by page', async () => {
        for (const username of ['Anna', 'ann', 'ANT', 'anx', 'bo-ann', 'an', 'Änne', 'an_x'])
          await accounts.create(account({ username }));
        expect(await names('an')).toEqual(['an', 'an_x', 'ann', 'Anna', 'ANT', 'anx']);
        expect(await names('ＡＮＮ')).toEqual(['ann', 'Anna']);
        expect(await names('äN')).toEqual(['Änne']);
        expect(await names('an', null, 2)).toEqual(['an', 'an_x']);
        expect(await names('an', 'AN_X', 2)).toEqual(['ann', 'Anna']);
        expect(await names('an', 'anx', 2)).toEqual([]);
      });

      it('shows a profile and nothing else', async () => {
        const ann = account({ username: 'ann', avatar: 'a.jpg', displayName: 'Ann A.' });
        await accounts.create(ann);
        expect(await accounts.withNamePrefix('an', null, 5)).toEqual([
          { id: ann.id, username: 'ann', avatar: 'a.jpg', displayName: 'Ann A.' },
        ]);
      });

      it('takes patterns and operators for text', async () => {
        await accounts.create(account({ username: 'ann', email: 'zoe@example.org' }));
        await accounts.create(account({ username: '日本語' }));
        for (const text of [
          '%',
          '__',
          'a%',
          '.*',
          '^a',
          'a\\',
          `{"$gt":""}`,
          `' OR 1=1`,
          'zoe',
          '\u{10FFFF}',
        ])
          expect([text, await names(text)]).toEqual([text, []]);
        expect(await names('日本')).toEqual(['日本語']);
      });
    });

    it('moves lastSeen forward only', async () => {
      const ann = account();
      await accounts.create(ann);
      await accounts.seen(ann.id, NOW + 10);
      await accounts.seen(ann.id, NOW + 5);
      expect((await accounts.byId(ann.id))?.lastSeen).toBe(NOW + 10);
      await accounts.seen('1', NOW);
    });

    it('removes expired guests, the longest expired first, and nobody else', async () => {
      const user = account();
      const guests = [3, 1, 2, 10].map((age) => guestAccount({ expiresAt: NOW + age }));
      for (const one of [user, ...guests]) await accounts.create(one);
      const [third, first, second, living] = guests.map(({ id }) => id);

      expect(new Set(await accounts.removeExpiredGuests(NOW + 3, 2))).toEqual(new Set([first, second]));
      expect(await accounts.removeExpiredGuests(NOW + 3, 2)).toEqual([third]);
      expect(await accounts.removeExpiredGuests(NOW + 3, 2)).toEqual([]);
      expect(await accounts.byId(first!)).toBeNull();
      expect(await accounts.byId(living!)).not.toBeNull();
      expect(await accounts.byId(user.id)).not.toBeNull();
    });
  });
}
