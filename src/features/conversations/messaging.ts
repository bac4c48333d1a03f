import type { Connection, Identity } from '../../kernel/connection.ts';
import { AppError, asAppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { UploadDesk } from '../uploads/contract.ts';
import type { Access } from './access.ts';
import { dialectRoom, hidden, type ConversationPushes } from './broadcast.ts';
import type { ConversationFacts, MessageType } from './contract.ts';
import type { Conversation, ConversationStore } from './conversations.ts';
import type { Appended, Attachment, Message, MessageStore } from './messages.ts';
import type { Openings } from './openings.ts';
import { sendersOf } from './profiles.ts';
import { chatMessage, reactionsOf, refOf } from './render.ts';
import { retryOf } from './retry.ts';
import type { Writer } from './writer.ts';

export interface MessagingNeeds {
  readonly access: Access;
  readonly openings: Openings;
  readonly writer: Writer;
  readonly conversations: Pick<ConversationStore, 'moveRead'>;
  readonly messages: MessageStore;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
  readonly outbox: Outbox<ConversationPushes>;
  readonly ids: Ids;
  readonly clock: { now(): number };
  readonly config: { readonly editWindowMs: number };
  readonly facts: Facts<ConversationFacts>;
  readonly uploadDesk: Pick<UploadDesk, 'inMessage' | 'moved'>;
}

export interface Content {
  readonly type?: MessageType;
  readonly text: string;
  /** Names an upload of the sender's own. */
  readonly upload?: string | Record<string, unknown> | undefined;
  readonly tempId?: string | null | undefined;
}

/** A stored message with what is needed to show it. */
export interface Shown {
  readonly conversation: Conversation;
  readonly message: Message;
  readonly sender: PublicUser;
}

export const noMessage = () => new AppError('NOT_FOUND', 'There is no such message.');

/** What administrators say through D's broadcast route. */
const SYSTEM = { id: '0', username: 'system', avatar: null };

export function createMessaging(needs: MessagingNeeds) {
  const { access, openings, writer, conversations, messages, outbox, ids, clock, uploadDesk } = needs;

  const profileOf = (who: Identity): PublicUser => ({
    id: who.id,
    username: who.username,
    avatar: who.kind === 'user' ? who.avatar : null,
  });

  async function post(
    conversation: Conversation,
    sender: PublicUser,
    content: Content,
    needsRight = true,
  ): Promise<Shown> {
    const [id, now] = [ids.next(), clock.now()];
    const { text, tempId } = content;
    const { type, attachment } = await attached(content, sender.id, {
      conversationId: conversation.id,
      messageId: id,
    });
    const retry = retryOf(tempId ?? undefined, id, { type, text, url: attachment?.url ?? null }, now);
    const draft = {
      id,
      senderId: sender.id,
      senderName: sender.username,
      type,
      text,
      attachment,
      createdAt: now,
      retry,
    };
    const post = { draft, sender, tempId: tempId ?? undefined, needsRight };
    const stored = attachment
      ? await keeping(attachment, draft, () => writer.post(conversation, post))
      : await writer.post(conversation, post);
    return { conversation, message: stored.message, sender };
  }

  /** An upload is in use by the message before it is stored: no sweep comes between. */
  async function attached(
    { type = 'text', upload }: Content,
    senderId: string,
    place: { readonly conversationId: string; readonly messageId: string },
  ): Promise<{ type: MessageType; attachment: Attachment | null }> {
    if (upload === undefined) return { type, attachment: null };
    const { kind, ...attachment } = await uploadDesk.inMessage(upload, senderId, place);
    return { type: kind, attachment };
  }

  /** It is in use by what was stored, and by nothing that was not. */
  async function keeping(
    { upload }: Attachment,
    { id, senderId }: { readonly id: string; readonly senderId: string },
    store: () => Promise<Appended>,
  ): Promise<Appended> {
    const stored = await store().catch(async (error: unknown) => {
      // Of a message whose fate is unknown it stays.
      if (asAppError(error).code !== 'UNAVAILABLE') await uploadDesk.moved(upload, senderId, id, null);
      throw error;
    });
    const { message, repeated } = stored;
    if (message.id === id) return stored;
    const { conversationId, id: messageId } = message;
    await uploadDesk.moved(upload, senderId, id, repeated ? null : { conversationId, messageId });
    return stored;
  }

  /** The message, where the caller may see it. @throws NOT_FOUND */
  async function seen(messageId: string, who: Pick<Identity, 'id'>) {
    const message = await messages.byId(messageId);
    if (!message || message.hiddenFrom.includes(who.id)) throw noMessage();
    const found = await access.visible(message.conversationId, who).catch(() => {
      // Not "no such conversation": the caller named a message.
      throw noMessage();
    });
    return { ...found, message };
  }

  async function shown(conversation: Conversation, message: Message): Promise<Shown> {
    return { conversation, message, sender: (await sendersOf(needs.accounts, [message]))(message) };
  }

  const pushToChat = <E extends keyof ConversationPushes & string>(
    conversation: Conversation,
    { hiddenFrom }: Message,
    event: E,
    body: Parameters<typeof outbox.push<E>>[2],
  ) => outbox.push(dialectRoom('chat', conversation.id), event, body, hidden(hiddenFrom));

  async function changeReaction(
    who: Identity,
    messageId: string,
    reaction: string,
    how: 'react' | 'unreact',
  ) {
    const { conversation, membership } = await seen(messageId, who);
    if (!membership) throw new AppError('FORBIDDEN', 'Join first.');
    const result = await messages[how](messageId, who.id, reaction);
    if (!result) throw noMessage();
    const { message, changed } = result;
    const reactions = reactionsOf(message);
    if (changed) {
      const event = how === 'react' ? 'chat:reaction' : 'chat:reaction:remove';
      const place = { chatId: refOf(conversation), messageId, seq: message.seq };
      pushToChat(conversation, message, event, { ...place, userId: who.id, reaction, reactions });
    }
    return reactions;
  }

  return {
    /** From a socket that has it open, or from any member. @throws FORBIDDEN where anyone may join and the caller has not */
    async sendFrom(connection: Connection, ref: string, content: Content): Promise<Shown> {
      // The writer asks for the right of whoever sends: an opening only spares the question what is meant.
      const conversation =
        openings.find(connection, ref)?.conversation ??
        (await access.member(ref, connection.identity)).conversation;
      return post(conversation, profileOf(connection.identity), content);
    },

    /** By a member, without a socket. */
    async sendAs(who: Identity, ref: string, content: Content): Promise<Shown> {
      const { conversation } = await access.member(ref, who);
      return post(conversation, profileOf(who), content);
    },

    announce: (conversation: Conversation, text: string) =>
      post(conversation, SYSTEM, { type: 'system', text }, false),

    /** Not a deleted one. */
    async message(who: Identity, messageId: string): Promise<Shown> {
      const { conversation, message } = await seen(messageId, who);
      if (message.deletedAt !== null) throw noMessage();
      return shown(conversation, message);
    },

    /** @throws FORBIDDEN for anyone but the author, and when EDIT_WINDOW_MS is over */
    async edit(who: Identity, messageId: string, text: string): Promise<Shown> {
      const { conversation, message: before } = await seen(messageId, who);
      if (before.senderId !== who.id || before.type === 'system') {
        throw new AppError('FORBIDDEN', 'Only its author can edit a message.');
      }
      if (before.deletedAt !== null) throw noMessage();
      const message = await messages.edit(messageId, text, clock.now() - needs.config.editWindowMs);
      if (!message) throw new AppError('FORBIDDEN', 'It is too late to edit this message.');
      const edited = await shown(conversation, message);
      pushToChat(conversation, message, 'chat:edited', chatMessage(conversation, message, edited.sender));
      return edited;
    },

    /** Repeats succeed. @throws FORBIDDEN for anyone but the author and the owner */
    async remove(who: Identity, messageId: string): Promise<void> {
      const { conversation, message: before } = await seen(messageId, who);
      const isOwner = conversation.type !== 'direct' && conversation.ownerId === who.id;
      if (before.senderId !== who.id && !isOwner) {
        throw new AppError('FORBIDDEN', 'Only its author or the owner can delete a message.');
      }
      const message = await messages.remove(messageId);
      if (!message) throw noMessage();
      if (before.deletedAt !== null) return;
      const uploadId = before.attachment?.upload.id ?? null;
      await needs.facts.announce('message.removed', { messageId, uploadId });
      const body = { chatId: refOf(conversation), messageId, seq: message.seq };
      pushToChat(conversation, message, 'chat:deleted', body);
    },

    react: (who: Identity, messageId: string, reaction: string) =>
      changeReaction(who, messageId, reaction, 'react'),
    unreact: (who: Identity, messageId: string, reaction: string) =>
      changeReaction(who, messageId, reaction, 'unreact'),

    /** Answers how far the caller has read. @throws BAD_INPUT for a message of another conversation */
    async read(who: Identity, ref: string, messageId: string): Promise<number> {
      const { conversation, membership } = await access.member(ref, who);
      const message = await messages.byId(messageId);
      if (message?.conversationId !== conversation.id) throw foreign('messageId');
      if (!(await conversations.moveRead(conversation.id, who.id, message.seq))) {
        return Math.max(membership.readSeq, message.seq);
      }
      const body = { chatId: refOf(conversation), userId: who.id, messageId, seq: message.seq };
      outbox.push(dialectRoom('chat', conversation.id), 'chat:read', body);
      return message.seq;
    },

    /** The number that a page is cut at. @throws BAD_INPUT for a message of another conversation */
    async seqOf(conversation: Conversation, messageId: string, field: string): Promise<number> {
      const message = await messages.byId(messageId);
      if (message?.conversationId !== conversation.id) throw foreign(field);
      return message.seq;
    },
  };
}

export type Messaging = ReturnType<typeof createMessaging>;

const foreign = (field: string) =>
  new AppError('BAD_INPUT', 'That message is not in this conversation.', {
    [field]: 'must be a message of this conversation',
  });
