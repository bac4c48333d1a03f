-- Notices that nobody asked for are kept for `collect`, which drops what is true no more.

-- The seat that a connection has or is a candidate for.
local function seatBehind(connection)
  local id = userOf(connection)
  return id and fetch(SEATS, id) or nil
end

local function post(notices)
  for _, notice in ipairs(notices) do
    local seat = seatBehind(notice.tell)
    local number = call('HINCRBY', META, 'last', 1)
    local kept = { number = number, notice = notice }
    -- A match is one seat of a user; a turn is one way in which the partner's is held.
    if seat then kept.seat, kept.partnerTurn = seat.match, partnerIn(seat).turn end
    call('ZADD', NOTICES, number, cjson.encode(kept))
  end
end

-- What there is left to say, or nil.
local function current(kept)
  local notice = kept.notice
  local isAttached = userOf(notice.tell) ~= nil
  local seat = seatBehind(notice.tell)
  if not kept.seat then return not isAttached and notice or nil end
  if not seat or seat.match ~= kept.seat then return nil end
  local partner = partnerIn(seat)
  if partner.turn == kept.partnerTurn then return notice end
  if notice.kind ~= 'matched' then return nil end
  -- The partner went, and either came back as the initiator or will.
  notice.initiator, notice.partnerAway = false, not partner.connection
  return notice
end

local function encoded(notices)
  local texts = {}
  for i, notice in ipairs(notices) do texts[i] = cjson.encode(notice) end
  return texts
end

-- A socket that comes as somebody else has departed as whom it was.
local function departAsAnother(party)
  local before = userOf(party.connection)
  if before and before ~= party.id then post(forget(party.connection)) end
end
