import { readFileSync } from 'node:fs';
import { defineScript, type Script } from '../../drivers/redis.ts';
import type { MatchOptions } from './contract.ts';
import { RECENT_PARTNERS, timing } from './pool.ts';
import type { Arrival } from './pool.ts';

/** As state.redis.lua names them. */
export const KEYS = [
  'meta',
  'entries',
  'seats',
  'connections',
  'owned',
  'index',
  'interests',
  'languages',
  'returned',
  'blocked',
  'recents',
  'meetings',
  'vacant',
  'notices',
];
export const TAG = 'match';

const MODES = Object.keys({ text: 0, audio: 0, video: 0 } satisfies Record<
  NonNullable<MatchOptions['mode']>,
  0
>);

const constants = [
  ...Object.entries(timing).map(([name, ms]) => `local ${name} = ${ms}`),
  `local RECENT_PARTNERS = ${RECENT_PARTNERS}`,
  `local MODES = { ${MODES.map((mode) => `'${mode}'`).join(', ')} }`,
].join('\n');

const library = (name: string) => readFileSync(new URL(`./${name}.redis.lua`, import.meta.url), 'utf8');
const state = `${constants}\n${library('state')}`;
const rules = [state, library('queue'), library('seat'), library('notice')].join('\n');
const claiming = [rules, library('reclaim')].join('\n');

function script<Reply>(name: string, lua: string, prelude = rules): Script<Reply> {
  return defineScript<Reply>(`match pool: ${name}`, `${prelude}\n${lua}`);
}

export const request = script<[status: 'waiting' | 'matched' | 'conflict', ...notices: string[]]>(
  'request',
  `local party = partyAt(1)
  local asked = { match = ARGV[5], blocked = ARGV[6] }
  asked.mode = ARGV[7] ~= '' and ARGV[7] or nil
  asked.language = ARGV[8] ~= '' and ARGV[8] or nil
  if ARGV[9] then asked.interests = { unpack(ARGV, 9) } end
  departAsAnother(party)

  local seat, entry, notices = fetch(SEATS, party.id), fetch(ENTRIES, party.id), {}
  if seat then
    if not seat.connection then return { 'matched', unpack(encoded(resume(seat, party))) } end
    if seat.connection ~= party.connection then return { 'conflict' } end
    if seat.resumedAt and now - seat.resumedAt < resumedMs then
      seat.user = party.user
      store(SEATS, party.id, seat)
      return { 'matched' }
    end
    notices = finish(party.id, seat, 'skipped', { partnerIn(seat) })
  elseif entry then
    if entry.connection ~= party.connection then return { 'conflict' } end
    unindex(party.id, entry)
    entry.user, entry.turn = party.user, nextTurn()
  end

  local isNew = not entry
  if isNew then entry = newEntry(party, arrival()) end
  wish(entry, asked)
  local meeting = ask(party.id, entry)
  if not meeting[1] then
    addEntry(party.id, entry, isNew)
    attach(party)
  end
  return { meeting[1] and 'matched' or 'waiting', unpack(encoded(append(notices, meeting))) }`,
);

export const cancel = script<0 | 1>(
  'cancel',
  `local id = userOf(ARGV[1])
  if not id or fetch(SEATS, id) then return 0 end
  forget(ARGV[1])
  return 1`,
);

export const leave = script<string[]>(
  'leave',
  `local id = userOf(ARGV[1])
  local seat = id and fetch(SEATS, id)
  return encoded(seat and finish(id, seat, 'left', { partnerIn(seat) }) or forget(ARGV[1]))`,
);

export const arrive = script<[kind: Arrival['kind'], ...details: string[]]>(
  'arrive',
  `local party, named = partyAt(1), ARGV[5]
  departAsAnother(party)
  local seat, entry = fetch(SEATS, party.id), fetch(ENTRIES, party.id)
  if seat and not seat.connection then
    if named == seat.match or now - seat.since >= offerMs then
      return { 'resumed', unpack(encoded(resume(seat, party))) }
    end
    addCandidate(seat, party)
    return { 'candidate' }
  end
  local place = seat or entry
  if not place then return { 'none' } end
  if place.connection ~= party.connection then return { 'held', place.connection, place.owner } end
  place.user = party.user
  store(seat and SEATS or ENTRIES, party.id, place)
  return { 'own' }`,
);

