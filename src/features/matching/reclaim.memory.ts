import type { Clock } from '../../kernel/clock.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Attached } from './pool.memory.ts';
import type { Claims, MatchRequest, Notice, Party, PlaceClaim, Reclaimed, SeatClaim } from './pool.ts';
import { isLater } from './queue.memory.ts';
import type { Entry, Queue, RecentPartners } from './queue.memory.ts';
import { toHolder } from './seat.memory.ts';
import type { Seat, Vacant } from './seat.memory.ts';

/** What the pool has and does. */
interface Pool {
  readonly run: string;
  readonly clock: Clock;
  readonly queue: Queue;
  readonly recents: RecentPartners;
  readonly places: Map<string, Entry | Seat>;
  readonly connections: ReadonlyMap<string, Attached>;
  settle(party: Party, place: Entry | Seat): void;
  take(seat: Seat, party: Party, resumedAt: number): void;
  resume(seat: Seat, party: Party): Notice[];
  vacate(seat: Seat, how: Pick<Vacant, 'unclaimed' | 'believedAway'>): void;
  finish(seat: Seat, reason: 'disconnected', audience: readonly Seat[]): Notice[];
  forget(connectionId: string): Notice[];
  addCandidate(seat: Seat, vacant: Vacant, party: Party): void;
  entryOf(request: MatchRequest, since: number): Entry;
}

