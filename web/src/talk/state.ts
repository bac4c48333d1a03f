import type { RouteData } from '../../../src/contract.ts';
import type { ChatInfo, ChatMessage } from '../../../src/features/conversations/chat.contract.ts';
import type { PublicUser } from '../../../src/kernel/schemas.ts';
import type { Attached } from '../uploads/attached.ts';
import type { Log } from './log.ts';

export type Message = ChatMessage;
export type { ChatInfo, PublicUser };
export type ChatDetails = RouteData<'GET /conversations/:id'>;

/** Everything the page knows about the conversations of one user. Plain data; changed by `reduce` alone. */
export interface TalkState {
  /** The user's id. */
  readonly me: string;
  readonly list: 'loading' | 'ready' | 'failed';
  readonly chats: Readonly<Record<string, Chat>>;
  /** Written before a reload, in conversations that are not known again yet. */
  readonly unplaced: readonly Pending[];
  /** The one on the screen. `divider`: what was read when it was opened; null when nothing was unread. */
  readonly shown: { readonly id: string; readonly divider: number | null } | null;
}

export interface Chat {
  readonly id: string;
  /** Its number on the routes under `/channels`. */
  readonly channelId: number;
  readonly type: ChatInfo['type'];
  readonly name: string;
  readonly ownerId: string | null;
  /** Of a direct one: the other. */
  readonly peer: PublicUser | null;
  /** ISO 8601. */
  readonly createdAt: string;
  /** This socket gets what is said there. */
  readonly joined: boolean;
  /** Everything up to here was read by the user. */
  readonly readSeq: number;
  /** What the server counted: unread messages with numbers up to `seq`. */
  readonly counted: { readonly unread: number; readonly seq: number };
  /** Derived from `counted`, `readSeq` and `log` after each change. */
  readonly unread: number;
  readonly last: Message | null;
  readonly log: Log;
  /** Own messages that the server has not confirmed, in the order they were written. */
  readonly pending: readonly Pending[];
  readonly typing: readonly Typist[];
  /** What others have read, as far as this page heard. */
  readonly reads: Readonly<Record<string, number>>;
  /** At most 200 of `memberCount`; null until asked for. */
  readonly members: readonly PublicUser[] | null;
  readonly memberCount: number | null;
  /** Why the history could not be read. */
  readonly trouble: string | null;
}

/** `waiting` is sent by itself as soon as it can be; `failed` waits for the user. */
export type Delivery = 'sending' | 'waiting' | 'failed';

export interface Pending {
  /** A UUID: sent twice it is still one message. */
  readonly tempId: string;
  readonly chatId: string;
  /** Of an upload its caption, possibly empty. */
  readonly text: string;
  readonly attached?: Attached;
  /** ms, local clock. */
  readonly at: number;
  readonly delivery: Delivery;
  /** Why it failed. */
  readonly why?: string;
}

/** `until` in ms, local clock. */
export interface Typist {
  readonly userId: string;
  readonly name: string;
  readonly until: number;
}

export type TalkEvent =
  | { type: 'listed'; chats: readonly ChatInfo[] }
  | { type: 'list-failed' }
  /** One conversation came or was looked at anew; `details` has its people too. */
  | { type: 'known'; chat: ChatInfo | ChatDetails }
  | { type: 'joined'; chatId: string; readSeq: number; lastSeq: number; floor: number; epoch: string }
  | { type: 'disconnected' }
  /** The user is no member any more, or it is gone. */
  | { type: 'left'; chatId: string }
  /** What is in front of `before`. */
  | {
      type: 'older';
      chatId: string;
      before: number;
      messages: readonly Message[];
      moreBefore: boolean;
      floor: number;
    }
  | { type: 'trouble'; chatId: string; trouble: string | null }
  | { type: 'message'; message: Message }
  | {
      type: 'synced';
      chatId: string;
      messages: readonly Message[];
      upTo: number;
      cursor: string;
      floor: number;
    }
  | { type: 'reset'; chatId: string; upTo: number; epoch: string; floor: number }
  | { type: 'reactions'; chatId: string; seq: number; reactions: Message['reactions'] }
  | { type: 'deleted'; chatId: string; seq: number }
  | { type: 'read'; chatId: string; userId: string; seq: number }
  | { type: 'typing'; chatId: string; typist: Typist }
  | { type: 'typing-ended'; chatId: string; userId: string }
  /** Whoever's time is up is not typing any more. */
  | { type: 'time'; now: number }
  | { type: 'wrote'; item: Pending }
  | { type: 'delivery'; chatId: string; tempId: string; delivery: Delivery; why?: string }
  | { type: 'discarded'; chatId: string; tempId: string }
  | { type: 'shown'; chatId: string | null };

export const initialTalk = (me: string, unplaced: readonly Pending[] = []): TalkState => ({
  me,
  list: 'loading',
  chats: {},
  unplaced,
  shown: null,
});
