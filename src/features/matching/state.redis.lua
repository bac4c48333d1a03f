-- What the pool keeps, and in which key. Tables are stored as JSON without empty lists (cjson cannot tell those from objects) and
-- without nulls; ids are strings, and a user's public profile is JSON that nobody here looks into.
--
-- META         run, epoch, turn (grows with every change of hands), last (number of the newest notice), since (of the newest entry)
-- ENTRIES      user → who waits: connection, owner, user (profile), mode?, language?, interests?, since, order, match, turn
-- SEATS        user → match, partner (user), shared?, user (profile), initiator, turn, and
--                taken: connection, owner, resumedAt?
--                vacant: since, candidates? (newest last), unclaimed? and believedAway? (see startRun)
-- CONNECTIONS  connection → owner and user, for every connection that waits, sits or is a candidate
-- OWNED        owner and connection, in lexical order: all of one owner is one range
local META, ENTRIES, SEATS, CONNECTIONS, OWNED = unpack(KEYS, 1, 5)
-- INDEX        who waits, by what they accept (queue.redis.lua)
-- INTERESTS, LANGUAGES  entries by the time since which they wait, until they were asked again at that step
-- RETURNED     entries that were claimed back, by the time at which they are asked
-- BLOCKED      user who waits → ",those,they,blocked,"
-- RECENTS, MEETINGS     user → last partners, newest first; users by the time of their newest meeting
local INDEX, INTERESTS, LANGUAGES, RETURNED, BLOCKED, RECENTS, MEETINGS = unpack(KEYS, 6, 12)
-- VACANT       users of vacant seats by the time at which something is due
-- NOTICES      what nobody asked for, by number
local VACANT, NOTICES = unpack(KEYS, 13, 14)

local call = redis.call

local function fetch(key, field)
  local text = call('HGET', key, field)
  return text and cjson.decode(text) or nil
end

local function store(key, field, value)
  call('HSET', key, field, cjson.encode(value))
end

local function nextTurn()
  return call('HINCRBY', META, 'turn', 1)
end

-- Everything that is left in a list after `keep` has had its say; nil for none, so that it can be stored.
local function filtered(list, keep)
  local rest = {}
  for _, item in ipairs(list or {}) do
    if keep(item) then rest[#rest + 1] = item end
  end
  return rest[1] and rest or nil
end

local function append(list, items)
  for _, item in ipairs(items) do list[#list + 1] = item end
  return list
end

-- A party is {connection, owner, id, user}; ARGV has it in this order.
local function partyAt(position)
  local connection, owner, id, user = unpack(ARGV, position, position + 3)
  return { connection = connection, owner = owner, id = id, user = user }
end

local function attach(party)
  call('HSET', CONNECTIONS, party.connection, party.owner .. '\n' .. party.id)
  call('ZADD', OWNED, 0, party.owner .. '\n' .. party.connection)
end

local function detach(connection)
  local value = call('HGET', CONNECTIONS, connection)
  if not value then return end
  call('HDEL', CONNECTIONS, connection)
  call('ZREM', OWNED, string.match(value, '^[^\n]*\n') .. connection)
end

local function userOf(connection)
  local value = call('HGET', CONNECTIONS, connection)
  return value and string.match(value, '\n(.*)$') or nil
end

local function connectionsOf(owner)
  local connections = {}
  for _, member in ipairs(call('ZRANGEBYLEX', OWNED, '[' .. owner .. '\n', '(' .. owner .. '\11')) do
    connections[#connections + 1] = string.sub(member, #owner + 2)
  end
  return connections
end

-- Both are decimal numbers without leading zeros, too long for Lua's doubles to be trusted with more than this.
local function isLater(matchId, than)
  if #matchId ~= #than then return #matchId > #than end
  return matchId > than
end

-- Another process of Redis may have started empty, or with what was true some time ago. Who waits is said again by the workers; a
-- seat of before is vacant until somebody claims it. It counts as taken to those who see it: `unclaimed` keeps it quiet for
-- claimMs. `believedAway`: the partner was told that its user is away.
local function startRun(run)
  call('HSET', META, 'run', run, 'epoch', run .. '@' .. string.format('%.0f', now))
  call('DEL', ENTRIES, CONNECTIONS, OWNED, INDEX, INTERESTS, LANGUAGES, RETURNED, BLOCKED, VACANT, NOTICES)
  local seats = call('HGETALL', SEATS)
  for i = 1, #seats, 2 do
    local seat = cjson.decode(seats[i + 1])
    seat.believedAway = nil
    seat.connection, seat.owner, seat.resumedAt, seat.candidates = nil, nil, nil, nil
    seat.since, seat.unclaimed, seat.turn = now, true, nextTurn()
    store(SEATS, seats[i], seat)
    call('ZADD', VACANT, now + claimMs, seats[i])
  end
end

-- Before every decision: nothing is decided on what an earlier process of Redis remembers.
local run = string.match(call('INFO', 'server'), 'run_id:(%w+)')
if call('HGET', META, 'run') ~= run then startRun(run) end
