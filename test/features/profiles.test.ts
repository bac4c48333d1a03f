/** What users show of themselves, how others hear of it, and how they are found. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ProfileChanges } from '../../src/features/accounts/accounts.ts';
import { accountsContract, type AccountFacts } from '../../src/features/accounts/contract.ts';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountSockets, type AccountSockets } from './account-sockets.ts';
import { accountsDesk, from, type Desk } from './accounts-desk.ts';

let storage: StorageUnderTest;
let desk: Desk;
let sockets: AccountSockets;
let changes: AccountFacts['profile.changed'][];

beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
beforeEach(async () => {
  desk = accountsDesk(storage);
  sockets = await accountSockets(desk);
  changes = [];
  desk.facts.on('profile.changed', (fact) => void changes.push(fact));
});
afterEach(async () => {
  await sockets.stop();
  await storage.empty();
});
afterAll(() => storage.close());

/** A request whose token was verified, parsed as the road does it. */
async function ask(
  route: 'PATCH /users/me' | 'GET /users/search',
  { token }: { token: string },
  given: unknown,
) {
  const spec = accountsContract.routes[route];
  const parsed =
    route === 'PATCH /users/me' ? { body: spec.body.parse(given) } : { query: spec.query.parse(given) };
  const call = { ...parsed, identity: await desk.auth.verify(token), renderId: String };
  return sockets.feature.routes[route]!(call as never);
}
const change = async (who: { token: string }, given: unknown) => ask('PATCH /users/me', who, given);

