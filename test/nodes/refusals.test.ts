import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster } from '../harness/cluster.ts';
import { startOwnMongo } from '../harness/mongod.ts';
import { startRedis, withoutRedis } from '../harness/redis.ts';

/** A second node needs both backends; with one of them embedded it must not start. */
describe.skipIf(withoutRedis)(`a second node${withoutRedis ? ` (${withoutRedis})` : ''}`, () => {
  let redis: Awaited<ReturnType<typeof startRedis>>;
  let mongo: Awaited<ReturnType<typeof startOwnMongo>>;
  beforeAll(async () => {
    [redis, mongo] = await Promise.all([startRedis(), startOwnMongo()]);
  }, 60_000);
  afterAll(() => Promise.all([redis?.stop(), mongo?.close()]));

  test.each([
    ['with Redis alone', 'MONGODB_URI', () => ({ REDIS_URL: redis.url })],
    ['with MongoDB alone', 'REDIS_URL', () => ({ MONGODB_URI: mongo.uri })],
  ])(
    '%s is refused, and told that %s is missing',
    async (_, missing, env) => {
      const first = await startCluster({ workers: 1, env: { ...env(), NODE_ID: 'n1' } });
      await expect(startCluster({ workers: 1, env: { ...env(), NODE_ID: 'n2' } })).rejects.toThrow(
        `${missing}: required on every node when there is more than one (found n1, n2)`,
      );
      await first.stop();
    },
    60_000,
  );
});
