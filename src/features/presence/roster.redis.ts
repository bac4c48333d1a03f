import { BATCH, inBatches } from '../../drivers/redis-batches.ts';
import { defineScript, type Redis } from '../../drivers/redis.ts';
import type { PresenceStatus } from '../../kernel/schemas.ts';
import { OFFLINE_DELAY_MS, type Departure, type Presence, type Roster } from './roster.ts';

/**
 * connections: id → owner, user          owned: `owner\nid` in order, to find an owner's
 * sockets:     user → how many           statuses: user → status, since when
 * members:     user, by number of arrival; visible: those of them who are not invisible; ordered: the same, by id
 * leaving:     user, by since            due: user, by number of departure
 * departed:    user → since, visible, for those two
 */
const NAMES = [
  'connections',
  'owned',
  'sockets',
  'statuses',
  'members',
  'visible',
  'ordered',
  'leaving',
  'due',
  'departed',
  'numbers',
];

const KEYS = `local ${NAMES.join(', ')} = unpack(KEYS)\n`;

const DROP = `
local function forgetDeparture(user)
  redis.call('ZREM', leaving, user)
  redis.call('ZREM', due, user)
  redis.call('HDEL', departed, user)
end
local function leave(user, shown)
  redis.call('ZADD', leaving, now, user)
  redis.call('HSET', departed, user, string.format('%d', now) .. '\\n' .. shown)
end
local function hide(user)
  redis.call('ZREM', ordered, user)
  return redis.call('ZREM', visible, user)
end
local function drop(id)
  local connection = redis.call('HGET', connections, id)
  if not connection then return 0 end
  local owner, user = connection:match('^(.-)\\n(.*)$')
  redis.call('HDEL', connections, id)
  redis.call('ZREM', owned, owner .. '\\n' .. id)
  if redis.call('HINCRBY', sockets, user, -1) > 0 then return 0 end
  redis.call('HDEL', sockets, user)
  redis.call('HDEL', statuses, user)
  redis.call('ZREM', members, user)
  leave(user, hide(user))
  return 1
end
local function show(user, status, at)
  redis.call('HSET', statuses, user, status .. '\\n' .. string.format('%d', at))
  if status == 'offline' then return hide(user) end
  redis.call('ZADD', visible, redis.call('ZSCORE', members, user), user)
  redis.call('ZADD', ordered, 0, user)
end
local function statusOf(user)
  local entry = redis.call('HGET', statuses, user)
  if entry then return entry:match('^(.*)\\n(%d+)$') end
end
-- Of two choices the later one counts, also within a millisecond.
local function after(chosenAt) return math.max(now, (tonumber(chosenAt) or 0) + 1) end
`;

const script = <Reply>(name: string, lua: string) => defineScript<Reply>(`roster.${name}`, KEYS + DROP + lua);

/** ARGV: connection, user, owner, status, since when the status is chosen; '' for now. */
const add = script<[first: 0 | 1, at: number]>(
  'add',
  `
local id, user, owner, status, at = unpack(ARGV)
local entry = owner .. '\\n' .. user
local before = redis.call('HGET', connections, id)
if before and before ~= entry then
  drop(id)
  before = nil
end
local taken = redis.call('ZSCORE', visible, user)
if not taken and redis.call('ZSCORE', leaving, user) then
  taken = redis.call('HGET', departed, user):sub(-1) == '1'
end
forgetDeparture(user)
if not before then
  redis.call('HSET', connections, id, entry)
  redis.call('ZADD', owned, 0, owner .. '\\n' .. id)
  if redis.call('HINCRBY', sockets, user, 1) == 1 then
    redis.call('ZADD', members, redis.call('HINCRBY', numbers, 'arrivals', 1), user)
  end
end
local _, chosenAt = statusOf(user)
local asOf = tonumber(at) or after(chosenAt)
if not chosenAt or tonumber(chosenAt) < asOf then show(user, status, asOf) end
return {taken and 0 or 1, asOf}
`,
);

const remove = script<0 | 1>('remove', `return drop(ARGV[1])`);

/** ARGV: connection, user, whether others saw the user. It went while Redis was away, which may not even know that it was there. */
const removeLate = script(
  'remove late',
  `
local id, user, shown = unpack(ARGV)
if redis.call('HEXISTS', connections, id) == 1 then return drop(id) end
if redis.call('HEXISTS', sockets, user) == 0 and redis.call('HEXISTS', departed, user) == 0 then
  leave(user, shown)
end
`,
);

const setStatus = script<[before: PresenceStatus, at: number] | null>(
  'setStatus',
  `
local user, status = unpack(ARGV)
local before, chosenAt = statusOf(user)
if not before then return false end
local at = after(chosenAt)
show(user, status, at)
return {before, at}
`,
);

const onlineAmong = script<string[]>(
  'onlineAmong',
  `
local found = {}
for _, user in ipairs(ARGV) do
  if redis.call('ZSCORE', visible, user) then found[#found + 1] = user end
end
return found
`,
);

const counts = script<[users: number, connections: number]>(
  'counts',
  `return {redis.call('HLEN', sockets), redis.call('HLEN', connections)}`,
);

/** A collector that has seen more than there was knows a Redis that was lost since: the numbers go on from there. */
const departures = script<[last: number, ...(string | number)[]]>(
  'departures',
  `
local seen = tonumber(ARGV[1])
for _, user in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', seen)) do forgetDeparture(user) end
local last = math.max(tonumber(redis.call('HGET', numbers, 'departures')) or 0, seen)
for _, user in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', now - ${OFFLINE_DELAY_MS})) do
  redis.call('ZREM', leaving, user)
  last = last + 1
  redis.call('ZADD', due, last, user)
end
redis.call('HSET', numbers, 'departures', last)
local answer = {last}
for _, user in ipairs(redis.call('ZRANGE', due, 0, -1)) do
  answer[#answer + 1] = user
  answer[#answer + 1] = redis.call('HGET', departed, user)
end
return answer
`,
);

