import type { Clock } from '../../kernel/clock.ts';
import type { Arrival, Claims, MatchRequest, Notice, Party, PlaceClaim, SeatClaim } from './pool.ts';
import type { RequestOutcome, SeatState } from './pool.ts';

type Holding =
  | { readonly kind: 'nothing' | 'candidate' }
  | { readonly kind: 'place'; readonly request: MatchRequest; readonly since: number }
  | ({ readonly kind: 'seat' } & Pick<
      SeatClaim,
      'matchId' | 'partner' | 'sharedInterests' | 'initiator' | 'partnerAway'
    >);

/**
 * What this worker's sockets were told that they have. While Redis is away partners on this worker go on with it, and when Redis is
 * back the worker claims it. What changes a holding is the answer to `request`, `arrive`, `cancel`, `leave`, `depart` and
 * `reclaim`, and every notice, whoever delivers it: those of other workers come as pushes to the socket.
 */
export interface SeatCopy {
  requested(request: MatchRequest, outcome: RequestOutcome): void;
  arrived(party: Party, arrival: Arrival): void;
  /** Left the queue or its match. */
  left(connectionId: string): void;
  /** The socket is gone. */
  departed(connectionId: string): void;
  /** Those to other workers' sockets do not matter here. */
  heard(notices: readonly Notice[]): void;
  /** The seat and the partner's connection, when that is on this worker; undefined when this copy cannot know. */
  seat(connectionId: string): SeatState | undefined;
  claims(): Pick<Claims, 'seats' | 'places' | 'candidates'>;
}

const NOTHING: Holding = { kind: 'nothing' };

export function createSeatCopy(clock: Clock): SeatCopy {
  /** By connection, from its first `arrived` or `requested` until `departed`. */
  const sockets = new Map<string, { party: Party; holding: Holding }>();
  /** By match and user. Changed by `hold` alone. */
  const seats = new Map<string, string>();

  const sideOf = (matchId: string, userId: string) => `${matchId}/${userId}`;

  function hold(connectionId: string, holding: Holding, party?: Party): void {
    const socket = sockets.get(connectionId);
    if (socket?.holding.kind === 'seat') {
      const side = sideOf(socket.holding.matchId, socket.party.user.id);
      if (seats.get(side) === connectionId) seats.delete(side);
    }
    const now = party ?? socket?.party;
    if (!now) return;
    sockets.set(connectionId, { party: now, holding });
    if (holding.kind === 'seat') seats.set(sideOf(holding.matchId, now.user.id), connectionId);
  }

  /** What the socket holds as this party: nothing of what it had as another user. */
  function holdingOf({ connectionId, user }: Party): Holding {
    const socket = sockets.get(connectionId);
    return socket?.party.user.id === user.id ? socket.holding : NOTHING;
  }

  return {
    requested(request, { status, notices }) {
      const { connectionId, owner, user } = request;
      const party: Party = { connectionId, owner, user };
      const before = holdingOf(party);
      if (status === 'waiting') {
        const since = before.kind === 'place' ? before.since : clock.now();
        hold(connectionId, { kind: 'place', request, since }, party);
      } else {
        hold(connectionId, status === 'matched' ? before : NOTHING, party);
      }
      this.heard(notices);
    },

    arrived(party, arrival) {
      const held: Holding =
        arrival.kind === 'own'
          ? holdingOf(party)
          : arrival.kind === 'candidate'
            ? { kind: 'candidate' }
            : NOTHING;
      hold(party.connectionId, held, party);
      if (arrival.kind === 'resumed') this.heard(arrival.notices);
    },

    left: (connectionId) => hold(connectionId, NOTHING),

    departed(connectionId) {
      hold(connectionId, NOTHING);
      sockets.delete(connectionId);
    },

    heard(notices) {
      for (const notice of notices) {
        if (notice.kind === 'matched') {
          const { connectionId, userId, resumed: _, ...seat } = notice.seat;
          if (sockets.get(connectionId)?.party.user.id === userId)
            hold(connectionId, { kind: 'seat', ...seat });
          continue;
        }
        const holding = sockets.get(notice.tell)?.holding;
        if (notice.kind === 'unmatched') {
          const isTheirs = holding?.kind === 'seat' && holding.matchId === notice.matchId;
          if (isTheirs || holding?.kind === 'candidate') hold(notice.tell, NOTHING);
        } else if (holding?.kind === 'seat' && holding.matchId === notice.matchId) {
          const partnerAway = notice.kind === 'partner-away';
          hold(notice.tell, { ...holding, partnerAway, initiator: partnerAway && holding.initiator });
        }
      }
    },

    seat(connectionId) {
      const socket = sockets.get(connectionId);
      if (socket?.holding.kind !== 'seat') return undefined;
      const { matchId, partner, partnerAway } = socket.holding;
      const partnerConnectionId = seats.get(sideOf(matchId, partner.id));
      if (partnerConnectionId === undefined && !partnerAway) return undefined;
      return {
        matchId,
        userId: socket.party.user.id,
        partnerId: partner.id,
        partnerConnectionId: partnerConnectionId ?? null,
      };
    },

    claims() {
      const claimed = { seats: [] as SeatClaim[], places: [] as PlaceClaim[], candidates: [] as Party[] };
      for (const { party, holding } of sockets.values()) {
        if (holding.kind === 'candidate') claimed.candidates.push(party);
        else if (holding.kind === 'place')
          claimed.places.push({ ...holding.request, ...party, waitedMs: clock.now() - holding.since });
        else if (holding.kind === 'seat') {
          const { kind: _, ...seat } = holding;
          claimed.seats.push({ ...party, ...seat });
        }
      }
      return claimed;
    },
  };
}
