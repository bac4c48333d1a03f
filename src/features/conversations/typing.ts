import type { Clock } from '../../kernel/clock.ts';
import type { Connection } from '../../kernel/connection.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import { dialectRoom, type ConversationPushes } from './broadcast.ts';
import type { Conversation } from './conversations.ts';
import { refOf } from './render.ts';

/** Ends by itself after this time without another word. */
export const TYPING_MS = 5_000;

export interface TypingNeeds {
  readonly outbox: Outbox<ConversationPushes>;
  readonly hiddenFrom: (senderId: string) => Promise<readonly string[]>;
  readonly clock: Clock;
}

/** Who is typing: told to C's and E's clients, kept nowhere but in the timer that ends it. */
export function createTyping({ outbox, hiddenFrom, clock }: TypingNeeds) {
  /** Connection → conversation → ends its timer. */
  const typing = new Map<string, Map<string, () => void>>();

  async function tell(connection: Connection, conversation: Conversation, isTyping: boolean): Promise<void> {
    const { id: userId, username } = connection.identity;
    const hidden = await hiddenFrom(userId);
    const options = { except: [userId, ...hidden].map((id) => roomOf('user', id)), volatile: true };
    const ref = refOf(conversation);
    const body = { chatId: ref, userId, username, isTyping };
    outbox.push(dialectRoom('chat', conversation.id), 'chat:typing', body, options);
    const event = isTyping ? 'typing_start' : 'typing_stop';
    outbox.push(dialectRoom('room', conversation.id), event, { roomId: ref, userId, username }, options);
  }

  function forget(connection: Connection, conversationId: string): boolean {
    const timers = typing.get(connection.id);
    const cancel = timers?.get(conversationId);
    if (!timers || !cancel) return false;
    cancel();
    timers.delete(conversationId);
    if (timers.size === 0) typing.delete(connection.id);
    return true;
  }

  return {
    async start(connection: Connection, conversation: Conversation): Promise<void> {
      forget(connection, conversation.id);
      const end = clock.after(TYPING_MS, () => {
        forget(connection, conversation.id);
        // Nobody waits for the answer; clients let it end by themselves too.
        tell(connection, conversation, false).catch(() => {});
      });
      typing.set(connection.id, (typing.get(connection.id) ?? new Map()).set(conversation.id, end));
      await tell(connection, conversation, true);
    },

    /** Also when the message is sent. Says nothing about who was not typing. */
    async stop(connection: Connection, conversation: Conversation): Promise<void> {
      if (forget(connection, conversation.id)) await tell(connection, conversation, false);
    },

    /** The socket is gone: what it was typing ends by itself where it is shown. */
    depart(connection: Connection): void {
      for (const conversationId of [...(typing.get(connection.id)?.keys() ?? [])]) {
        forget(connection, conversationId);
      }
    },
  };
}
