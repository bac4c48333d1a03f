import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { connectRedis } from '../../src/drivers/redis.ts';
import { redisMatchPool } from '../../src/features/matching/pool.redis.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { startRedis, withoutRedis, type TestRedis } from '../harness/redis.ts';
import { fakeClock } from './fake-clock.ts';
import { agreesWithMemory } from './match-pool.agreement.ts';
import { matchPoolContract } from './match-pool.ts';

let server: TestRedis;
beforeAll(async () => {
  if (!withoutRedis) server = await startRedis();
});
afterAll(() => server?.stop());

if (withoutRedis) {
  describe.skip(`match pool: redis (${withoutRedis})`, () => it('is not there', () => {}));
} else {
  matchPoolContract(
    'redis',
    async () => {
      const clock = fakeClock();
      const redis = await connectRedis({
        url: server.url,
        prefix: randomUUID(),
        logger: silentLogger,
        now: clock.now,
      });
      const returned = async (restart: Promise<void>) => {
        const back = new Promise<void>((resolve) => redis.onReturn(() => resolve()));
        await restart;
        await back;
      };
      let saved = '';
      return {
        pool: redisMatchPool({ redis }),
        advance: clock.advance,
        lose: () => returned(server.restart({ empty: true })),
        snapshot: {
          async save() {
            saved = await server.snapshot();
          },
          restore: () => returned(server.restart({ snapshot: saved })),
        },
        close: () => redis.close(),
      };
    },
    { outlives: true },
  );

  it.each([1, 2, 3])(
    'decides as the memory version does (seed %i)',
    async (seed) => {
      const clock = fakeClock();
      const redis = await connectRedis({
        url: server.url,
        prefix: randomUUID(),
        logger: silentLogger,
        now: clock.now,
      });
      await agreesWithMemory(redisMatchPool({ redis }), clock, seed);
      await redis.close();
    },
    60_000,
  );
}
