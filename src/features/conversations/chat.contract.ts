import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Id, optional, PublicUser, Timestamp } from '../../kernel/schemas.ts';
import { PairMessage, PairMessagePush } from '../matching/contract.ts';
import { Uploaded } from '../uploads/contract.ts';
import {
  ConversationName,
  ConversationRef,
  ConversationType,
  limits,
  MessageText,
  MessageType,
  Reaction,
  TempId,
  UploadContent,
  UploadType,
} from './common.contract.ts';

/** C's chats, and what our own page needs beside them. A chat's id is the name it was made by, or its number as a string. */

const Reactions = z.array(
  z.object({ reaction: z.string(), count: z.number(), userIds: z.array(z.string()) }),
);

export const ChatMessage = z.object({
  id: z.string(),
  /** Its place in the chat. Clients order by it, and ask (`chat:sync`) when one stays missing. */
  seq: z.number(),
  chatId: z.string(),
  type: MessageType,
  /** Empty when `deleted`. */
  content: z.string(),
  /** Signed. */
  url: z.string().nullable(),
  fileName: z.string().nullable(),
  /** Of `file` and `voice`. It may be gone: then its URLs answer NOT_FOUND. */
  upload: Uploaded.nullable(),
  senderId: z.string(),
  sender: PublicUser,
  /** The sender's own name for it, in the acknowledgement and in the push that follows. */
  tempId: z.string().optional(),
  createdAt: Timestamp,
  editedAt: Timestamp.nullable(),
  deleted: z.boolean(),
  reactions: Reactions,
});
export type ChatMessage = z.infer<typeof ChatMessage>;

export const ChatInfo = z.object({
  id: z.string(),
  /** D's number of it. */
  channelId: z.number(),
  type: ConversationType,
  /** Of a direct one: the other's name. */
  name: z.string(),
  avatar: z.string().nullable(),
  ownerId: z.string().nullable(),
  createdAt: Timestamp,
  /** Of a direct one: the other. */
  peer: PublicUser.nullable(),
  lastSeq: z.number(),
  readSeq: z.number(),
  /** Messages of others after `readSeq`, counted up to 1 000. */
  unread: z.number(),
  lastMessage: ChatMessage.nullable(),
});
export type ChatInfo = z.infer<typeof ChatInfo>;

const Joined = z.object({
  chatId: z.string(),
  type: ConversationType,
  name: z.string(),
  /** Everything up to here is in the history; what comes later is pushed. */
  lastSeq: z.number(),
  floor: z.number(),
  epoch: z.string(),
  readSeq: z.number(),
});

const ChatSay = z.object({
  chatId: ConversationRef,
  // C names none; whatever else is there is dropped like any field that is unknown.
  type: z
    .unknown()
    .refine((type) => !UploadType.safeParse(type).success)
    .transform(() => undefined)
    .optional(),
  content: MessageText,
  tempId: optional(TempId),
});

/** NOT_FOUND for an upload that is not the sender's own. */
const ChatSendUpload = z.object({
  chatId: ConversationRef,
  type: UploadType,
  content: UploadContent,
  tempId: optional(TempId),
});

/** What names a chat, in however wrong a way, must not go to the match partner. */
const PartnerSend = PairMessage.extend({ chatId: optional(z.never()) });

const ReactionChange = z.object({
  chatId: z.string(),
  messageId: z.string(),
  seq: z.number(),
  userId: z.string(),
  reaction: z.string(),
  reactions: Reactions,
});

const ReactionTarget = z.object({ messageId: Id, reaction: Reaction });

/** The last seq a client has, or the cursor of an earlier answer: that one brings changes of older messages too. */
const SyncPosition = z.union([z.number().int().min(0).max(Number.MAX_SAFE_INTEGER), z.string().max(128)]);

export const SyncResult = z.union([
  z.object({
    /** What came after the position and, with a cursor, what was edited, deleted or reacted to; in order of `seq`. */
    messages: z.array(ChatMessage),
    /** Numbers up to here that are not in `messages` or known already are void. */
    upTo: z.number(),
    cursor: z.string(),
    /** There is more: ask again with the cursor. */
    more: z.boolean(),
    epoch: z.string(),
    floor: z.number(),
  }),
  /** The position means nothing here: drop what is known, and read the history anew. */
  z.object({ reset: z.literal(true), upTo: z.number(), epoch: z.string(), floor: z.number() }),
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
]);
export type SyncResult = z.infer<typeof SyncResult>;

const PageQuery = z
  .object({
    before: Id.optional(),
    after: Id.optional(),
    around: Id.optional(),
    beforeSeq: z.coerce.number().int().min(1).optional(),
    afterSeq: z.coerce.number().int().min(0).optional(),
    aroundSeq: z.coerce.number().int().min(1).optional(),
    limit: z.coerce.number().int().min(1).max(limits.pageMax).default(50),
  })
  .refine(
    ({ limit: _, ...places }) => Object.values(places).filter((place) => place !== undefined).length <= 1,
    {
      message: 'one of before, after, around, beforeSeq, afterSeq, aroundSeq',
    },
  );