describe('a profile', () => {
  it('changes where it is told to, and others hear what has changed', async () => {
    const ann = await desk.register('ann');
    expect(await change(ann, { displayName: 'Ann A.', bio: 'Hello' })).toMatchObject({
      user: { id: ann.account.id, username: 'ann', displayName: 'Ann A.', bio: 'Hello', avatar: null },
    });
    await change(ann, { username: 'annabel', displayName: 'Ann A.' });
    await change(ann, { bio: '' });
    await change(ann, { displayName: null, avatar: null });
    expect(changes.map(({ userId, changed }) => [userId, changed])).toEqual([
      [ann.account.id, { displayName: 'Ann A.', bio: 'Hello' }],
      [ann.account.id, { username: 'annabel' }],
      [ann.account.id, { bio: null }],
      [ann.account.id, { displayName: null }],
    ]);
    expect(await desk.rules.me(await desk.whoIs(ann))).toMatchObject({
      ...{ username: 'annabel', displayName: null, bio: null },
    });
  });

  it('that stays as it is is told to nobody', async () => {
    const ann = await desk.register('ann');
    await change(ann, {});
    await change(ann, { username: 'ann', displayName: '  ', bio: null, avatar: null });
    expect(changes).toEqual([]);
  });

  it("cannot have somebody else's name, and nothing changes then", async () => {
    const [ann] = [await desk.register('ann'), await desk.register('bob')];
    await expect(change(ann, { username: 'BOB', bio: 'x' })).rejects.toMatchObject({
      code: 'CONFLICT',
      fields: { username: 'is taken' },
    });
    expect(changes).toEqual([]);
    expect(await desk.rules.me(await desk.whoIs(ann))).toMatchObject({ username: 'ann', bio: null });
  });

  it('has no avatar but an own upload', async () => {
    const ann = await desk.register('ann');
    for (const avatar of ['1', 'https://elsewhere.example/a.jpg', ''])
      await expect(change(ann, { avatar, bio: 'x' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(changes).toEqual([]);
  });

  it('is of guests as well', async () => {
    const guest = await desk.rules.guest(undefined, from);
    expect(await change(guest, { username: 'ann' })).toMatchObject({
      user: { username: 'ann', guest: true },
    });
  });
});

describe('texts', () => {
  const body = accountsContract.routes['PATCH /users/me'].body;
  const parsed = (given: object) => body.parse(given) as ProfileChanges;

  it('are cleaned, and markup stays', () => {
    expect(parsed({ bio: ' <b>a\u0301</b>\u0000\u0007\r\n\tz\ud800 ' }).bio).toBe('<b>á</b>\n\tz');
    expect(parsed({ displayName: ' A\u0000 \n\t B\u007f ' }).displayName).toBe('A B');
    expect(parsed({ bio: 'x'.repeat(280) + ' \u0000' }).bio).toHaveLength(280);
  });

  it.each([
    { bio: 'x'.repeat(281) },
    { displayName: 'x'.repeat(51) },
    { bio: 7 },
    { bio: { $set: 1 } },
    { username: null },
    { username: 'a b' },
    { username: { $ne: '' } },
    { avatar: 7 },
  ])('%j is refused', (given) => {
    expect(body.safeParse(given).success).toBe(false);
  });

  it('nothing else gets through', () => {
    expect(parsed({ email: 'x@y.zz', adminConfirmed: true, externalId: 'x', guest: false })).toEqual({});
  });
});

describe("the user's live sockets", () => {
  it('go by the new name at once, before anybody hears of it, and are otherwise what they were', async () => {
    const [ann, bob] = [await desk.register('ann'), await desk.register('bob')];
    const [one, two, other] = [
      await sockets.connect(ann),
      await sockets.connect(await desk.login('ann')),
      await sockets.connect(bob),
    ];
    const before = one.identity;
    let named: string | undefined;
    desk.facts.on('profile.changed', () => void (named = two.identity.username));
    await change(ann, { username: 'annabel' });
    expect(named).toBe('annabel');
    expect([one, two, other].map(({ identity }) => identity.username)).toEqual(['annabel', 'annabel', 'bob']);
    expect(one.identity).toBe(before);
  });

  it('go by it within a minute when nobody told them', async () => {
    const ann = await desk.register('ann');
    const socket = await sockets.connect(ann);
    sockets.isHeard = false;
    await change(ann, { username: 'annabel' });
    desk.clock.advance(59_000);
    expect(socket.identity.username).toBe('ann');
    desk.clock.advance(1_000);
    await vi.waitFor(() => expect(socket.identity.username).toBe('annabel'));
    expect(socket.alive).toBe(true);
  });

  it('do not go back to the old one when an old answer comes late', async () => {
    const ann = await desk.register('ann');
    const socket = await sockets.connect(ann);
    const standing = vi.spyOn(desk.stores.accounts, 'standing').mockImplementationOnce(async (ids) => {
      const old = await storage.stores.accounts.byIds(ids);
      await change(ann, { username: 'annabel' });
      return old.map((account) => ({ ...account, tokensFrom: null }));
    });
    desk.clock.advance(60_000);
    await vi.waitFor(() => expect(standing.mock.settledResults[0]?.type).toBe('fulfilled'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.identity.username).toBe('annabel');
    standing.mockRestore();
  });

  it('that connect while the name changes have the new one', async () => {
    const ann = await desk.register('ann');
    const socket = sockets.socketOf({ ...(await desk.whoIs(ann)), username: 'a name of before' });
    await sockets.feature.connected?.(socket);
    expect(socket.identity.username).toBe('ann');
    expect(socket.received[0]).toMatchObject([expect.any(String), { user: { username: 'ann' } }]);
  });
});

describe('a search', () => {
  const search = async (who: { token: string }, q: unknown) => {
    const answer = (await ask('GET /users/search', who, { q })) as {
      users: { username: string }[];
      count: number;
    };
    expect(answer.count).toBe(answer.users.length);
    return answer.users;
  };
  const names = async (who: { token: string }, q: string) =>
    (await search(who, q)).map(({ username }) => username);

  it('finds who begins so, and shows no address', async () => {
    const [ann, bob] = [await desk.register('ann'), await desk.register('anton')];
    await change(bob, { displayName: 'Anton the First' });
    await desk.rules.register(
      { username: 'zoe', email: 'an@example.org', password: 'Password123' },
      from,
      null,
    );
    expect(await search(ann, ' ＡＮ')).toEqual([
      { id: bob.account.id, username: 'anton', displayName: 'Anton the First', avatar: null },
    ]);
  });

  it('hides the caller, and blocked pairs both ways, however many they are', async () => {
    const ann = await desk.register('ann');
    const others = [];
    for (let n = 10; n < 85; n++) others.push(await desk.rules.guest(`an${n}`, from));
    for (const [n, { account }] of others.entries()) {
      if (n >= 60) continue;
      if (n % 2) await desk.stores.blocks.block(ann.account.id, account.id, 1);
      else await desk.stores.blocks.block(account.id, ann.account.id, 1);
    }
    expect(await names(ann, 'an')).toEqual(others.slice(60).map(({ account }) => account.username));
    expect(await names(others[60]!, 'an')).toEqual(
      others.slice(0, 20).map(({ account }) => account.username),
    );
  });

  it.each(['a', ' a ', '', '𐐀', undefined, ['an', 'an'], { $gt: '' }, 'x'.repeat(201)])(
    'does not begin with %j',
    (q) => {
      expect(accountsContract.routes['GET /users/search'].query.safeParse({ q }).success).toBe(false);
    },
  );
});