export const depart = script<string[]>('depart', `return encoded(forget(ARGV[1]))`);

export const seat = script<[] | [matchId: string, userId: string, partnerId: string, partner?: string]>(
  'seat',
  `local id = userOf(ARGV[1])
  local seat = id and fetch(SEATS, id)
  if not seat or not seat.connection then return {} end
  return { seat.match, id, seat.partner, fetch(SEATS, seat.partner).connection }`,
  state,
);

export const block = script<string[]>(
  'block',
  `local by, id = ARGV[1], ARGV[2]
  if fetch(ENTRIES, by) then
    local blocked = call('HGET', BLOCKED, by) or ','
    if not hasBlocked(blocked, id) then call('HSET', BLOCKED, by, blocked .. id .. ',') end
  end
  local seat = fetch(SEATS, by)
  if not seat or seat.partner ~= id then return {} end
  return encoded(finish(by, seat, 'blocked', { partnerIn(seat), seat }))`,
);

export const partnerOf = script<[] | [matchId: string, partnerId: string, partner?: string]>(
  'partnerOf',
  `local seat = fetch(SEATS, ARGV[1])
  if not seat then return {} end
  return { seat.match, seat.partner, fetch(SEATS, seat.partner).connection }`,
  state,
);

export const recentPartners = script<string[]>(
  'recentPartners',
  `local seat, partners = fetch(SEATS, ARGV[1]), {}
  if seat then partners[1] = seat.partner end
  for _, meeting in ipairs(recentsOf(ARGV[1])) do
    if meeting.partner ~= partners[1] or not seat then partners[#partners + 1] = meeting.partner end
  end
  while #partners > RECENT_PARTNERS do table.remove(partners) end
  return partners`,
);

export const seated = script<string[]>(
  'seated',
  `local found = {}
  for _, id in ipairs(ARGV) do
    if call('HEXISTS', SEATS, id) == 1 then found[#found + 1] = id end
  end
  return found`,
  state,
);

export const counts = script<[waiting: number, seats: number]>(
  'counts',
  `return { call('HLEN', ENTRIES), call('HLEN', SEATS) }`,
  state,
);

/** A slice of what is due; answers how much it was. */
export const passTime = script<number>(
  'pass time',
  `local slice, done = tonumber(ARGV[1]), 0
  local function askAll(steps, dueBy, isNarrow)
    local members = call('ZRANGEBYSCORE', steps, '-inf', dueBy, 'LIMIT', 0, slice)
    for _, member in ipairs(members) do
      call('ZREM', steps, member)
      local id = string.sub(member, ORDER_LENGTH + 2)
      local entry = fetch(ENTRIES, id)
      if entry and isNarrow(entry) then post(ask(id, entry)) end
    end
    done = done + #members
  end
  askAll(INTERESTS, now - interestsWidenMs, function(entry) return entry.interests end)
  askAll(LANGUAGES, now - languageWidenMs, function(entry) return entry.language end)
  askAll(RETURNED, now, function() return true end)

  local due = {}
  for i, id in ipairs(call('ZRANGEBYSCORE', VACANT, '-inf', now, 'LIMIT', 0, slice)) do
    local seat = fetch(SEATS, id)
    due[i] = { id = id, since = seat.since, turn = seat.turn }
  end
  table.sort(due, function(one, other)
    if one.since ~= other.since then return one.since < other.since end
    return one.turn < other.turn
  end)
  for _, vacancy in ipairs(due) do
    local id, seat = vacancy.id, fetch(SEATS, vacancy.id)
    -- Unless its match ended with the other side.
    if seat then
      local newest = seat.candidates and seat.candidates[#seat.candidates]
      if newest then
        post(resume(seat, { connection = newest.connection, owner = newest.owner, id = id, user = newest.user }))
      elseif now - seat.since >= graceMs then
        post(finish(id, seat, 'disconnected', { partnerIn(seat) }))
      else
        local isNews = seat.unclaimed and not seat.believedAway
        seat.unclaimed, seat.believedAway = nil, nil
        store(SEATS, id, seat)
        awaitDue(id, seat)
        if isNews then post(toHolder(partnerIn(seat), 'partner-away')) end
      end
    end
  end

  local forgotten = call('ZRANGEBYSCORE', MEETINGS, '-inf', now - recentMs, 'LIMIT', 0, slice)
  for _, id in ipairs(forgotten) do
    call('HDEL', RECENTS, id)
    call('ZREM', MEETINGS, id)
  end
  return done + #due + #forgotten`,
);

