import { defineScript } from '../../drivers/redis.ts';

/**
 * A socket is `conversation\nid`, a place `conversation\nuser`.
 *
 * sockets: socket → owner, user          owned: `owner\nsocket` in order, to find an owner's
 * places:  place → how many sockets, number of arrival, username
 * order:   `conversation\narrival\nuser` in order, to list a conversation's
 * opened:  `user\nconversation` in order, to find a user's
 * totals:  conversation → how many users
 * leaving: place, by when it is due      due: place, by number of departure
 * departed: place → username, for those two
 */
export const NAMES = [
  'sockets',
  'owned',
  'places',
  'order',
  'opened',
  'totals',
  'leaving',
  'due',
  'departed',
  'numbers',
];

const KEYS = `local ${NAMES.join(', ')} = unpack(KEYS)\n`;

const DECISIONS = `
local function both(one, other) return one .. '\\n' .. other end
local function total(conversation) return tonumber(redis.call('HGET', totals, conversation)) or 0 end
local function placeOf(place)
  local entry = redis.call('HGET', places, place)
  if entry then return entry:match('^(%d+)\\n(%d+)\\n(.*)$') end
end
local function forgetDeparture(place)
  redis.call('ZREM', leaving, place)
  redis.call('ZREM', due, place)
  redis.call('HDEL', departed, place)
end
-- Reported from dueAt on, unless the user enters until then.
local function depart(place, name, dueAt)
  if redis.call('HSETNX', departed, place, name) == 0 then return end
  redis.call('ZADD', leaving, math.max(now, tonumber(dueAt)), place)
end
local function add(conversation, id, owner, user, name)
  local socket, place = both(conversation, id), both(conversation, user)
  redis.call('HSET', sockets, socket, both(owner, user))
  redis.call('ZADD', owned, 0, both(owner, socket))
  local count, arrival = placeOf(place)
  if not count then
    count, arrival = 0, string.format('%016d', redis.call('HINCRBY', numbers, 'arrivals', 1))
    redis.call('ZADD', order, 0, both(conversation, both(arrival, user)))
    redis.call('ZADD', opened, 0, both(user, conversation))
    redis.call('HINCRBY', totals, conversation, 1)
    forgetDeparture(place)
  end
  redis.call('HSET', places, place, both(string.format('%d', count + 1), both(arrival, name)))
  return count == 0
end
-- Answers whether the socket was there, and for a user's last one in there the user and the name.
local function drop(conversation, id)
  local socket = both(conversation, id)
  local entry = redis.call('HGET', sockets, socket)
  if not entry then return false end
  local owner, user = entry:match('^(.-)\\n(.*)$')
  redis.call('HDEL', sockets, socket)
  redis.call('ZREM', owned, both(owner, socket))
  local place = both(conversation, user)
  local count, arrival, name = placeOf(place)
  if tonumber(count) > 1 then
    redis.call('HSET', places, place, both(string.format('%d', count - 1), both(arrival, name)))
    return true
  end
  redis.call('HDEL', places, place)
  redis.call('ZREM', order, both(conversation, both(arrival, user)))
  redis.call('ZREM', opened, both(user, conversation))
  if redis.call('HINCRBY', totals, conversation, -1) == 0 then redis.call('HDEL', totals, conversation) end
  return true, user, name
end
`;

const script = <Reply>(name: string, lua: string) =>
  defineScript<Reply>(`attendance.${name}`, KEYS + DECISIONS + lua);

export const enter = script<[first: 0 | 1, count: number]>(
  'enter',
  `
local conversation, id, owner, user, name = unpack(ARGV)
local before = redis.call('HGET', sockets, both(conversation, id))
local first = false
if before ~= both(owner, user) then
  drop(conversation, id)
  first = add(conversation, id, owner, user, name)
end
return {first and 1 or 0, total(conversation)}
`,
);

/** Null: Redis knows nothing of the socket. Empty: the user has another one there. */
export const leave = script<[] | [userId: string, username: string, count: number] | null>(
  'leave',
  `
local conversation, id = unpack(ARGV)
local known, user, name = drop(conversation, id)
if not known then return false end
if not user then return {} end
return {user, name, total(conversation)}
`,
);

/** It went, and nobody was told; Redis may not even know that it was there. */
export const leaveLate = script(
  'leave late',
  `
local conversation, id, user, name, dueAt = unpack(ARGV)
drop(conversation, id)
local place = both(conversation, user)
if not placeOf(place) then depart(place, name, dueAt) end
`,
);

export const users = script<[count: number, ...userIdsAndNames: string[]]>(
  'users',
  `
local conversation, limit = unpack(ARGV)
local answer = {total(conversation)}
local start = #conversation + 19
local some = redis.call('ZRANGEBYLEX', order, '[' .. conversation .. '\\n', '(' .. conversation .. '\\11', 'LIMIT', 0, limit)
for _, entry in ipairs(some) do
  local user = entry:sub(start)
  local _, _, name = placeOf(both(conversation, user))
  answer[#answer + 1] = user
  answer[#answer + 1] = name
end
return answer
`,
);

/** A collector that has seen more than there was knows a Redis that was lost since: the numbers go on from there. */
export const departures = script<[last: number, ...details: (string | number)[]]>(
  'departures',
  `
local seen = tonumber(ARGV[1])
for _, place in ipairs(redis.call('ZRANGEBYSCORE', due, '-inf', seen)) do forgetDeparture(place) end
local last = math.max(tonumber(redis.call('HGET', numbers, 'departures')) or 0, seen)
for _, place in ipairs(redis.call('ZRANGEBYSCORE', leaving, '-inf', now)) do
  redis.call('ZREM', leaving, place)
  last = last + 1
  redis.call('ZADD', due, last, place)
end
redis.call('HSET', numbers, 'departures', last)
local answer = {last}
for _, place in ipairs(redis.call('ZRANGE', due, 0, -1)) do
  local conversation, user = place:match('^(.-)\\n(.*)$')
  for _, detail in ipairs({conversation, user, redis.call('HGET', departed, place), total(conversation)}) do
    answer[#answer + 1] = detail
  end
end
return answer
`,
);

/** ARGV: owner, how many at most, when their departures are due. Answers how many there were. */
export const dropSome = script<number>(
  'dropOwner',
  `
local owner, limit, dueAt = unpack(ARGV)
local some = redis.call('ZRANGEBYLEX', owned, '[' .. owner .. '\\n', '(' .. owner .. '\\11', 'LIMIT', 0, limit)
for _, entry in ipairs(some) do
  local conversation, id = entry:sub(#owner + 2):match('^(.-)\\n(.*)$')
  local _, user, name = drop(conversation, id)
  if user then depart(both(conversation, user), name, dueAt) end
end
return #some
`,
);
