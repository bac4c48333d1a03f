-- Who waits, in order of arrival, and who fits whom (fit.ts says it in the words of the contract).
--
-- INDEX has a member for each combination under which an entry is looked for: mode | language | one interest | order | user, where
-- NONE is what was not given, and ANY finds the entry whatever it gave. All of one combination are a range in order of arrival, so
-- the first who fits is found without reading those who do not.
local NONE, ANY = '-', '*'

-- Its length in front, so that no text can look like the beginning of another one.
local function token(text)
  return text and #text .. ':' .. text or NONE
end

local function bucket(mode, language, interest)
  return mode .. '|' .. language .. '|' .. interest .. '|'
end

local function interestsOf(entry)
  local tokens = {}
  for i, interest in ipairs(entry.interests or {}) do tokens[i] = token(interest) end
  return tokens
end

local function indexOf(id, entry)
  local interests = interestsOf(entry)
  if not interests[1] then interests[1] = NONE end
  interests[#interests + 1] = ANY
  local members = {}
  for _, language in ipairs({ token(entry.language), ANY }) do
    for _, interest in ipairs(interests) do
      members[#members + 1] = bucket(entry.mode or NONE, language, interest) .. entry.order .. '|' .. id
    end
  end
  return members
end

local function unindex(id, entry)
  call('ZREM', INDEX, unpack(indexOf(id, entry)))
end

local function removeEntry(id, entry)
  unindex(id, entry)
  call('HDEL', ENTRIES, id)
  call('HDEL', BLOCKED, id)
  for _, steps in ipairs({ INTERESTS, LANGUAGES, RETURNED }) do call('ZREM', steps, entry.order .. '|' .. id) end
end

-- Zero-padded, so that it sorts as text: by arrival, then by turn.
local function orderOf(since, turn)
  return string.format('%015.0f%015.0f', since, turn)
end
local ORDER_LENGTH = 30

-- A new entry for `party`. Redis's clock may step back; the order of arrival does not.
local function newEntry(party, since)
  local entry = { connection = party.connection, owner = party.owner, user = party.user, since = since, turn = nextTurn() }
  entry.order = orderOf(since, entry.turn)
  return entry
end
local function arrival()
  local since = math.max(now, tonumber(call('HGET', META, 'since') or 0))
  call('HSET', META, 'since', string.format('%.0f', since))
  return since
end

-- What a request says; `blocked` is ",a,b," or empty.
local function wish(entry, asked)
  entry.match, entry.mode, entry.language, entry.interests = asked.match, asked.mode, asked.language, asked.interests
  entry.blocked = asked.blocked
end

local function addEntry(id, entry, isNew)
  local blocked = entry.blocked
  entry.blocked = nil
  store(ENTRIES, id, entry)
  if blocked == '' then call('HDEL', BLOCKED, id) else call('HSET', BLOCKED, id, blocked) end
  local members = {}
  for _, member in ipairs(indexOf(id, entry)) do append(members, { 0, member }) end
  call('ZADD', INDEX, unpack(members))
  if isNew then
    for _, steps in ipairs({ INTERESTS, LANGUAGES }) do call('ZADD', steps, entry.since, entry.order .. '|' .. id) end
  end
end

local function hasBlocked(blocked, id)
  return blocked and string.find(blocked, ',' .. id .. ',', 1, true) ~= nil
end

local function recentsOf(id)
  return filtered(fetch(RECENTS, id), function(meeting) return now - meeting.at < recentMs end) or {}
end

local function isAmong(meetings, partner)
  for _, meeting in ipairs(meetings) do
    if meeting.partner == partner then return true end
  end
  return false
end

-- `match` is remembered as one that is over.
local function remember(id, partner, match)
  local meetings = { { partner = partner, at = now, match = match } }
  append(meetings, filtered(fetch(RECENTS, id), function(meeting) return meeting.partner ~= partner end) or {})
  while #meetings > RECENT_PARTNERS do table.remove(meetings) end
  store(RECENTS, id, meetings)
  call('ZADD', MEETINGS, now, id)
end

-- Where those are who accept the entry and whom it accepts. Who has waited less is the choosier of two: `until` leaves out those
-- who have not waited long enough for what the entry itself would take by now.
local function placesToLook(entry)
  local waitedMs = now - entry.since
  local modes = entry.mode and { entry.mode, NONE } or append({ NONE }, MODES)
  local languages = entry.language and { token(entry.language), NONE } or { ANY }
  local interests = interestsOf(entry)
  if interests[1] then interests[#interests + 1] = NONE else interests[1] = ANY end

  local cursors = {}
  local function look(ofLanguages, ofInterests, newest)
    for _, mode in ipairs(modes) do
      for _, language in ipairs(ofLanguages) do
        for _, interest in ipairs(ofInterests) do
          local prefix = bucket(mode, language, interest)
          -- ':' follows the digits with which every order begins.
          cursors[#cursors + 1] = { prefix = prefix, from = '[' .. prefix, to = '(' .. prefix .. ':', newest = newest }
        end
      end
    end
  end
  look(languages, interests)
  if waitedMs >= interestsWidenMs and entry.interests then look(languages, { ANY }, now - interestsWidenMs) end
  if waitedMs >= languageWidenMs and entry.language then look({ ANY }, { ANY }, now - languageWidenMs) end
  return cursors
end

local function step(cursor)
  cursor.order = nil
  local member = call('ZRANGEBYLEX', INDEX, cursor.from, cursor.to, 'LIMIT', 0, 1)[1]
  if not member then return end
  local start = #cursor.prefix + 1
  local order = string.sub(member, start, start + ORDER_LENGTH - 1)
  if cursor.newest and tonumber(string.sub(order, 1, 15)) > cursor.newest then return end
  cursor.from, cursor.order, cursor.id = '(' .. member, order, string.sub(member, start + ORDER_LENGTH + 1)
end

-- The longest-waiting other one who fits; a recent partner of either only when nobody else does.
local function partnerFor(id, entry)
  local blocked = entry.blocked or call('HGET', BLOCKED, id)
  local recents = recentsOf(id)
  local cursors = placesToLook(entry)
  for _, cursor in ipairs(cursors) do step(cursor) end

  local met
  while true do
    local first
    for _, cursor in ipairs(cursors) do
      if cursor.order and (not first or cursor.order < first.order) then first = cursor end
    end
    if not first then return met end
    local order, other = first.order, first.id
    if other ~= id and not hasBlocked(blocked, other) and not hasBlocked(call('HGET', BLOCKED, other), id) then
      if not isAmong(recents, other) and not isAmong(recentsOf(other), id) then return other end
      met = met or other
    end
    -- The same entry may stand in several places.
    for _, cursor in ipairs(cursors) do
      if cursor.order == order then step(cursor) end
    end
  end
end

local function sharedInterests(asker, waiter)
  local theirs = {}
  for _, interest in ipairs(waiter.interests or {}) do theirs[interest] = true end
  return filtered(asker.interests, function(interest) return theirs[interest] end)
end
