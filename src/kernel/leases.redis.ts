import { defineScript, type Redis } from '../drivers/redis.ts';
import { AppError } from './errors.ts';
import type { Leases } from './leases.ts';

/**
 * ARGV: name, owner, ttl, whether the owner had it when it last asked. Soon after Redis's own start who had a name may not have said
 * so again yet, and what is stored may be old: nobody else gets it.
 */
const hold = defineScript<0 | 1>(
  'leases.hold',
  `
local held, name, owner = KEYS[1], ARGV[1], ARGV[2]
local settledAt, had = tonumber(ARGV[4]), ARGV[5] == '1'
local lease = redis.call('HGET', held, name)
if lease then
  local holder, ends = lease:match('^(.*)\\n(%d+)$')
  if holder ~= owner and tonumber(ends) > now then return 0 end
end
if now < settledAt and not had then return 0 end
redis.call('HSET', held, name, owner .. '\\n' .. string.format('%d', now + ARGV[3]))
return 1
`,
);

const release = defineScript(
  'leases.release',
  `
local lease = redis.call('HGET', KEYS[1], ARGV[1])
if lease and lease:match('^(.*)\\n%d+$') == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
`,
);

/** ARGV: name, owner, count, when slots may go to newcomers, the slot that the owner had, or -1. Answers -1 for none, -2 for not yet. */
const slot = defineScript<number>(
  'leases.slot',
  `
local slots, slotOf, name, owner = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local count, settledAt, wanted = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local mine = redis.call('HGET', slotOf, name .. '\\n' .. owner)
if mine then return tonumber(mine) end
local function take(slot)
  if redis.call('HSETNX', slots, name .. '\\n' .. slot, owner) == 0 then return false end
  redis.call('HSET', slotOf, name .. '\\n' .. owner, slot)
  return true
end
if wanted >= 0 then return take(wanted) and wanted or -1 end
if now < settledAt then return -2 end
for slot = 0, count - 1 do
  if take(slot) then return slot end
end
return -1
`,
);

const drop = defineScript(
  'leases.drop',
  `
local held, slots, slotOf, owner = KEYS[1], KEYS[2], KEYS[3], ARGV[1]
local leases = redis.call('HGETALL', held)
for n = 1, #leases, 2 do
  if leases[n + 1]:match('^(.*)\\n%d+$') == owner then redis.call('HDEL', held, leases[n]) end
end
local taken = redis.call('HGETALL', slots)
for n = 1, #taken, 2 do
  if taken[n + 1] == owner then
    redis.call('HDEL', slots, taken[n])
    redis.call('HDEL', slotOf, taken[n]:match('^(.*)\\n%d+$') .. '\\n' .. owner)
  end
end
`,
);

export interface RedisLeases extends Leases {
  /**
   * Claims the same slots again for an owner of this process. Answers the names of those that another owner has meanwhile: what was made
   * with them must not go on. Names are held again by `hold`.
   */
  restate(owner: string): Promise<readonly string[]>;
}

export function redisLeases(redis: Redis): RedisLeases {
  const [held, slots, slotOf] = ['held', 'slots', 'slot-of'].map((name) => redis.key('leases', name)) as [
    string,
    string,
    string,
  ];
  /** What this process was given, by owner: it may have it again from a Redis that has lost it. */
  const given = new Map<string, { names: Set<string>; slots: Map<string, number> }>();

  function givenTo(owner: string) {
    let all = given.get(owner);
    if (!all) given.set(owner, (all = { names: new Set(), slots: new Map() }));
    return all;
  }

  async function takeSlot(name: string, owner: string, count: number, wanted: number): Promise<number> {
    return redis.run(slot, [slots, slotOf], [name, owner, count, redis.server.settledAt, wanted]);
  }

  return {
    async hold(name, owner, ttlMs) {
      const { names } = givenTo(owner);
      const had = names.has(name) ? 1 : 0;
      const args = [name, owner, ttlMs, redis.server.settledAt, had];
      const holds = (await redis.run(hold, [held], args)) === 1;
      if (holds) names.add(name);
      else names.delete(name);
      return holds;
    },
    async release(name, owner) {
      given.get(owner)?.names.delete(name);
      await redis.run(release, [held], [name, owner]);
    },
    async slot(name, owner, count) {
      const mine = givenTo(owner).slots;
      const number = await takeSlot(name, owner, count, mine.get(name) ?? -1);
      if (number === -2)
        throw new AppError('UNAVAILABLE', 'Redis has just started: those who have slots come first');
      if (number === -1) throw new AppError('UNAVAILABLE', `all ${count} slots of ${name} are taken`);
      mine.set(name, number);
      return number;
    },
    async restate(owner) {
      const lost: string[] = [];
      for (const [name, number] of given.get(owner)?.slots ?? []) {
        if ((await takeSlot(name, owner, 0, number)) !== number) lost.push(name);
      }
      return lost;
    },
    async dropOwner(owner) {
      given.delete(owner);
      await redis.run(drop, [held, slots, slotOf], [owner]);
    },
  };
}
