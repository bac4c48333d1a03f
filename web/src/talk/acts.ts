import type { Failure } from '../../../src/kernel/contract.ts';
import { type ChatSocket, request } from '../net/socket.ts';
import type { Message, TalkEvent } from './state.ts';

/** What can be done with messages and people. Each resolves to null, or to what went wrong. */
export interface Acts {
  react(message: Message, reaction: string, on: boolean): Promise<string | null>;
  edit(message: Message, text: string): Promise<string | null>;
  remove(message: Message): Promise<string | null>;
  /** They can neither write to the user nor be matched with them any more. */
  block(userId: string): Promise<string | null>;
}

export function failureWords({ error, message }: Failure): string {
  return error.code === 'UNREACHABLE' ? 'You are not connected at the moment.' : message;
}

async function attempt<A extends { success: true }>(
  asked: Promise<A | Failure>,
  then: (answer: A) => void,
): Promise<string | null> {
  const answer = await asked;
  if (!answer.success) return failureWords(answer);
  then(answer);
  return null;
}

export function createActs(socket: ChatSocket, dispatch: (event: TalkEvent) => void): Acts {
  return {
    react({ id: messageId, chatId, seq }, reaction, on) {
      const event = on ? 'chat:reaction' : 'chat:reaction:remove';
      return attempt(request(socket, event, { messageId, reaction }), ({ reactions }) =>
        dispatch({ type: 'reactions', chatId, seq, reactions }),
      );
    },
    edit: ({ id: messageId }, content) =>
      attempt(request(socket, 'chat:edit', { messageId, content }), ({ message }) =>
        dispatch({ type: 'message', message }),
      ),
    remove: ({ id: messageId, chatId, seq }) =>
      attempt(request(socket, 'chat:delete', { messageId }), () =>
        dispatch({ type: 'deleted', chatId, seq }),
      ),
    block: (userId) => attempt(request(socket, 'user:block', { userId }), () => {}),
  };
}