/** Nothing outlives this process, so what its workers claim under another run comes from before it started. */
export function memoryReclaimer(pool: Pool): { reclaim(claims: Claims): Reclaimed } {
  /** What the socket has is not what it claims: pushes of two workers may overtake each other. */
  function lost({ matchId, ...claim }: SeatClaim): Notice[] {
    const { connectionId } = claim;
    const place = pool.connections.get(connectionId)?.place;
    if (place?.kind === 'seat' && place.state.party?.connectionId === connectionId)
      return pool.resume(place, partyOf(claim));
    pool.forget(connectionId);
    return [{ kind: 'unmatched', tell: connectionId, matchId, reason: 'disconnected' }];
  }
  const partyOf = ({ connectionId, owner, user }: Party): Party => ({ connectionId, owner, user });

  /** Ends what the user had before; answers with the entry, if it was one. */
  function clear(userId: string, notices: Notice[]): Entry | null {
    const place = pool.places.get(userId);
    if (place?.kind === 'seat') notices.push(...pool.finish(place, 'disconnected', [place.partner, place]));
    if (place?.kind !== 'entry') return null;
    pool.forget(place.party.connectionId);
    return place;
  }

  /** The match as it was, the partner's seat unclaimed so far. */
  function establish(claim: SeatClaim): Notice[] {
    const { user, partner, matchId, sharedInterests: shared, initiator, partnerAway } = claim;
    const notices: Notice[] = [];
    clear(user.id, notices);
    const waiting = clear(partner.id, notices);
    const seat = { kind: 'seat', matchId, shared, user, initiator } as Seat & { partner: Seat };
    const other = { ...seat, user: partner, initiator: !initiator, partner: seat };
    seat.partner = other;
    for (const side of [seat, other]) pool.vacate(side, { unclaimed: true, believedAway: partnerAway });
    pool.places.set(partner.id, other);
    pool.take(seat, partyOf(claim), -Infinity);
    // Who was paired before the outage, and was not told any more.
    if (waiting) notices.push(...pool.resume(other, waiting.party));
    return notices;
  }

  /** The claimant has the seat: is what it was told still so? Where not, both sides hear of a return: exactly one makes the offer. */
  function confirm(seat: Seat, claim: SeatClaim): Notice[] {
    const partner = seat.partner.state;
    if (partner.party) {
      const isRight = !claim.partnerAway && seat.partner.initiator !== claim.initiator;
      return isRight ? [] : pool.resume(seat, partyOf(claim));
    }
    if (partner.unclaimed) {
      partner.believedAway = claim.partnerAway;
      return [];
    }
    return claim.partnerAway ? [] : toHolder(seat, 'partner-away');
  }

  function claimSeat(claim: SeatClaim, isSameRun: boolean): Notice[] {
    const place = pool.places.get(claim.user.id);
    if (place?.kind === 'seat' && place.matchId === claim.matchId) {
      const { state } = place;
      if (state.party?.connectionId === claim.connectionId) return confirm(place, claim);
      if (state.party) return lost(claim);
      const isNews = state.believedAway && place.partner.state.party;
      if (!state.unclaimed || isNews) return pool.resume(place, partyOf(claim));
      place.initiator = claim.initiator;
      pool.take(place, partyOf(claim), -Infinity);
      return confirm(place, claim);
    }
    const { user, partner, matchId } = claim;
    const isOver =
      isSameRun ||
      pool.recents.ended(user.id, partner.id, matchId, pool.clock.now()) ||
      [user.id, partner.id].some((id) => isLater(pool.places.get(id)?.matchId ?? '', matchId));
    return isOver ? lost(claim) : establish(claim);
  }

  /** Null when the connection neither waits nor sits now. */
  function claimPlace(claim: PlaceClaim, isSameRun: boolean): Notice[] | null {
    const { connectionId, user } = claim;
    const notices: Notice[] = [];
    let place = pool.places.get(user.id);
    if (place?.kind === 'seat' && !place.state.party && !isSameRun && isLater(claim.matchId, place.matchId)) {
      notices.push(...pool.finish(place, 'disconnected', [place.partner]));
      place = undefined;
    }
    if (place?.kind === 'seat') {
      if (place.state.party && place.state.party.connectionId !== connectionId) return null;
      return [...notices, ...pool.resume(place, partyOf(claim))];
    }
    if (place) return place.party.connectionId === connectionId ? notices : null;
    const now = pool.clock.now();
    const entry = pool.entryOf(claim, now - claim.waitedMs);
    pool.queue.restore(entry, now);
    pool.settle(entry.party, entry);
    return notices;
  }

  function claimCandidacy(party: Party): Notice[] | null {
    const place = pool.places.get(party.user.id);
    if (place?.kind !== 'seat') return null;
    const { state } = place;
    if (!state.party) {
      const before = pool.connections.get(party.connectionId);
      if (before?.place !== place) pool.addCandidate(place, state, party);
      return [];
    }
    return state.party.connectionId === party.connectionId ? pool.resume(place, party) : null;
  }

  return {
    reclaim({ owner, heldUnder, asOf, seats, places, candidates }) {
      if (asOf.run !== pool.run)
        throw new AppError('UNAVAILABLE', 'The shared state has just come back. Try again.');
      const isSameRun = heldUnder === pool.run;
      const notices: Notice[] = [];
      const dropped: string[] = [];
      function settle({ connectionId }: Party, news: Notice[] | null) {
        if (news) notices.push(...news);
        else dropped.push(connectionId);
      }
      /** What it got since the claims were gathered, it was told. */
      const isOutdated = ({ connectionId }: Party) =>
        (pool.connections.get(connectionId)?.turn ?? 0) > asOf.turn;
      for (const claim of seats) if (!isOutdated(claim)) settle(claim, claimSeat(claim, isSameRun));
      for (const claim of places) if (!isOutdated(claim)) settle(claim, claimPlace(claim, isSameRun));
      for (const party of candidates) if (!isOutdated(party)) settle(party, claimCandidacy(party));

      const claimed = new Set([...seats, ...places, ...candidates].map(({ connectionId }) => connectionId));
      for (const [connectionId, { party, turn }] of pool.connections) {
        if (party.owner === owner && !claimed.has(connectionId) && turn <= asOf.turn)
          notices.push(...pool.forget(connectionId));
      }
      return { notices, dropped };
    },
  };
}