const ChatDetails = ChatInfo.extend({ members: z.array(PublicUser), memberCount: z.number() });

export const chatContract = contractOf({
  name: 'chat',
  requests: {
    /** An unknown name makes a public chat. NOT_FOUND for a direct or group chat of others. Confirmed by `chat:joined` too. */
    'chat:join': request({ args: [ConversationRef], ack: Joined }),
    /** Only this socket hears no more; members stay members. */
    'chat:leave': request({ args: [ConversationRef], ack: z.object({ chatId: z.string() }) }),
    /**
     * With `chatId`: stored, then acknowledged, then pushed to the whole chat. Without: B's message to the match partner, relayed and
     * never stored (NOT_MATCHED without one, UNAVAILABLE while the partner is away).
     */
    'chat:message': request({
      args: [z.union([ChatSay, ChatSendUpload, PartnerSend])],
      ack: z.union([
        z.object({
          chatId: z.string(),
          id: z.string(),
          seq: z.number(),
          tempId: z.string().optional(),
          message: ChatMessage,
        }),
        z.object({ matchId: z.string(), timestamp: Timestamp }),
      ]),
    }),
    /** Ends by itself after five seconds without another one. */
    'chat:typing': request({ args: [z.object({ chatId: ConversationRef, isTyping: z.boolean() })] }),
    /** Moves forward only. */
    'chat:read': request({
      args: [z.object({ chatId: ConversationRef, messageId: Id })],
      ack: z.object({ readSeq: z.number() }),
    }),
    /** A set: the same twice is one. */
    'chat:reaction': request({ args: [ReactionTarget], ack: z.object({ reactions: Reactions }) }),
    'chat:reaction:remove': request({ args: [ReactionTarget], ack: z.object({ reactions: Reactions }) }),
    /** The author, within EDIT_WINDOW_MS. */
    'chat:edit': request({
      args: [z.object({ messageId: Id, content: MessageText })],
      ack: z.object({ message: ChatMessage }),
    }),
    /** The author, or the chat's owner. */
    'chat:delete': request({ args: [z.object({ messageId: Id })] }),
    /** At most 50 chats and 200 messages in all; what does not fit has `more`. */
    'chat:sync': request({
      args: [
        z.object({
          conversations: z
            .record(ConversationRef, SyncPosition)
            .refine((all) => Object.keys(all).length <= limits.syncConversations, {
              message: `at most ${limits.syncConversations}`,
            }),
        }),
      ],
      ack: z.object({ conversations: z.record(z.string(), SyncResult) }),
    }),
  },
  pushes: {
    'chat:joined': Joined,
    /** B's, with `matchId`, from the partner; or C's, with `chatId`. */
    'chat:message': z.union([ChatMessage, PairMessagePush]),
    'chat:typing': z.object({
      chatId: z.string(),
      userId: z.string(),
      username: z.string(),
      isTyping: z.boolean(),
    }),
    'chat:read': z.object({ chatId: z.string(), userId: z.string(), messageId: z.string(), seq: z.number() }),
    'chat:reaction': ReactionChange,
    'chat:reaction:remove': ReactionChange,
    /** Edited, whole. */
    'chat:edited': ChatMessage,
    'chat:deleted': z.object({ chatId: z.string(), messageId: z.string(), seq: z.number() }),
    /** The user is a member from now on. To all of the user's sockets. */
    'chat:added': z.object({ chatId: z.string(), channelId: z.number(), type: ConversationType }),
  },
  routes: {
    /** Chats of which the caller is a member, the one with the latest message first. At most 200. */
    'GET /conversations': route({ data: z.object({ conversations: z.array(ChatInfo) }) }),
    /** A direct chat with a user (the existing one, if there is one), or a group. */
    'POST /conversations': route({
      body: z.union([
        z.object({ userId: Id }),
        z.object({ name: ConversationName, userIds: z.array(Id).max(limits.members).default([]) }),
      ]),
      data: ChatInfo,
      status: 201,
    }),
    'GET /conversations/:id': route({ params: z.object({ id: ConversationRef }), data: ChatDetails }),
    /** Oldest first, also deleted ones. Around a message: as many before as after it, and itself. Without a place: the newest. */
    'GET /conversations/:id/messages': route({
      params: z.object({ id: ConversationRef }),
      query: PageQuery,
      data: z.object({
        messages: z.array(ChatMessage),
        moreBefore: z.boolean(),
        moreAfter: z.boolean(),
        lastSeq: z.number(),
        floor: z.number(),
        epoch: z.string(),
      }),
    }),
  },
});
