import { z } from 'zod';
import { boundedText, cleaned, Id, optional } from '../../kernel/schemas.ts';

/** What the three dialects share: `chat.contract.ts` (C), `channels.contract.ts` (D), `rooms.contract.ts` (E). */

export const limits = {
  textLength: 4_000,
  reactionBytes: 64,
  /** Different reactions that one message can have, and people behind all of them; who gave two counts twice. */
  reactionsPerMessage: 20,
  reactorsPerMessage: 1_000,
  nameLength: 100,
  tempIdLength: 128,
  /** Of a direct or group conversation. */
  members: 1_000,
  /** Conversations that one socket can have open. */
  openPerSocket: 200,
  pageDefault: 20,
  pageMax: 100,
  syncConversations: 50,
  syncMessages: 200,
  /** Unread messages are counted up to here. */
  unread: 1_000,
  membersShown: 200,
} as const;

export const ConversationType = z.enum(['direct', 'group', 'public', 'stream']);
export type ConversationType = z.infer<typeof ConversationType>;

/** `system` comes from administrators; nobody else can send it. */
export const MessageType = z.enum(['text', 'file', 'voice', 'system']);
export type MessageType = z.infer<typeof MessageType>;

/** A name that a client gave; all digits would be an id, and `__proto__` can be no key of an object. */
const Handle = z
  .string()
  .regex(
    /^(?!__proto__$)(?=.*[^0-9])[A-Za-z0-9_.:-]{1,64}$/,
    'must be an id, or 1 to 64 of A-Z a-z 0-9 _ . : -',
  );

/** A conversation as clients write it: its id in either form, or the name it was made by (CONTRACT 6). */
export const ConversationRef = z.union([Id, Handle]);

/** The text of a message: not empty, at most 4 000 UTF-16 units. */
export const MessageText = boundedText(limits.textLength)
  .transform(cleaned)
  .refine((text) => text.trim().length > 0, 'must not be empty');

/** Beside an upload; may be empty. */
export const Caption = boundedText(limits.textLength).transform(cleaned);

/** Names an upload of the sender's own: its URL, signed or not, or its id. */
export const UploadUrl = z.string().min(1).max(2_048);

/** The answer to an upload (with a `caption`, where there is one to say), or its URL. */
export const UploadContent = z.union([UploadUrl, z.looseObject({ caption: optional(Caption) })]);

export const UploadType = z.enum(['file', 'voice']);

/** What a client calls a message before it has an id (CONTRACT 24). */
export const TempId = z.string().min(1).max(limits.tempIdLength);

export const Reaction = z
  .string()
  .min(1)
  .refine((text) => new TextEncoder().encode(text).length <= limits.reactionBytes, {
    message: `must have at most ${limits.reactionBytes} bytes`,
  })
  .transform(cleaned)
  .refine((text) => text.trim().length > 0, 'must not be empty');

export const ConversationName = z
  .string()
  .transform((name) => cleaned(name).trim())
  .refine((name) => name.length > 0 && name.length <= limits.nameLength, {
    message: `must have 1 to ${limits.nameLength} characters`,
  });
