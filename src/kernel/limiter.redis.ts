import { defineScript, type Redis } from '../drivers/redis.ts';
import { AppError } from './errors.ts';
import { memoryLimiter, type Hit, type Limit, type Limiter } from './limiter.ts';
import type { Logger } from './logger.ts';

const hit = defineScript<[used: number, resetMs: number]>(
  'limiter.hit',
  `
local counter, windowMs = KEYS[1], tonumber(ARGV[1])
local ends = tonumber(redis.call('HGET', counter, 'ends'))
if not ends or ends <= now then
  ends = now + windowMs
  redis.call('HSET', counter, 'used', 0, 'ends', ends)
  redis.call('PEXPIRE', counter, windowMs)
end
return {redis.call('HINCRBY', counter, 'used', 1), ends - now}
`,
);

const refund = defineScript(
  'limiter.refund',
  `
local window = redis.call('HMGET', KEYS[1], 'used', 'ends')
local used, ends = tonumber(window[1]), tonumber(window[2])
if used and used > 0 and ends > now then redis.call('HINCRBY', KEYS[1], 'used', -1) end
`,
);

export interface RedisLimiter extends Limiter {
  /** Hits that this process counted alone since it started, because Redis was away. */
  readonly countedAlone: number;
}

/**
 * While Redis is away this process counts alone, from zero (the one exception to "a lost backend is UNAVAILABLE"). Not by
 * rate-limiter-flexible's Redis limiter: it rounds windows down to seconds, and below one they never end; and its refund takes two steps.
 */
export function redisLimiter(redis: Redis, logger: Logger): RedisLimiter {
  const alone = memoryLimiter();
  let countedAlone = 0;
  let isAlone = false;
  const counterOf = (bucket: string, key: string, { max, windowMs }: Limit) =>
    redis.key(`${bucket}/${max}/${windowMs}/${key}`, 'limit');

  /** Asks Redis, or undefined when it is away. */
  async function shared<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      const answer = await ask();
      if (isAlone) {
        isAlone = false;
        logger.info('stats', 'rate limits count across all workers again', { countedAlone });
      }
      return answer;
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) throw error;
      if (!isAlone) {
        isAlone = true;
        logger.warn('stats', 'rate limits count in each worker alone: Redis is away');
      }
      return undefined;
    }
  }

  return {
    async hit(bucket, key, limit): Promise<Hit> {
      const answer = await shared(() => redis.run(hit, [counterOf(bucket, key, limit)], [limit.windowMs]));
      if (!answer) {
        countedAlone += 1;
        return alone.hit(bucket, key, limit);
      }
      const [used, resetMs] = answer;
      return { allowed: used <= limit.max, remaining: Math.max(limit.max - used, 0), resetMs, used };
    },
    async refund(bucket, key, limit) {
      const done = await shared(async () => {
        await redis.run(refund, [counterOf(bucket, key, limit)]);
        return true;
      });
      if (!done) await alone.refund(bucket, key, limit);
    },
    get countedAlone() {
      return countedAlone;
    },
  };
}
