import type { PublicUser } from '../../kernel/schemas.ts';
import type { ChannelMessage } from './channels.contract.ts';
import type { ChatMessage } from './chat.contract.ts';
import type { Conversation } from './conversations.ts';
import type { Message } from './messages.ts';
import type { RoomMessage } from './rooms.contract.ts';

/** One message in each dialect's own shape. */

export const iso = (ms: number): string => new Date(ms).toISOString();
const isoOrNull = (ms: number | null): string | null => (ms === null ? null : iso(ms));

/** What C and E call a conversation. */
export const refOf = ({ handle, id }: Pick<Conversation, 'handle' | 'id'>): string => handle ?? id;

/** D's number of a sender: of a guest without an account its own, of the system 0. */
export const numberOfSender = (senderId: string): number => Number(senderId.replace('guest:', ''));

export const reactionsOf = ({ reactions }: Message) =>
  reactions.map(({ reaction, userIds }) => ({ reaction, count: userIds.length, userIds: [...userIds] }));

export function chatMessage(
  conversation: Conversation,
  message: Message,
  sender: PublicUser,
  tempId?: string,
): ChatMessage {
  return {
    id: message.id,
    seq: message.seq,
    chatId: refOf(conversation),
    type: message.type,
    content: message.text,
    url: message.attachment?.shown?.url ?? null,
    fileName: message.attachment?.fileName ?? null,
    upload: message.attachment?.shown ?? null,
    senderId: message.senderId,
    sender,
    ...(tempId !== undefined && { tempId }),
    createdAt: iso(message.createdAt),
    editedAt: isoOrNull(message.editedAt),
    deleted: message.deletedAt !== null,
    reactions: reactionsOf(message),
  };
}

export function channelMessage(message: Message, sender: PublicUser): ChannelMessage {
  return {
    id: Number(message.id),
    type: message.type,
    senderId: numberOfSender(message.senderId),
    senderName: sender.username,
    senderAvatar: sender.avatar,
    text: message.text,
    url: message.attachment?.shown?.url ?? null,
    fileName: message.attachment?.fileName ?? null,
    createdAt: iso(message.createdAt),
    updatedAt: iso(message.editedAt ?? message.createdAt),
    channelId: Number(message.conversationId),
  };
}

export function roomMessage(conversation: Conversation, message: Message, sender: PublicUser): RoomMessage {
  return {
    id: message.id,
    roomId: refOf(conversation),
    type: message.type,
    content: message.text,
    url: message.attachment?.shown?.url ?? null,
    fileName: message.attachment?.fileName ?? null,
    userId: message.senderId,
    username: sender.username,
    avatar: sender.avatar,
    seq: message.seq,
    timestamp: iso(message.createdAt),
  };
}