/** A slice of the notices behind a number; forgets those that were seen under this epoch. */
export const notices = script<[epoch: string, number: number, more: number, ...notices: string[]]>(
  'notices',
  `local epoch, last = unpack(call('HMGET', META, 'epoch', 'last'))
  if ARGV[1] == epoch then call('ZREMRANGEBYSCORE', NOTICES, '-inf', ARGV[2]) end
  local slice = tonumber(ARGV[4])
  local kept = call('ZRANGEBYSCORE', NOTICES, '(' .. ARGV[3], '+inf', 'LIMIT', 0, slice)
  local number, list = last or 0, {}
  for _, text in ipairs(kept) do
    local item = cjson.decode(text)
    local notice = current(item)
    if notice then list[#list + 1] = notice else call('ZREM', NOTICES, text) end
    if #kept == slice then number = item.number end
  end
  return { epoch, tonumber(number), #kept == slice and 1 or 0, unpack(encoded(list)) }`,
);

/** A slice of what a lost worker had; answers how much is left. */
export const dropOwner = script<number>(
  'dropOwner',
  `local connections = connectionsOf(ARGV[1])
  local slice = math.min(#connections, tonumber(ARGV[2]))
  for i = 1, slice do post(forget(connections[i])) end
  return #connections - slice`,
);

export const standing = script<[run: string, turn: string | null]>(
  'standing',
  `return call('HMGET', META, 'run', 'turn')`,
  state,
);

export const STALE = 'stale';
export const reclaim = script<[typeof STALE] | [notices: string[], dropped: string[]]>(
  'reclaim',
  `if ARGV[1] ~= run then return { '${STALE}' } end
  local isSameRun, asOf = ARGV[2] == run, tonumber(ARGV[3])
  local notices, dropped = {}, {}
  local function settle(claim, news, isDropped)
    append(notices, news)
    if isDropped then dropped[#dropped + 1] = claim.connection end
  end
  for i = 4, #ARGV do
    local claim = cjson.decode(ARGV[i])
    -- What it got since the claims were gathered, it was told.
    local isOutdated = userOf(claim.connection) and turnOf(claim.connection) > asOf
    if isOutdated then settle(claim, {})
    elseif claim.partner then settle(claim, claimSeat(claim, isSameRun))
    elseif claim.match then settle(claim, claimPlace(claim, isSameRun))
    else settle(claim, claimCandidacy(claim)) end
  end
  return { encoded(notices), dropped }`,
  claiming,
);

/** Of what the owner had by `turn`, everything that is not among its claims. */
export const sweep = script<[typeof STALE] | string[]>(
  'sweep',
  `if ARGV[1] ~= run then return { '${STALE}' } end
  local turn, owner, claimed, notices = tonumber(ARGV[2]), ARGV[3], {}, {}
  for i = 4, #ARGV do claimed[ARGV[i]] = true end
  for _, connection in ipairs(connectionsOf(owner)) do
    if not claimed[connection] and turnOf(connection) <= turn then append(notices, forget(connection)) end
  end
  return encoded(notices)`,
  claiming,
);
