import type { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { Pair, PairRelay } from './contract.ts';
import type { MatchPool } from './pool.ts';

/** Checks the seat on every send: nobody reaches someone who is not their partner at this moment. */
export function createPairRelay<P extends { readonly [event: string]: z.ZodType }>(
  pool: Pick<MatchPool, 'seat'>,
  outbox: Outbox<P>,
  connections: { get(id: string): unknown },
): PairRelay<P> {
  async function seatOf(connectionId: string) {
    const seat = await pool.seat(connectionId);
    if (!seat) throw new AppError('NOT_MATCHED', 'You have no partner at the moment.');
    const pair: Pair = { matchId: seat.matchId, from: seat.userId, partnerId: seat.partnerId };
    return { pair, partnerConnectionId: seat.partnerConnectionId };
  }

  return {
    async send(connectionId, event, bodyFor) {
      const { pair, partnerConnectionId } = await seatOf(connectionId);
      if (partnerConnectionId === null) throw new AppError('UNAVAILABLE', 'Your partner is away. Try again.');
      // A partner on this worker is reached without the adapter's help.
      if (!outbox.isUp() && !connections.get(partnerConnectionId))
        throw new AppError('UNAVAILABLE', 'Your partner cannot be reached at the moment. Try again.');
      outbox.push(roomOf('seat', partnerConnectionId), event, bodyFor(pair));
      return pair;
    },
    async current(connectionId) {
      return (await seatOf(connectionId)).pair;
    },
  };
}
