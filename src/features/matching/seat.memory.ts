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
  /** Of the two sides that are present, exactly one is. */
  initiator: boolean;
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
  /** After the state was lost: nobody was told that it is vacant, and until `claimMs` nobody is. */
  unclaimed: boolean;
  /** While it is unclaimed: the partner takes its user for away. */
  believedAway: boolean;
}

/** Both sides of a new match, the asker's first. */
export function seatsOf(asker: Entry, waiter: Entry): [Seat, Seat] {
  const both = {
    kind: 'seat',
    matchId: asker.matchId,
    shared: sharedInterests(asker.wish, waiter.wish),
  } as const;
  const side = ({ party }: Entry, initiator: boolean) => ({
    ...both,
    user: party.user,
    initiator,
    state: { party, resumedAt: -Infinity },
  });
  const first = side(asker, true) as Seat & { partner: Seat };
  const second: Seat = { ...side(waiter, false), partner: first };
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

export function toHolder(seat: Seat, kind: 'partner-away' | 'partner-back'): Notice[] {
  const { party } = seat.state;
  return party ? [{ kind, tell: party.connectionId, matchId: seat.matchId }] : [];
}
