import type { Chat, Message, Pending, Typist } from '../talk/state.ts';

/** What the conversations say, by what is in them. */

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const longWeekday = new Intl.DateTimeFormat(undefined, { weekday: 'long' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

const DAY_MS = 86_400_000;

/** Local days between a time and now: 0 today, 1 yesterday. */
function daysAgo(at: number, now: number): number {
  const midnight = (time: number) => new Date(time).setHours(0, 0, 0, 0);
  return Math.round((midnight(now) - midnight(at)) / DAY_MS);
}

export const timeOfDay = (at: number): string => clock.format(at);
export const momentOf = (at: number): string => moment.format(at);

/** In the list: the time today, then the day. */
export function shortTime(at: number, now: number): string {
  const days = daysAgo(at, now);
  if (days <= 0) return clock.format(at);
  if (days === 1) return 'Yesterday';
  return days < 7 ? weekday.format(at) : date.format(at);
}

export function dayTitle(at: number, now: number): string {
  const days = daysAgo(at, now);
  if (days <= 0) return 'Today';
  if (days === 1) return 'Yesterday';
  return days < 7 ? longWeekday.format(at) : fullDate.format(at);
}

/** 120 → "99+" */
export const count = (unread: number): string => (unread > 99 ? '99+' : String(unread));

export function typingWords(typing: readonly Typist[], type: Chat['type']): string | null {
  const [first, second] = typing;
  if (!first) return null;
  if (type === 'direct') return 'typing…';
  if (!second) return `${first.name} is typing…`;
  return typing.length === 2 ? `${first.name} and ${second.name} are typing…` : 'Several people are typing…';
}

export function bodyWords({ deleted, content, fileName, type }: Message): string {
  if (deleted) return 'Message deleted';
  if (content) return content;
  return type === 'voice' ? 'Voice note' : (fileName ?? 'File');
}

export const pendingWords = ({ text, attached }: Pending): string =>
  text || (attached?.kind === 'voice' ? 'Voice note' : (attached?.upload.name ?? ''));

/** The line under a name in the list. */
export function previewWords(chat: Chat, me: string): string {
  const typing = typingWords(chat.typing, chat.type);
  if (typing) return typing;
  const unsent = chat.pending.at(-1);
  if (unsent) return `${unsent.delivery === 'failed' ? 'Not sent: ' : 'You: '}${pendingWords(unsent)}`;
  const { last } = chat;
  if (!last) return 'No messages yet';
  const body = bodyWords(last);
  if (last.senderId === me) return `You: ${body}`;
  return chat.type === 'direct' || last.type === 'system' ? body : `${last.sender.username}: ${body}`;
}

export function sizeWords({ type, memberCount }: Chat): string {
  const kind = type === 'public' ? 'Public room' : type === 'stream' ? 'Stream' : 'Group';
  if (memberCount === null) return kind;
  return `${kind} · ${memberCount} ${memberCount === 1 ? 'person' : 'people'}`;
}
