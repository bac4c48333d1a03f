import type { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { UploadDesk } from '../uploads/contract.ts';
import type { Pair, PairMessagePush, PairRelay, PairTalk } from './contract.ts';
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

/** The client's time when it is one, else the server's. */
function timestampOf(claimed: string | null | undefined, clock: { now(): number }): string {
  const isDate = typeof claimed === 'string' && !Number.isNaN(Date.parse(claimed));
  return isDate ? claimed : new Date(clock.now()).toISOString();
}

export function createPairTalk(
  pairs: PairRelay<{ 'chat:message': typeof PairMessagePush }>,
  uploadDesk: Pick<UploadDesk, 'inMatch'>,
  clock: { now(): number },
): PairTalk {
  return {
    async say(connectionId, { type, content: given, timestamp: claimed }) {
      const timestamp = timestampOf(claimed, clock);
      const content =
        type === 'text' ? given : await uploadDesk.inMatch(given, await pairs.current(connectionId));
      const { matchId } = await pairs.send(connectionId, 'chat:message', ({ matchId, from }) => ({
        type,
        content,
        timestamp,
        from,
        matchId,
      }));
      return { matchId, timestamp };
    },
  };
}
