import type { Chat, Message, Pending } from './state.ts';

/** One line of a conversation as it is shown. Pure. */
export type Line =
  | { is: 'day'; key: string; at: number }
  | { is: 'unread'; key: string }
  | {
      is: 'message';
      key: string;
      message: Message;
      mine: boolean;
      /** The sender's name stands above it. */
      named: boolean;
      /** Belongs to the block of the line before. */
      joined: boolean;
      /** The time stands below it. */
      closes: boolean;
    }
  | { is: 'pending'; key: string; item: Pending; joined: boolean };

/** Same author within so long: one block. */
const BLOCK_MS = 120_000;

interface Options {
  me: string;
  /** Everything up to here had been read when the conversation was opened. */
  divider: number | null;
  /** Identifies the local day of a time. */
  dayOf?: (at: number) => string;
}

const localDay = (at: number): string => new Date(at).toDateString();

export function linesOf(
  { log, type, pending }: Pick<Chat, 'log' | 'type' | 'pending'>,
  { me, divider, dayOf = localDay }: Options,
): readonly Line[] {
  const lines: Line[] = [];
  const { messages } = log;
  let day = '';
  let divided = divider === null || log.from > divider + 1;
  for (const [index, message] of messages.entries()) {
    const at = Date.parse(message.createdAt);
    const today = dayOf(at);
    const mine = message.senderId === me;
    if (today !== day) lines.push({ is: 'day', key: `day ${today}`, at });
    const divides = !divided && message.seq > divider! && !mine;
    if (divides) lines.push({ is: 'unread', key: 'unread' });
    divided ||= divides;
    const joined = today === day && !divides && isJoined(messages[index - 1], message);
    const next = messages[index + 1];
    const nextDivides = !divided && next !== undefined && next.seq > divider! && next.senderId !== me;
    lines.push({
      is: 'message',
      key: message.tempId ?? message.id,
      message,
      mine,
      named: !mine && !joined && type !== 'direct',
      joined,
      closes: nextDivides || !isJoined(message, next) || (mine && index === messages.length - 1),
    });
    day = today;
  }
  for (const [index, item] of pending.entries()) {
    const today = dayOf(item.at);
    if (today !== day) lines.push({ is: 'day', key: `day ${today}`, at: item.at });
    day = today;
    const before = index === 0 ? messages.at(-1) : null;
    const joined =
      before === null || (before?.senderId === me && item.at - Date.parse(before.createdAt) < BLOCK_MS);
    lines.push({ is: 'pending', key: item.tempId, item, joined });
  }
  return lines;
}

function isJoined(before: Message | undefined, message: Message | undefined): boolean {
  return (
    before !== undefined &&
    message !== undefined &&
    before.type !== 'system' &&
    before.senderId === message.senderId &&
    Date.parse(message.createdAt) - Date.parse(before.createdAt) < BLOCK_MS
  );
}

/** How many others have read one's last message; the people's own number is not in it. */
export function readersOf(
  { log, reads }: Pick<Chat, 'log' | 'reads'>,
  me: string,
): {
  seq: number;
  count: number;
} | null {
  const last = log.messages.findLast(({ senderId, deleted }) => senderId === me && !deleted);
  if (!last) return null;
  const count = Object.entries(reads).filter(([id, seq]) => id !== me && seq >= last.seq).length;
  return { seq: last.seq, count };
}
