import type { Uploaded, UploadDetails } from '../uploads/contract.ts';
import type { MessageType } from './contract.ts';

/** Times are milliseconds since the epoch. */
export interface Message {
  readonly id: string;
  readonly conversationId: string;
  /** Its place in the conversation, from 1. For good. */
  readonly seq: number;
  /** A user's id, `guest:<id>` of a socket without an account, or `0` for the system. */
  readonly senderId: string;
  /** What the sender was called then. */
  readonly senderName: string;
  readonly type: MessageType;
  /** Empty when it was deleted. */
  readonly text: string;
  /** What a `file` or `voice` message carries. Null when it was deleted. */
  readonly attachment: Attachment | null;
  readonly createdAt: number;
  readonly editedAt: number | null;
  readonly deletedAt: number | null;
  /** By the store's clock: the last edit, deletion or reaction; null when there was none. */
  readonly changedAt: number | null;
  /** Each reaction with those who gave it, both in the order of their coming. */
  readonly reactions: readonly { readonly reaction: string; readonly userIds: readonly string[] }[];
  /** Users for whom this is a void: they had blocked the sender when it was sent. */
  readonly hiddenFrom: readonly string[];
}

export interface Attachment {
  /** Not signed. */
  readonly url: string;
  readonly fileName: string;
  readonly upload: UploadDetails;
  /** With URLs that work, for whoever may read the message; never stored (`messages.shown.ts`). */
  readonly shown?: Uploaded;
}

/** How a message that is sent again is known (CONTRACT 24; made by `retryOf`). */
export interface Retry {
  /** Unique per conversation and sender. */
  readonly key: string;
  /** Under this key too the same message may be stored already: the ten-minute slot before. */
  readonly formerKey: string | null;
  /** A message under `formerKey` counts as the same only when it is not older than this; one under `key`, which is unique, always does. */
  readonly since: number;
}

export interface Draft {
  readonly id: string;
  readonly senderId: string;
  readonly senderName: string;
  readonly type: MessageType;
  readonly text: string;
  readonly attachment: Attachment | null;
  readonly createdAt: number;
  readonly hiddenFrom: readonly string[];
  readonly retry: Retry;
}

/** `repeated`: this is the answer of the first time; nothing was stored now. */
export interface Appended {
  readonly message: Message;
  readonly repeated: boolean;
}

/** Where a conversation's numbers stand. */
export interface Position {
  readonly conversationId: string;
  /** Every number from `floor` + 1 to here is, for good, a message or a void. */
  readonly upTo: number;
  /** The highest number given so far, also to what is still on its way. */
  readonly head: number;
  /** What was up to here is gone, by retention or with the conversation's former life. */
  readonly floor: number;
  /** Another one means that the numbers a client knows are not these (a restored backup). */
  readonly epoch: string;
}

/** `more`: there is something beyond, in the direction of reading. */
export interface Page {
  readonly messages: readonly Message[];
  readonly more: boolean;
}

/**
 * Messages, numbered per conversation (DESIGN, *Messages*). A reader, where one is named, is shown nothing that is hidden from
 * them; `''` is nobody. Voids are never shown. Each method is one atomic decision; a resolved write is durable.
 */
export interface MessageStore {
  /**
   * Stores them in this order and answers in it; each once, however often it is sent. Two drafts with one key become one message.
   * @throws NOT_FOUND when there is no such conversation (any more); UNAVAILABLE when it is not known what was stored: send again
   */
  append(conversationId: string, drafts: readonly Draft[]): Promise<readonly Appended[]>;

  /** Also a deleted one; never a void, nor what was below the floor. */
  byId(id: string): Promise<Message | null>;
  /** Below `before` the newest first; above `after` the oldest first. Deleted ones only if `withDeleted`. Both bounds are exclusive. */
  page(
    conversationId: string,
    range: { readonly before: number } | { readonly after: number },
    options: { readonly limit: number; readonly reader: string; readonly withDeleted: boolean },
  ): Promise<Page>;
  /** Of each conversation the newest message that is not deleted; conversations without one are left out. */
  latest(conversationIds: readonly string[], reader: string): Promise<readonly Message[]>;

  /** In any order; conversations that do not exist are left out. */
  positions(conversationIds: readonly string[]): Promise<readonly Position[]>;
  /**
   * What was decided after that number, oldest first, deleted ones too; `upTo` is the last message of the page when there is `more`, else the
   * decided prefix. A hole below a stored message that is older than FILL_AFTER_MS becomes a void here.
   * Null when there is no such conversation.
   */
  since(
    conversationId: string,
    after: number,
    options: { readonly limit: number; readonly reader: string },
  ): Promise<(Page & Position) | null>;
  /** What was edited, deleted or reacted to behind this place, in order of (`changedAt`, `id`), up to the number `through`. */
  changed(
    conversationId: string,
    behind: { readonly changedAt: number; readonly id: string },
    options: { readonly through: number; readonly limit: number; readonly reader: string },
  ): Promise<Page>;

  /** Null when there is no such message, it is deleted, or was made before `notBefore`. Who may is the service's business. */
  edit(id: string, text: string, notBefore: number): Promise<Message | null>;
  /** Text, attachment and reactions go; the number stays. Repeats change nothing. Null when there is no such message. */
  remove(id: string): Promise<Message | null>;
  /**
   * A set: the same twice is one. `changed` says whether it was new. Null when there is no such message or it is deleted.
   * @throws CONFLICT above `limits.reactionsPerMessage` or `limits.reactorsPerMessage`
   */
  react(id: string, userId: string, reaction: string): Promise<{ message: Message; changed: boolean } | null>;
  unreact(
    id: string,
    userId: string,
    reaction: string,
  ): Promise<{ message: Message; changed: boolean } | null>;

  /** How many messages of others come after each number: not deleted, not hidden from the user; counted up to `limits.unread`. In the order asked. */
  unread(
    userId: string,
    positions: readonly { readonly conversationId: string; readonly after: number }[],
  ): Promise<readonly number[]>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. (`since` and `positions` may fill a hole, on MongoDB.) */
export const messageReads = [
  'byId',
  'page',
  'latest',
  'positions',
  'since',
  'changed',
  'unread',
] as const satisfies readonly (keyof MessageStore)[];

/** How long a number that was reserved may wait for its message before a reader makes it a void. */
export const FILL_AFTER_MS = 5_000;
