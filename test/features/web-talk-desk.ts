import type { ChatInfo, Message, TalkEvent, TalkState } from '../../web/src/talk/state.ts';
import { initialTalk } from '../../web/src/talk/state.ts';
import { reduce } from '../../web/src/talk/reduce.ts';

/** What the tests of the page's conversations are made of: user 1 is the reader, 2 is bob. */

export const ME = '1';
export const EPOCH = 'e1';
const START = Date.parse('2026-03-05T10:00:00.000Z');

export const message = (seq: number, more: Partial<Message> = {}): Message => {
  const senderId = more.senderId ?? '2';
  return {
    id: String(1000 + seq),
    seq,
    chatId: '7',
    type: 'text',
    content: `message ${seq}`,
    url: null,
    fileName: null,
    upload: null,
    senderId,
    sender: { id: senderId, username: senderId === ME ? 'ann' : `user${senderId}`, avatar: null },
    createdAt: new Date(START + seq * 1_000).toISOString(),
    editedAt: null,
    deleted: false,
    reactions: [],
    ...more,
  };
};

export const info = (more: Partial<ChatInfo> = {}): ChatInfo => ({
  id: '7',
  channelId: 7,
  type: 'direct',
  name: 'bob',
  avatar: null,
  ownerId: null,
  createdAt: new Date(START).toISOString(),
  peer: { id: '2', username: 'bob', avatar: null },
  lastSeq: 0,
  readSeq: 0,
  unread: 0,
  lastMessage: null,
  ...more,
});

export const listed = (...chats: ChatInfo[]): TalkEvent => ({ type: 'listed', chats });
export const joined = (lastSeq: number, more: { readSeq?: number; epoch?: string } = {}): TalkEvent => ({
  type: 'joined',
  chatId: '7',
  lastSeq,
  readSeq: 0,
  floor: 0,
  epoch: EPOCH,
  ...more,
});
export const said = (seq: number, more: Partial<Message> = {}): TalkEvent => ({
  type: 'message',
  message: message(seq, more),
});
export const synced = (messages: Message[], upTo: number): TalkEvent => ({
  type: 'synced',
  chatId: '7',
  messages,
  upTo,
  cursor: `c${upTo}`,
  floor: 0,
});
export const older = (before: number, seqs: number[], moreBefore: boolean): TalkEvent => ({
  type: 'older',
  chatId: '7',
  before,
  messages: seqs.map((seq) => message(seq)),
  moreBefore,
  floor: 0,
});

export const after = (...events: TalkEvent[]): TalkState => events.reduce(reduce, initialTalk(ME));
export const chat = (state: TalkState) => state.chats['7']!;
export const seqs = (state: TalkState) => chat(state).log.messages.map(({ seq }) => seq);
