import { randomUUID } from 'node:crypto';
import type { Clock } from '../../kernel/clock.ts';
import type { UnmatchReason } from './contract.ts';
import { wishOf } from './fit.ts';
import { RECENT_PARTNERS, timing } from './pool.ts';
import type { Arrival, MatchPool, MatchRequest, Notice, Party } from './pool.ts';
import { Queue, RecentPartners } from './queue.memory.ts';
import type { Entry } from './queue.memory.ts';
import { connected, matched, partnerIn, seatsOf, toHolder } from './seat.memory.ts';
import type { Seat, Vacant } from './seat.memory.ts';
import { memoryReclaimer } from './reclaim.memory.ts';

/** What a connection has, and since which turn. */
export interface Attached {
  readonly party: Party;
  readonly place: Entry | Seat;
  readonly turn: number;
}

/**
 * One process decides: every method runs to its end without awaiting, which makes it atomic.
 * @param run another one for each pool
 */
export function memoryMatchPool(clock: Clock, run: string = randomUUID()): MatchPool {
  const recents = new RecentPartners();
  const queue = new Queue(recents);
  /** By user: where they wait or sit. */
  const places = new Map<string, Entry | Seat>();
  /** By connection: who waits, who has a seat and, while that is vacant, its candidates. Emptied by `forget`, `finish` and `resume`. */
  const connections = new Map<string, Attached>();
  /** Oldest vacancy first. */
  const vacancies = new Map<Seat, Vacant>();
  let unseen: { readonly number: number; readonly current: () => Notice | null }[] = [];
  let last = 0;
  let turns = 0;

  function settle(party: Party, place: Entry | Seat): void {
    places.set(party.user.id, place);
    connections.set(party.connectionId, { party, place, turn: ++turns });
  }

  function renew(place: Entry | Seat, party: Party): void {
    if (place.kind === 'seat') place.user = party.user;
    else place.party = party;
  }

  const seatOfUser = (userId: string) => {
    const place = places.get(userId);
    return place?.kind === 'seat' ? place : null;
  };

  function pair(one: Entry, other: Entry): Notice[] {
    const [asker, waiter] = one.turn > other.turn ? [one, other] : [other, one];
    queue.remove(one);
    queue.remove(other);
    const [first, second] = seatsOf(asker, waiter);
    settle(asker.party, first);
    settle(waiter.party, second);
    return [
      matched(first, asker.party, { initiator: true, resumed: false, partnerAway: false }),
      matched(second, waiter.party, { initiator: false, resumed: false, partnerAway: false }),
    ];
  }

  function ask(entry: Entry): Notice[] {
    const partner = queue.partnerFor(entry, clock.now());
    return partner ? pair(entry, partner) : [];
  }

  function entryOf({ options, matchId, blocked, ...party }: MatchRequest, since: number): Entry {
    const { connectionId, owner, user } = party;
    return {
      kind: 'entry',
      party: { connectionId, owner, user },
      wish: wishOf(options, since),
      matchId,
      blocked: new Set(blocked),
      turn: ++turns,
    };
  }

  function enqueue(request: MatchRequest, place: Entry | undefined): Entry {
    const entry = entryOf(request, place?.wish.since ?? clock.now());
    if (place) Object.assign(place, entry);
    else queue.add(entry);
    settle(entry.party, place ?? entry);
    return place ?? entry;
  }

  function take(seat: Seat, party: Party, resumedAt: number): void {
    if (!seat.state.party)
      for (const { connectionId } of seat.state.candidates) connections.delete(connectionId);
    vacancies.delete(seat);
    seat.state = { party, resumedAt };
    seat.user = party.user;
    settle(party, seat);
  }

  function resume(seat: Seat, party: Party): Notice[] {
    take(seat, party, clock.now());
    const partner = seat.partner.state;
    const isPresent = partner.party !== null;
    seat.initiator = isPresent;
    if (isPresent) seat.partner.initiator = false;
    else partner.believedAway = partner.unclaimed;
    return [
      matched(seat, party, { initiator: isPresent, resumed: true, partnerAway: !isPresent }),
      ...toHolder(seat.partner, 'partner-back'),
    ];
  }

  function offer(seat: Seat, vacant: Vacant, party: Party, matchId: string | undefined): Arrival {
    if (matchId === seat.matchId || clock.now() - vacant.since >= timing.offerMs) {
      return { kind: 'resumed', notices: resume(seat, party) };
    }
    addCandidate(seat, vacant, party);
    return { kind: 'candidate' };
  }

  function addCandidate(seat: Seat, vacant: Vacant, party: Party): void {
    const others = vacant.candidates.filter(({ connectionId }) => connectionId !== party.connectionId);
    vacant.candidates = [...others, party];
    settle(party, seat);
  }

  /** Ends the match and tells `audience`: a seat's socket or, while it is vacant, the newest of those about to get it. */
  function finish(seat: Seat, reason: UnmatchReason, audience: readonly Seat[]): Notice[] {
    const notices = audience.flatMap((side): Notice[] => {
      const party = connected(side).at(-1);
      return party ? [{ kind: 'unmatched', tell: party.connectionId, matchId: seat.matchId, reason }] : [];
    });
    for (const side of [seat, seat.partner]) {
      for (const { connectionId } of connected(side)) connections.delete(connectionId);
      vacancies.delete(side);
      places.delete(side.user.id);
    }
    recents.remember(seat.user.id, seat.partner.user.id, seat.matchId, clock.now());
    return notices;
  }

  function vacate(seat: Seat, how: Pick<Vacant, 'unclaimed' | 'believedAway'>): void {
    const vacant: Vacant = { party: null, since: clock.now(), candidates: [], ...how };
    seat.state = vacant;
    vacancies.set(seat, vacant);
  }

  function forget(connectionId: string): Notice[] {
    const place = connections.get(connectionId)?.place;
    connections.delete(connectionId);
    if (!place) return [];
    if (place.kind === 'entry') {
      queue.remove(place);
      places.delete(place.party.user.id);
      return [];
    }
    if (!place.state.party) {
      place.state.candidates = place.state.candidates.filter((party) => party.connectionId !== connectionId);
      return [];
    }
    vacate(place, { unclaimed: false, believedAway: false });
    return toHolder(place.partner, 'partner-away');
  }

  /** Keeps notices for `collect`, which asks each what there is left to say. */
  function post(notices: readonly Notice[]): void {
    for (const notice of notices) {
      const to = notice.kind === 'matched' ? notice.seat.connectionId : notice.tell;
      const place = connections.get(to)?.place;
      const seat = place?.kind === 'seat' ? place : null;
      const partnerThen = seat?.partner.state;
      const current = (): Notice | null => {
        if (connections.get(to)?.place !== place) return null;
        if (!seat || seat.partner.state === partnerThen) return notice;
        if (notice.kind !== 'matched') return null;
        // The partner went, and either came back as the initiator or will.
        return {
          kind: 'matched',
          seat: { ...notice.seat, initiator: false, partnerAway: !seat.partner.state.party },
        };
      };
      unseen.push({ number: ++last, current });
    }
  }

  /** A socket that comes as somebody else has departed as whom it was. */
  function departAsAnother({ connectionId, user }: Party): void {
    const before = connections.get(connectionId);
    if (before && before.party.user.id !== user.id) post(forget(connectionId));
  }

  const reclaimer = memoryReclaimer({
    run,
    clock,
    queue,
    recents,
    places,
    connections,
    settle,
    take,
    resume,
    vacate,
    finish,
    forget,
    addCandidate,
    entryOf,
  });

  return {
    async request(request) {
      const party: Party = { connectionId: request.connectionId, owner: request.owner, user: request.user };
      departAsAnother(party);
      let place = places.get(party.user.id);
      const parting: Notice[] = [];

      if (place?.kind === 'seat') {
        const { state } = place;
        if (!state.party) return { status: 'matched', notices: resume(place, party) };
        if (state.party.connectionId !== party.connectionId) return { status: 'conflict', notices: [] };
        if (clock.now() - state.resumedAt < timing.resumedMs) {
          renew(place, party);
          return { status: 'matched', notices: [] };
        }
        parting.push(...finish(place, 'skipped', [place.partner]));
        place = undefined;
      } else if (place && place.party.connectionId !== party.connectionId) {
        return { status: 'conflict', notices: [] };
      }

      const meeting = ask(enqueue(request, place));
      return { status: meeting.length > 0 ? 'matched' : 'waiting', notices: [...parting, ...meeting] };
    },

    async cancel(connectionId) {
      if (connections.get(connectionId)?.place.kind !== 'entry') return false;
      forget(connectionId);
      return true;
    },

    async leave(connectionId) {
      const place = connections.get(connectionId)?.place;
      return place?.kind === 'seat' ? finish(place, 'left', [place.partner]) : forget(connectionId);
    },

    async arrive(party, matchId) {
      departAsAnother(party);
      const place = places.get(party.user.id);
      if (place?.kind === 'seat' && !place.state.party) return offer(place, place.state, party, matchId);

      const holder = place?.kind === 'seat' ? place.state.party : place?.party;
      if (!place || !holder) return { kind: 'none' };
      if (holder.connectionId !== party.connectionId)
        return { kind: 'held', connectionId: holder.connectionId, owner: holder.owner };
      renew(place, party);
      return { kind: 'own' };
    },

    async depart(connectionId) {
      return forget(connectionId);
    },

    async seat(connectionId) {
      const place = connections.get(connectionId)?.place;
      if (place?.kind !== 'seat' || !place.state.party) return null;
      return { userId: place.user.id, ...partnerIn(place) };
    },

    async block(by, userId) {
      const place = places.get(by);
      if (place?.kind === 'entry') place.blocked.add(userId);
      if (place?.kind !== 'seat' || place.partner.user.id !== userId) return [];
      return finish(place, 'blocked', [place.partner, place]);
    },

    async partnerOf(userId) {
      const seat = seatOfUser(userId);
      return seat && partnerIn(seat);
    },

    async recentPartners(userId) {
      const current = seatOfUser(userId)?.partner.user.id;
      const earlier = recents.of(userId, clock.now()).filter((partnerId) => partnerId !== current);
      return (current === undefined ? earlier : [current, ...earlier]).slice(0, RECENT_PARTNERS);
    },

    async seated(userIds) {
      return userIds.filter(seatOfUser);
    },

    async counts() {
      return { waiting: queue.size, matches: (places.size - queue.size) / 2 };
    },

    async collect(seen) {
      const now = clock.now();
      for (const entry of queue.takeDue(now)) if (queue.has(entry)) post(ask(entry));
      for (const [seat, vacant] of vacancies) {
        const vacantMs = now - vacant.since;
        if (vacantMs < timing.offerMs) break;
        const newest = vacant.candidates.at(-1);
        if (newest) post(resume(seat, newest));
        else if (vacantMs >= timing.graceMs) post(finish(seat, 'disconnected', [seat.partner]));
        else if (vacant.unclaimed && vacantMs >= timing.claimMs) {
          vacant.unclaimed = false;
          if (!vacant.believedAway) post(toHolder(seat.partner, 'partner-away'));
        }
      }
      recents.sweep(now);
      const [seenRun, seenNumber] = seen?.split('#') ?? [];
      const seenBy = seenRun === run ? Number(seenNumber) : 0;
      unseen = unseen.filter(({ number, current }) => number > seenBy && current());
      return { notices: unseen.flatMap(({ current }) => current() ?? []), last: `${run}#${last}` };
    },

    async dropOwner(owner) {
      for (const [connectionId, { party }] of connections)
        if (party.owner === owner) post(forget(connectionId));
    },

    async standing() {
      return { run, turn: turns };
    },

    async reclaim(claims) {
      return reclaimer.reclaim(claims);
    },
  };
}
