-- What a worker says that its sockets have (pool.ts, `reclaim`). A claim is a party and what it claims.

local function turnOf(connection)
  local id = userOf(connection)
  local seat = fetch(SEATS, id)
  if not seat then return fetch(ENTRIES, id).turn end
  if seat.connection then return seat.turn end
  for _, candidate in ipairs(seat.candidates or {}) do
    if candidate.connection == connection then return candidate.turn end
  end
end

-- What the socket has is not what it claims: pushes of two workers may overtake each other.
local function lost(claim)
  local seat = userOf(claim.connection) and fetch(SEATS, claim.id)
  if seat and seat.connection == claim.connection then return resume(seat, claim) end
  forget(claim.connection)
  return { { kind = 'unmatched', tell = claim.connection, match = claim.match, reason = 'disconnected' } }
end

local function isOver(claim)
  local function knows(id, partner)
    for _, meeting in ipairs(recentsOf(id)) do
      if meeting.partner == partner and not isLater(claim.match, meeting.match) then return true end
    end
    return false
  end
  return knows(claim.id, claim.partner) or knows(claim.partner, claim.id)
end

local function hasLater(id, match)
  local place = fetch(SEATS, id) or fetch(ENTRIES, id)
  return place and isLater(place.match, match)
end

-- Ends what the user had before; answers with the entry, if it was one.
local function clear(id, notices)
  local seat, entry = fetch(SEATS, id), fetch(ENTRIES, id)
  if seat then append(notices, finish(id, seat, 'disconnected', { partnerIn(seat), seat })) end
  if entry then
    removeEntry(id, entry)
    detach(entry.connection)
  end
  return entry
end

-- The match as it was, the partner's seat unclaimed so far.
local function establish(claim)
  local notices = {}
  clear(claim.id, notices)
  local waiting = clear(claim.partner, notices)
  local seat = { match = claim.match, partner = claim.partner, shared = claim.shared, initiator = claim.initiator }
  local other = {
    match = claim.match, partner = claim.id, shared = claim.shared, initiator = not claim.initiator,
    user = claim.partnerUser, since = now, unclaimed = true, believedAway = claim.partnerAway or nil, turn = nextTurn(),
  }
  store(SEATS, claim.partner, other)
  awaitDue(claim.partner, other)
  take(claim.id, seat, claim, nil)
  -- Who was paired before the outage, and was not told any more.
  if waiting then
    local party = { connection = waiting.connection, owner = waiting.owner, id = claim.partner, user = waiting.user }
    append(notices, resume(other, party))
  end
  return notices
end

-- The claimant has the seat: is what it was told still so? Where not, both sides hear of a return: exactly one makes the offer.
local function confirm(claim, seat)
  local partner = partnerIn(seat)
  if partner.unclaimed then
    partner.believedAway = claim.partnerAway or nil
    store(SEATS, seat.partner, partner)
    return {}
  end
  if not partner.connection then return claim.partnerAway and {} or toHolder(seat, 'partner-away') end
  if claim.partnerAway or partner.initiator == claim.initiator then return resume(seat, claim) end
  return {}
end

local function claimSeat(claim, isSameRun)
  local seat = fetch(SEATS, claim.id)
  if seat and seat.match == claim.match then
    if seat.connection == claim.connection then return confirm(claim, seat) end
    if seat.connection then return lost(claim) end
    if not seat.unclaimed or (seat.believedAway and partnerIn(seat).connection) then return resume(seat, claim) end
    seat.initiator = claim.initiator
    take(claim.id, seat, claim, nil)
    return confirm(claim, seat)
  end
  if isSameRun or isOver(claim) or hasLater(claim.id, claim.match) or hasLater(claim.partner, claim.match) then
    return lost(claim)
  end
  return establish(claim)
end

-- Also answers whether the connection neither waits nor sits now.
local function claimPlace(claim, isSameRun)
  local notices = {}
  local seat, entry = fetch(SEATS, claim.id), fetch(ENTRIES, claim.id)
  if seat and not isSameRun and not seat.connection and isLater(claim.match, seat.match) then
    append(notices, finish(claim.id, seat, 'disconnected', { partnerIn(seat) }))
    seat = nil
  end
  if seat then
    if seat.connection and seat.connection ~= claim.connection then return notices, true end
    return append(notices, resume(seat, claim)), false
  end
  if entry then return notices, entry.connection ~= claim.connection end

  entry = newEntry(claim, now - claim.waitedMs)
  wish(entry, claim)
  addEntry(claim.id, entry, false)
  local member = entry.order .. '|' .. claim.id
  -- Seats that others have still to claim go before new matches.
  call('ZADD', RETURNED, now + claimMs, member)
  for steps, widenMs in pairs({ [INTERESTS] = interestsWidenMs, [LANGUAGES] = languageWidenMs }) do
    if entry.since + widenMs > now + claimMs then call('ZADD', steps, entry.since, member) end
  end
  attach(claim)
  return notices, false
end

local function claimCandidacy(claim)
  local seat = fetch(SEATS, claim.id)
  if not seat then return {}, true end
  if seat.connection then
    if seat.connection == claim.connection then return resume(seat, claim), false end
    return {}, true
  end
  if userOf(claim.connection) ~= claim.id then addCandidate(seat, claim) end
  return {}, false
end