/** ARGV: owner, how many at most. Answers how many there were. */
const dropSome = script<number>(
  'dropOwner',
  `
local start = #ARGV[1] + 2
local some = redis.call('ZRANGEBYLEX', owned, '[' .. ARGV[1] .. '\\n', '(' .. ARGV[1] .. '\\11', 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(some) do drop(entry:sub(start)) end
return #some
`,
);

/** A connection of this process. */
interface Own {
  presence: Presence;
  /** When the status was chosen, by Redis's clock; undefined until Redis has been told of the connection. */
  at: number | undefined;
  /** It went, and Redis has not been told. */
  gone: boolean;
}

export interface RedisRoster extends Roster {
  /**
   * Makes the roster, as far as this process's connections go, what it is here: says again those that are, removes those
   * that are not. Other calls may go on meanwhile. To be called after each return of Redis, and when the owner was dropped.
   */
  restate(): Promise<void>;
}

export function redisRoster(redis: Redis): RedisRoster {
  const keys = NAMES.map((name) => redis.key('roster', name));
  const sockets = keys[NAMES.indexOf('sockets')]!;
  const visible = keys[NAMES.indexOf('visible')]!;
  const ordered = keys[NAMES.indexOf('ordered')]!;
  const owned = keys[NAMES.indexOf('owned')]!;
  const own = new Map<string, Own>();
  const owners = new Set<string>();

  function tell({ connectionId, userId, owner, status }: Presence, at: number | '') {
    return redis.run(add, keys, [connectionId, userId, owner, status, at]);
  }

  async function removeGone(connectionId: string, { presence, at }: Own): Promise<void> {
    const { userId, status } = presence;
    // Nobody has heard of one that Redis was never told of.
    if (at === undefined) await redis.run(remove, keys, [connectionId]);
    else await redis.run(removeLate, keys, [connectionId, userId, status === 'offline' ? 0 : 1]);
    own.delete(connectionId);
  }

  async function sayAgain(connectionId: string, entry: Own): Promise<void> {
    // It went, or was added anew, before its turn came.
    if (own.get(connectionId) !== entry || entry.gone) return;
    const { presence } = entry;
    const [, at] = await tell(presence, entry.at ?? '');
    entry.at ??= at;
    // It went meanwhile; a script that Redis did not know yet may have come after the removal.
    if (!own.has(connectionId)) await redis.run(remove, keys, [connectionId]);
  }

  /** Redis has them, this process does not: a removal whose outcome nobody knows, or an old snapshot. */
  async function removeUnknown(owner: string): Promise<void> {
    const entries = await redis.command((client) =>
      client.zrangebylex(owned, `[${owner}\n`, `(${owner}\x0b`),
    );
    const ids = entries.map((entry) => entry.slice(owner.length + 1));
    // Looked up when the answer is here: who came meanwhile is among them.
    const unknown = ids.filter((id) => !own.has(id));
    await inBatches(unknown, (id) => redis.run(remove, keys, [id]));
  }

  return {
    async add(presence) {
      const { connectionId, owner } = presence;
      owners.add(owner);
      const entry: Own = { presence, at: own.get(connectionId)?.at, gone: false };
      own.set(connectionId, entry);
      const [first, at] = await tell(presence, '');
      entry.at = at;
      return { first: first === 1 };
    },
    async remove(connectionId) {
      const entry = own.get(connectionId);
      if (entry) entry.gone = true;
      const last = await redis.run(remove, keys, [connectionId]);
      own.delete(connectionId);
      return { last: last === 1 };
    },
    async setStatus(userId, status) {
      const answer = await redis.run(setStatus, keys, [userId, status]);
      if (!answer) return null;
      const [before, at] = answer;
      for (const entry of own.values()) {
        if (entry.presence.userId !== userId) continue;
        entry.presence = { ...entry.presence, status };
        entry.at = at;
      }
      return before;
    },
    async onlineAmong(userIds) {
      const found: string[] = [];
      for (let n = 0; n < userIds.length; n += BATCH)
        found.push(...(await redis.run(onlineAmong, keys, userIds.slice(n, n + BATCH))));
      return found;
    },
    async online(limit) {
      if (limit <= 0) return [];
      return redis.command((client) => client.zrange(visible, 0, `${limit - 1}`));
    },
    async onlineAfter(after, limit) {
      const from = after === null ? '-' : `(${after}`;
      return redis.command((client) => client.zrangebylex(ordered, from, '+', 'LIMIT', 0, limit));
    },
    async counts() {
      const [users, connections] = await redis.run(counts, keys);
      return { users, connections };
    },
    async connectionsOf(userId) {
      return Number(await redis.command((client) => client.hget(sockets, userId)));
    },
    async departures(seen) {
      const [last, ...entries] = await redis.run(departures, keys, [seen]);
      const found: Departure[] = [];
      for (let n = 0; n < entries.length; n += 2) {
        const [since, shown] = String(entries[n + 1]).split('\n');
        found.push({ userId: String(entries[n]), since: Number(since), visible: shown === '1' });
      }
      return { departures: found, last };
    },
    async dropOwner(owner) {
      while ((await redis.run(dropSome, keys, [owner, BATCH])) === BATCH);
    },
    async restate() {
      await inBatches([...own], ([id, entry]) => (entry.gone ? removeGone(id, entry) : sayAgain(id, entry)));
      for (const owner of owners) await removeUnknown(owner);
    },
  };
}
