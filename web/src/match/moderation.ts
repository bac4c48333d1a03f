import type { RequestArgs } from '../../../src/contract.ts';
import { type ChatSocket, request } from '../net/socket.ts';
import type { Event, Match } from './state.ts';

export type ReportReason = RequestArgs<'user:report'>[0]['reason'];

/** Both concern the partner shown, also after they left. Each resolves to null, or to what went wrong. */
export interface Moderation {
  block(): Promise<string | null>;
  report(reason: ReportReason, details: string): Promise<string | null>;
}

interface Deps {
  socket: ChatSocket;
  shown(): Match | null;
  dispatch(event: Event): void;
  /** The match was ended by our block. */
  onBlocked(match: Match): void;
}

export function createModeration({ socket, shown, dispatch, onBlocked }: Deps): Moderation {
  return {
    async block() {
      const match = shown();
      if (!match) return null;
      const answer = await request(socket, 'user:block', { userId: match.partner.id });
      if (!answer.success) return answer.message;
      onBlocked(match);
      return null;
    },
    async report(reason, details) {
      const match = shown();
      if (!match) return null;
      const answer = await request(socket, 'user:report', {
        userId: match.partner.id,
        reason,
        ...(details.trim() && { details: details.trim() }),
      });
      if (!answer.success) return answer.message;
      dispatch({ type: 'notice', notice: { is: 'reported' } });
      return null;
    },
  };
}
