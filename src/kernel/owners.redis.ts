import { defineScript, type Redis } from '../drivers/redis.ts';
import { beingDropped, OWNER_TTL_MS, SILENCE_MS, type Owners } from './owners.ts';

/** Notices, with every sign of life, that there was none for too long. */
export const listening = `
local heard = tonumber(redis.call('HGET', beat, 'heard'))
local grace = tonumber(redis.call('HGET', beat, 'grace')) or 0
if heard and now - heard > ${SILENCE_MS} then
  grace = now + ${OWNER_TTL_MS}
  redis.call('HSET', beat, 'grace', grace)
end
redis.call('HSET', beat, 'heard', now)
`;

const renew = defineScript<0 | 1 | 2>(
  'owners.renew',
  `
local leases, condemned, beat, owner = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
${listening}
if redis.call('SISMEMBER', condemned, owner) == 1 then return 2 end
local known = redis.call('ZSCORE', leases, owner)
redis.call('ZADD', leases, now + ${OWNER_TTL_MS}, owner)
return known and 1 or 0
`,
);

const lapsed = defineScript<string[]>(
  'owners.lapsed',
  `
local leases, condemned, beat = KEYS[1], KEYS[2], KEYS[3]
${listening}
if now >= grace then
  for _, owner in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now)) do
    redis.call('SADD', condemned, owner)
  end
end
return redis.call('SMEMBERS', condemned)
`,
);

const drop = defineScript(
  'owners.drop',
  `
local leases, condemned, beat = KEYS[1], KEYS[2], KEYS[3]
redis.call('ZREM', leases, ARGV[1])
redis.call('SREM', condemned, ARGV[1])
-- Nobody is left who could be silent.
if redis.call('EXISTS', leases) == 0 then redis.call('DEL', beat) end
`,
);

export function redisOwners(redis: Redis): Owners {
  const keys = ['leases', 'condemned', 'beat'].map((name) => redis.key('owners', name));
  return {
    async renew(owner) {
      const answer = await redis.run(renew, keys, [owner]);
      if (answer === 2) throw beingDropped();
      return { known: answer === 1 };
    },
    lapsed: () => redis.run(lapsed, keys),
    async dropOwner(owner) {
      await redis.run(drop, keys, [owner]);
    },
  };
}
