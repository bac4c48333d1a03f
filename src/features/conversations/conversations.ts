import type { ConversationType } from './contract.ts';

/** Times are milliseconds since the epoch. */
export interface Conversation {
  readonly id: string;
  /** What clients made it by and call it; null for what has only a number. Belongs to this id for good, also when the conversation is gone. */
  readonly handle: string | null;
  readonly type: ConversationType;
  /** Shown; empty for a direct conversation, which each side calls by the other's name. */
  readonly name: string;
  /** Who may do more than others (nobody in a direct conversation, where this is who opened it). Null where a guest without an account made it. */
  readonly ownerId: string | null;
  readonly createdAt: number;
  /** The two of a direct conversation, the smaller id first; null for every other. */
  readonly pair: readonly [string, string] | null;
}

export interface Membership {
  readonly conversationId: string;
  readonly userId: string;
  readonly joinedAt: number;
  /** Everything up to here was read. Moves forward only. */
  readonly readSeq: number;
  /** A direct conversation is not listed for the user before it has a message of this number; 0 hides nothing. */
  readonly hiddenUntil: number;
}

export interface Leaving {
  /** False when the user was no member. */
  readonly left: boolean;
  /** Who owns it from now on; null when nobody does. */
  readonly ownerId: string | null;
  /** It went with its last member. */
  readonly removed: boolean;
}

/**
 * Who talks where. Members are stored; who has a conversation open at this moment is `Attendance`'s.
 * Every method is one atomic decision; a resolved write is durable. What was removed is found by nobody.
 */
export interface ConversationStore {
  /** With exactly these members, whether its owner is among them or not. @throws CONFLICT when the id or the handle is taken */
  create(conversation: Conversation, memberIds: readonly string[]): Promise<void>;
  /**
   * The living conversation of the candidate's handle, or the candidate. A handle that had an id before keeps it, and its numbers go on,
   * with none of the old messages: `conversation.id` is then not the candidate's.
   */
  openNamed(
    candidate: Conversation & { handle: string },
  ): Promise<{ conversation: Conversation; created: boolean }>;
  /** The one direct conversation of the pair, whoever asks, or the candidate with both as members. */
  openDirect(
    candidate: Conversation & { pair: readonly [string, string] },
  ): Promise<{ conversation: Conversation; created: boolean }>;

  /** By id (all digits) or handle; with the user's membership, null for no member. */
  find(
    ref: string,
    userId: string,
  ): Promise<{ conversation: Conversation; membership: Membership | null } | null>;
  /** The direct conversation of the two, if there is one. */
  findDirect(pair: readonly [string, string]): Promise<Conversation | null>;
  /** Where the user is a member, the latest joined first, at most `limit`. Hidden ones are included. */
  listOf(
    userId: string,
    limit: number,
  ): Promise<readonly { conversation: Conversation; membership: Membership }[]>;

  /** False when there is no such conversation. */
  rename(id: string, name: string): Promise<boolean>;
  /** With its members, messages, reactions and read positions. Its numbers are never used again. False when there is no such conversation. */
  remove(id: string): Promise<boolean>;

  /** The longest-standing first, of one joining time the smaller id first; at most `limit`. */
  members(id: string, limit: number): Promise<readonly Membership[]>;
  countMembers(id: string): Promise<number>;
  /**
   * Adds those who are not members yet, who have read everything up to `readSeq`, and answers which.
   * @throws NOT_FOUND when there is no such conversation; CONFLICT when it would have more than `limits.members` (direct and group only)
   */
  join(id: string, userIds: readonly string[], at: number, readSeq: number): Promise<readonly string[]>;
  /** When the owner leaves, the longest-standing member owns it. Direct and group ones that the last one leaves are removed; others stay. */
  leave(id: string, userId: string): Promise<Leaving>;
  /** False when the user is no member or has read as far already. */
  moveRead(id: string, userId: string, seq: number): Promise<boolean>;
  /** Sets `hiddenUntil`, also back; without effect for no member. */
  hide(id: string, userId: string, untilSeq: number): Promise<void>;

  /** Of these, the pairs that hold: the conversation exists, and the user is a member or it is public or a stream. In any order. */
  admitted(
    pairs: readonly { readonly conversationId: string; readonly userId: string }[],
  ): Promise<readonly { readonly conversationId: string; readonly userId: string }[]>;
  /** Others in the user's direct and group conversations, each once, at most `limit`. */
  peersOf(userId: string, limit: number): Promise<readonly string[]>;

  /** Public conversations without any message, not even a deleted one, that nobody has touched since `before`, the longest first. */
  deserted(before: number, limit: number): Promise<readonly string[]>;
  /** Somebody is in there: `deserted` counts from `at` on. An earlier time changes nothing. */
  touch(ids: readonly string[], at: number): Promise<void>;
  /** Ends every membership of these users, whose accounts are gone, as `leave` does. Answers what was removed by that. */
  forget(userIds: readonly string[]): Promise<readonly string[]>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const conversationReads = [
  'find',
  'findDirect',
  'listOf',
  'members',
  'countMembers',
  'admitted',
  'peersOf',
  'deserted',
] as const satisfies readonly (keyof ConversationStore)[];
