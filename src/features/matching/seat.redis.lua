-- Seats: a match is two of them, one under each user. Functions that change something answer with notices.

local function matched(party, seat, partner, view)
  return {
    kind = 'matched',
    tell = party.connection,
    match = seat.match,
    userId = party.id,
    partner = partner.user,
    shared = seat.shared,
    initiator = view.initiator,
    resumed = view.resumed,
    partnerAway = view.partnerAway,
  }
end

local function toHolder(seat, kind)
  if not seat.connection then return {} end
  return { { kind = kind, tell = seat.connection, match = seat.match } }
end

-- When `collect` has to look at a vacant seat again.
local function awaitDue(id, seat)
  local due = seat.since + graceMs
  if seat.candidates then due = seat.since + offerMs
  elseif seat.unclaimed then due = seat.since + claimMs end
  call('ZADD', VACANT, due, id)
end

local function take(id, seat, party, resumedAt)
  for _, candidate in ipairs(seat.candidates or {}) do detach(candidate.connection) end
  call('ZREM', VACANT, id)
  seat.candidates, seat.since, seat.unclaimed, seat.believedAway = nil, nil, nil, nil
  seat.connection, seat.owner, seat.user = party.connection, party.owner, party.user
  seat.resumedAt, seat.turn = resumedAt, nextTurn()
  store(SEATS, id, seat)
  attach(party)
end

local function resume(seat, party)
  take(party.id, seat, party, now)
  local partner = fetch(SEATS, seat.partner)
  local present = partner.connection ~= nil
  seat.initiator = present
  store(SEATS, party.id, seat)
  partner.initiator = partner.initiator and not present
  partner.believedAway = partner.unclaimed
  store(SEATS, seat.partner, partner)
  local notices = { matched(party, seat, partner, { initiator = present, resumed = true, partnerAway = not present }) }
  return append(notices, toHolder(partner, 'partner-back'))
end

local function addCandidate(seat, party)
  seat.candidates = append(
    filtered(seat.candidates, function(candidate) return candidate.connection ~= party.connection end) or {},
    { { connection = party.connection, owner = party.owner, user = party.user, turn = nextTurn() } }
  )
  store(SEATS, party.id, seat)
  awaitDue(party.id, seat)
  attach(party)
end

-- Ends the match. `audience` are the seats to tell: the socket that has it or, while it is vacant, the newest of those about to.
local function finish(id, seat, reason, audience)
  local notices = {}
  for _, side in ipairs(audience) do
    local newest = side.candidates and side.candidates[#side.candidates]
    local tell = side.connection or (newest and newest.connection)
    if tell then append(notices, { { kind = 'unmatched', tell = tell, match = seat.match, reason = reason } }) end
  end
  local sides = { [id] = seat, [seat.partner] = fetch(SEATS, seat.partner) }
  for user, side in pairs(sides) do
    if side.connection then detach(side.connection) end
    for _, candidate in ipairs(side.candidates or {}) do detach(candidate.connection) end
    call('ZREM', VACANT, user)
    call('HDEL', SEATS, user)
    remember(user, side.partner, side.match)
  end
  return notices
end

local function partnerIn(seat)
  return fetch(SEATS, seat.partner)
end

local function forget(connection)
  local id = userOf(connection)
  if not id then return {} end
  detach(connection)
  local seat = fetch(SEATS, id)
  if not seat then
    removeEntry(id, fetch(ENTRIES, id))
    return {}
  end
  if not seat.connection then
    seat.candidates = filtered(seat.candidates, function(candidate) return candidate.connection ~= connection end)
    store(SEATS, id, seat)
    awaitDue(id, seat)
    return {}
  end
  seat.connection, seat.owner, seat.resumedAt = nil, nil, nil
  seat.since, seat.turn = now, nextTurn()
  store(SEATS, id, seat)
  awaitDue(id, seat)
  return toHolder(partnerIn(seat), 'partner-away')
end

-- Two entries become a match; each is {id, entry}. Who asked last makes the offer and names it.
local function pair(one, other)
  local asker, waiter = one, other
  if other.entry.turn > one.entry.turn then asker, waiter = other, one end
  local shared = sharedInterests(asker.entry, waiter.entry)
  local function seatOf(side, partner)
    local seat = { match = asker.entry.match, partner = partner.id, shared = shared, initiator = side == asker }
    local party = { connection = side.entry.connection, owner = side.entry.owner, id = side.id, user = side.entry.user }
    removeEntry(side.id, side.entry)
    take(side.id, seat, party, nil)
    return seat, party
  end
  local first, firstParty = seatOf(asker, waiter)
  local second, secondParty = seatOf(waiter, asker)
  return {
    matched(firstParty, first, second, { initiator = true, resumed = false, partnerAway = false }),
    matched(secondParty, second, first, { initiator = false, resumed = false, partnerAway = false }),
  }
end

local function ask(id, entry)
  local partner = partnerFor(id, entry)
  if not partner then return {} end
  return pair({ id = id, entry = entry }, { id = partner, entry = fetch(ENTRIES, partner) })
end
