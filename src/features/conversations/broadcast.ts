import type { Outbox, PushOptions } from '../../kernel/outbox.ts';
import { roomOf, type Room } from '../../kernel/rooms.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { channelsContract } from './channels.contract.ts';
import type { chatContract } from './chat.contract.ts';
import type { Conversation } from './conversations.ts';
import type { Message } from './messages.ts';
import { channelMessage, chatMessage, roomMessage } from './render.ts';
import type { roomsContract } from './rooms.contract.ts';

export type ConversationPushes = (typeof chatContract)['pushes'] &
  (typeof channelsContract)['pushes'] &
  (typeof roomsContract)['pushes'];

/** By which a socket opened a conversation: C's chats, D's channels, E's rooms. Each is a Socket.IO room of its own. */
export const dialects = ['chat', 'channel', 'room'] as const;
export type Dialect = (typeof dialects)[number];

export const dialectRoom = (dialect: Dialect, conversationId: string): Room =>
  roomOf(dialect, conversationId);

/** A new message as each dialect pushes it. */
export function pushOf(
  dialect: Dialect,
  conversation: Conversation,
  message: Message,
  sender: PublicUser,
  tempId?: string,
) {
  switch (dialect) {
    case 'chat':
      return { event: 'chat:message', body: chatMessage(conversation, message, sender, tempId) } as const;
    case 'channel':
      return { event: 'message', body: channelMessage(message, sender) } as const;
    case 'room':
      return { event: 'room_message', body: roomMessage(conversation, message, sender) } as const;
  }
}

/** To those who must not see what was hidden from them. */
export const hidden = (userIds: readonly string[]): PushOptions => ({
  except: userIds.map((id) => roomOf('user', id)),
});

/** To everybody who has the conversation open, in whichever dialect. */
export function broadcast(
  outbox: Outbox<ConversationPushes>,
  conversation: Conversation,
  message: Message,
  sender: PublicUser,
  tempId?: string,
): void {
  for (const dialect of dialects) {
    const { event, body } = pushOf(dialect, conversation, message, sender, tempId);
    const room = dialectRoom(dialect, conversation.id);
    outbox.pushNumbered(room, message.seq, event, body, hidden(message.hiddenFrom));
  }
}
