import type { PublicUser } from '../../kernel/schemas.ts';
import type { MatchOptions, UnmatchReason } from './contract.ts';

/** Milliseconds; CONTRACT 19 names each. */
export const timing = {
  /** From here an entry accepts partners whatever their interests. */
  interestsWidenMs: 5_000,
  /** From here also whatever their language. */
  languageWidenMs: 10_000,
  /** How long a vacated seat stays its user's. */
  graceMs: 15_000,
  /** How long a vacated seat waits for a socket that names it or asks, before the newest candidate gets it. */
  offerMs: 1_000,
  /** A `user:match` this soon after a resume answers the resumed match instead of skipping. */
  resumedMs: 5_000,
  /** After the state was lost: how long an unclaimed seat is taken for present, and new matches of those who waited are held back. */
  claimMs: 3_000,
  /** How long somebody's last partners are remembered. */
  recentMs: 60 * 60 * 1000,
} as const;

export const RECENT_PARTNERS = 5;

/**
 * A live socket that acts in matching. `owner` is the worker that holds it. Connection ids are never used again.
 * `user` is what the partner gets to see, as the seat's socket last said it.
 */
export interface Party {
  readonly connectionId: string;
  readonly owner: string;
  readonly user: PublicUser;
}

export interface MatchRequest extends Party {
  readonly options: MatchOptions;
  /** Users this one has blocked; a block of either side keeps two apart. */
  readonly blocked: readonly string[];
  /** Id for the match that this request may lead to. Unique for each request. */
  readonly matchId: string;
}

/** One side's view of a match, enough to render `user:matched` for `connectionId`. */
export interface SeatView {
  readonly matchId: string;
  readonly connectionId: string;
  readonly userId: string;
  readonly partner: PublicUser;
  readonly initiator: boolean;
  readonly sharedInterests: readonly string[];
  readonly resumed: boolean;
  /** The partner's seat is vacated. Only with `resumed`, or from `collect`. */
  readonly partnerAway: boolean;
}

/**
 * Something that happened to a match and whom to tell: the connection that has, or until then had, the seat. `unmatched` also
 * reaches a user whose seat is vacant, at the newest candidate for it.
 */
export type Notice =
  | { readonly kind: 'matched'; readonly seat: SeatView }
  | {
      readonly kind: 'unmatched';
      readonly tell: string;
      readonly matchId: string;
      readonly reason: UnmatchReason;
    }
  | { readonly kind: 'partner-away'; readonly tell: string; readonly matchId: string }
  | { readonly kind: 'partner-back'; readonly tell: string; readonly matchId: string };

export type RequestOutcome =
  | { readonly status: 'waiting' | 'matched'; readonly notices: readonly Notice[] }
  /** Another live socket of the user has the seat or the place in the queue. */
  | { readonly status: 'conflict'; readonly notices: readonly [] };

export type Arrival =
  /** The user has neither seat nor place. A match that the connection named is over. */
  | { readonly kind: 'none' }
  /** This connection itself has the seat or the place (it renewed its token): nothing changes but the profile. */
  | { readonly kind: 'own' }
  /** Another socket, taken for alive, has the user's seat or place in the queue. */
  | { readonly kind: 'held'; readonly connectionId: string; readonly owner: string }
  /** A vacated seat waits; this connection is a candidate for it (the newest candidate gets it). */
  | { readonly kind: 'candidate' }
  /** The seat is this connection's now. */
  | { readonly kind: 'resumed'; readonly notices: readonly Notice[] };

/** What a seat may do at this moment. */
export interface SeatState {
  readonly matchId: string;
  readonly userId: string;
  readonly partnerId: string;
  /** The partner's live connection, or null while that seat is vacated. */
  readonly partnerConnectionId: string | null;
}

/** Opaque: up to which notice everything was delivered. */
export type Mark = string;

/** Where the state stands. */
export interface Standing {
  /** Another one when what was decided before may be lost, or undone: Redis started anew, or another one took over. */
  readonly run: string;
  /** Grows with every change of hands. */
  readonly turn: number;
}

/** A seat that a socket has, as its worker was told. */
export interface SeatClaim extends Party {
  readonly matchId: string;
  readonly partner: PublicUser;
  readonly sharedInterests: readonly string[];
  /** These two as the socket was told last. */
  readonly initiator: boolean;
  readonly partnerAway: boolean;
}

/** A place in the queue: the request that waits. */
export interface PlaceClaim extends MatchRequest {
  /** Since the user first asked. */
  readonly waitedMs: number;
}

/** All that the sockets of one worker have. */
export interface Claims {
  readonly owner: string;
  /** The run of the last `reclaim` that succeeded; empty before the first. */
  readonly heldUnder: string;
  /**
   * Asked for before the claims were gathered, when every earlier call was answered: what a socket got later is left alone,
   * whatever is claimed for it, or not.
   */
  readonly asOf: Standing;
  readonly seats: readonly SeatClaim[];
  readonly places: readonly PlaceClaim[];
  /** Sockets that were answered `candidate` and have heard nothing since. */
  readonly candidates: readonly Party[];
}

