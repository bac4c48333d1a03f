import type { PublicUser } from '../../kernel/schemas.ts';
import { sharedInterests } from './fit.ts';
import type { Notice, Party, SeatView } from './pool.ts';
import type { Entry } from './queue.memory.ts';

/** One side of a match. */
export interface Seat {
  readonly kind: 'seat';
  readonly matchId: string;
  readonly shared: readonly string[];
  readonly partner: Seat;
  user: PublicUser;
  /** A new object for every change of hands: unseen notices compare it to know what has changed since. */
  state: Taken | Vacant;
}
export interface Taken {
  readonly party: Party;
  /** −∞ for the socket that was matched. */
  readonly resumedAt: number;
}
export interface Vacant {
  readonly party: null;
  readonly since: number;
  /** Newest last. */
  candidates: readonly Party[];
}

/** Both sides of a new match, the asker's first. */
export function seatsOf(asker: Entry, waiter: Entry): [Seat, Seat] {
  const both = {
    kind: 'seat',
    matchId: asker.matchId,
    shared: sharedInterests(asker.wish, waiter.wish),
  } as const;
  const side = ({ party }: Entry) => ({ ...both, user: party.user, state: { party, resumedAt: -Infinity } });
  const first = side(asker) as Seat & { partner: Seat };
  const second: Seat = { ...side(waiter), partner: first };
  first.partner = second;
  return [first, second];
}

/** Who of the user is there for this side: the socket that has the seat, or the candidates. */
export function connected(seat: Seat): readonly Party[] {
  return seat.state.party ? [seat.state.party] : seat.state.candidates;
}

export function partnerIn({ matchId, partner }: Seat) {
  return {
    matchId,
    partnerId: partner.user.id,
    partnerConnectionId: partner.state.party?.connectionId ?? null,
  };
}

export function matched(
  seat: Seat,
  party: Party,
  view: Pick<SeatView, 'initiator' | 'resumed' | 'partnerAway'>,
): Notice {
  return {
    kind: 'matched',
    seat: {
      matchId: seat.matchId,
      connectionId: party.connectionId,
      userId: seat.user.id,
      partner: seat.partner.user,
      sharedInterests: seat.shared,
      ...view,
    },
  };
}
