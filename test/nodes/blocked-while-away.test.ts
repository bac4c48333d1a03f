import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { meet, say } from '../harness/match.ts';
import { measured } from '../harness/measured.ts';
import { startOwnMongo, type OwnMongo } from '../harness/mongod.ts';
import type { Person } from '../harness/person.ts';
import { startRedis, withoutRedis, type TestRedis } from '../harness/redis.ts';

const NOW = 1_700_000_000_000;
const [ann, bob, cy, dan] = ['11', '12', '13', '14'] as const;

/** What a worker asks for all of its seats at once. */
describe.each(storageBackends)('blocked pairs: $name', ({ open }) => {
  let under: StorageUnderTest;
  beforeAll(async () => {
    under = await open();
  });
  afterAll(() => under.close());

  it('are found either way, in the order asked for', async () => {
    const { blocks } = under.stores;
    await blocks.block(ann, bob, NOW);
    await blocks.block(dan, cy, NOW);
    await blocks.block(dan, ann, NOW);
    const pairs = [
      [cy, dan],
      [bob, cy],
      [ann, bob],
      [bob, ann],
      [bob, dan],
    ] as const;
    expect(await blocks.blockedPairs(pairs)).toEqual([pairs[0], pairs[2], pairs[3]]);
    expect(await blocks.blockedPairs([[bob, dan]])).toEqual([]);
    expect(await blocks.blockedPairs([])).toEqual([]);
  });
});

/** The block is stored, the match cannot be ended: it ends when the state is back. */
describe.skipIf(withoutRedis)(
  `a block while Redis is away${withoutRedis ? ` (${withoutRedis})` : ''}`,
  () => {
    let redis: TestRedis;
    let mongo: OwnMongo;
    let node: Cluster;
    let eve: Person;
    let fay: Person;
    let others: [Person, Person];

    beforeAll(async () => {
      [redis, mongo] = await Promise.all([startRedis(), startOwnMongo()]);
      node = await startCluster({ env: { REDIS_URL: redis.url, MONGODB_URI: mongo.uri } });
    }, 60_000);
    afterAll(async () => {
      await node?.stop();
      await Promise.all([redis?.stop(), mongo?.close()]);
    }, 60_000);

    /** Partners on one worker talk on while Redis is away, and only they can block. */
    beforeEach(async () => {
      const people: Person[] = [];
      while (new Set(people.map(({ workerId }) => workerId)).size === people.length) {
        people.push(await node.person());
      }
      fay = people.pop()!;
      eve = people.find(({ workerId }) => workerId === fay.workerId)!;
      others = (await node.strangers(2)) as [Person, Person];
      await meet(eve, fay);
      await meet(...others);
    });
    afterEach(async () => {
      await others[0].request('user:leave');
      for (const person of [eve, fay, ...others]) person.close();
    });

    async function blockWhileAway(): Promise<void> {
      await redis.kill();
      expect(await eve.request('user:block')).toMatchObject({ error: { code: 'UNAVAILABLE' } });
      await say(fay, eve, 'it could not be ended');
    }
    const bothTold = () =>
      Promise.all(
        [eve, fay].map(async (person) =>
          expect(await person.next('user:unmatched')).toMatchObject({ reason: 'blocked' }),
        ),
      );

    test.each([
      ['empty', { empty: true }],
      ['with what it had', undefined],
    ])('ends the match when Redis is back %s, and no other match', async (name, how) => {
      const snapshot = await redis.snapshot();
      await blockWhileAway();
      await redis.restart(how ?? { snapshot });
      const backAt = performance.now();
      await bothTold();
      measured(
        `blocked, Redis away, back ${name}: ended after`,
        `${Math.round(performance.now() - backAt)} ms`,
      );
      await expect
        .poll(() => others[0].raw('chat:clear'), { timeout: 5_000 })
        .toMatchObject({ success: true });
      expect(others.flatMap((person) => person.waiting('user:unmatched'))).toEqual([]);
    });

    test('ends it also when the storage comes back later', async () => {
      await blockWhileAway();
      mongo.pause();
      await redis.restart({ empty: true });
      await expect.poll(() => eve.raw('chat:clear'), { timeout: 5_000 }).toMatchObject({ success: true });
      await say(fay, eve, 'still not');
      mongo.resume();
      await bothTold();
    });
  },
);