export interface Reclaimed {
  /** Whatever differs from what the sockets were told, and what their partners have to hear. */
  readonly notices: readonly Notice[];
  /** Connections that claimed a place in the queue or a candidacy and have none: another socket of the user has what there is. */
  readonly dropped: readonly string[];
}

/**
 * Who waits, who is matched with whom, and which socket has which seat.
 * Every method is one atomic decision for the whole cluster; a user is in at most one of queue and match, and a match has two
 * different users. Notices that a method returns are the caller's to deliver; those nobody asked for come from `collect`.
 * Nothing that is due happens before `collect`: until then a seat whose grace is over can still be taken. A connection that comes
 * as another user has departed as whom it was.
 */
export interface MatchPool {
  /**
   * - The user's seat is vacated: this connection takes it (`matched`, a resumed notice, `partner-back` to a present partner).
   * - This connection has the seat: skips (partner gets `unmatched skipped`, even one who is away loses the match) and asks
   *   anew; within `resumedMs` of a resume it answers the match it has, without notices.
   * - Another live connection has the seat or the place: `conflict`.
   * - Otherwise pairs with the longest-waiting user who fits, or enqueues. Those among either's last partners are taken only
   *   when nobody else fits. The side that asked last is the initiator and its `matchId` names the match. Asking again while
   *   queued keeps the first place and the time waited, and takes everything else anew.
   */
  request(request: MatchRequest): Promise<RequestOutcome>;

  /** Leaves the queue. False when this connection was not in it. */
  cancel(connectionId: string): Promise<boolean>;

  /**
   * Ends this connection's match (`unmatched left` to a present partner) or leaves the queue. A candidate's too: the match is
   * its user's, and no other socket has it.
   */
  leave(connectionId: string): Promise<readonly Notice[]>;

  /**
   * A socket of the user connected or authenticated. With `matchId` of the user's vacated seat, or when that seat has been
   * vacant for `offerMs`, the seat is taken; before that the connection becomes a candidate and `collect` seats the newest.
   */
  arrive(party: Party, matchId: string | undefined): Promise<Arrival>;

  /** The connection is gone: leaves the queue and the candidates, vacates its seat (`partner-away` to a present partner). */
  depart(connectionId: string): Promise<readonly Notice[]>;

  /** Null when this connection has no seat. */
  seat(connectionId: string): Promise<SeatState | null>;

  /** Ends a match between the two (`unmatched blocked` to the other one and to `by`), and keeps them apart while they wait. */
  block(by: string, userId: string): Promise<readonly Notice[]>;

  /** Current partner of the user, seated or away. */
  partnerOf(
    userId: string,
  ): Promise<{ matchId: string; partnerId: string; partnerConnectionId: string | null } | null>;

  /** Newest first, at most `RECENT_PARTNERS`: the current partner, then those of matches that ended within `recentMs`. */
  recentPartners(userId: string): Promise<readonly string[]>;

  /** Which of these users have a seat, vacated ones included. */
  seated(userIds: readonly string[]): Promise<readonly string[]>;

  counts(): Promise<{ waiting: number; matches: number }>;

  /**
   * What became due: entries whose wait widened and now pair, candidates that get their seat, seats whose grace is over,
   * partners to tell about a lost worker. Notices up to `seen`, the `last` of an earlier answer, are forgotten; the others come
   * again, in order, until they are seen: a collector that dies loses none, its successor may deliver some twice. A mark from
   * before the state was lost forgets nothing. Each says what is true when it is collected: nothing of a match that ended or a
   * partner who is back, no end of a match to a socket that has asked anew since, and `matched` shows whether the partner is away
   * by now.
   */
  collect(seen?: Mark): Promise<{ readonly notices: readonly Notice[]; readonly last: Mark }>;

  /** Vacates every seat and removes every place and candidate of a worker that is gone. Ends no match. `collect` tells the partners. */
  dropOwner(owner: string): Promise<void>;

  standing(): Promise<Standing>;

  /**
   * A worker says again what its sockets have: when Redis is back, after it could not renew its lease, and from time to time, for
   * notices are delivered at most once. Saying it twice does no harm. Claims that agree with the state change nothing.
   * - A vacated seat is taken by the claimant as by any socket that returns; who claims a seat that ended, or that another socket
   *   has, hears `unmatched disconnected`; who has another seat than it claims hears of that as if it returned.
   * - Under another run than `heldUnder` a match that the state does not know is made again, unless it is known to have ended or
   *   one of the two has a seat or a place from a later request (a greater `matchId`); what either has from an earlier one ends.
   *   The partner's seat is unclaimed: vacated, but the partner is told so only after `claimMs`, and whoever claims it within
   *   takes it in silence. The seats of a snapshot are all unclaimed, its places in the queue gone.
   * - A place is taken again with the time waited, unless the user sits or waits otherwise: a seat that nobody has is taken.
   * - What the owner has and does not claim has departed.
   * @throws UNAVAILABLE when the run is not that of `asOf` any more: ask `standing` and gather the claims again
   */
  reclaim(claims: Claims): Promise<Reclaimed>;
}
