import type { Message } from './state.ts';

/**
 * A stretch of a conversation. Every number from `from` to `to` is in `messages` or void; messages beyond `to` came before
 * what belongs in front of them. Pure data and functions.
 */
export interface Log {
  /** Null as long as this page never asked. */
  readonly epoch: string | null;
  /** In order of `seq`. */
  readonly messages: readonly Message[];
  readonly from: number;
  readonly to: number;
  /** The server has said that there are numbers up to here. */
  readonly target: number;
  readonly moreBefore: boolean;
  /** Where the next synchronisation begins, with what changed since; null before the first one. */
  readonly cursor: string | null;
}

/** Nothing of it is known yet; it goes on behind `seq`. */
export const emptyLog = (seq: number, epoch: string | null = null): Log => ({
  epoch,
  messages: [],
  from: seq + 1,
  to: seq,
  target: seq,
  moreBefore: seq > 0,
  cursor: null,
});

/** Something up to `target` is missing. */
export const isGapped = (log: Log): boolean => log.to < log.target;

/** Adds them, each in the place of what was known of it, and in front of nothing that is not loaded. */
function merge(log: Log, added: readonly Message[]): readonly Message[] {
  const bySeq = new Map(log.messages.map((message) => [message.seq, message]));
  for (const message of added) {
    const known = bySeq.get(message.seq);
    // What was deleted stays so, whatever came late; and only the first push has the sender's own name for it.
    if (known?.deleted && !message.deleted) continue;
    const tempId = message.tempId ?? known?.tempId;
    bySeq.set(message.seq, tempId === undefined ? message : { ...message, tempId });
  }
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}

/** Moves `to` over what has come by now. */
function advance(log: Log, upTo: number): Log {
  let to = Math.max(log.to, upTo);
  for (const { seq } of log.messages) if (seq === to + 1) to = seq;
  const last = log.messages.at(-1)?.seq ?? 0;
  return { ...log, to, target: Math.max(log.target, to, last) };
}

/** One that was pushed or acknowledged, new or changed. */
export function withMessage(log: Log, message: Message): Log {
  if (message.seq < log.from) return log;
  const last = log.messages.at(-1);
  const messages = !last || message.seq > last.seq ? [...log.messages, message] : merge(log, [message]);
  return advance({ ...log, messages }, log.to);
}

/** The page in front of the first known number. */
export function withOlder(
  log: Log,
  { messages, moreBefore, floor }: { messages: readonly Message[]; moreBefore: boolean; floor: number },
): Log {
  const older = messages.filter(({ seq }) => seq < log.from);
  const from = moreBefore ? (older[0]?.seq ?? log.from) : Math.min(log.from, floor + 1);
  return { ...log, messages: [...older, ...log.messages], from, moreBefore };
}

/** Answer of a synchronisation. Changes of what is not loaded are left out. */
export function withSync(
  log: Log,
  { messages, upTo, cursor }: { messages: readonly Message[]; upTo: number; cursor: string },
): Log {
  const within = messages.filter(({ seq }) => seq >= log.from);
  return advance({ ...log, messages: merge(log, within), cursor }, upTo);
}

export function withChange(log: Log, seq: number, change: (message: Message) => Message): Log {
  if (!log.messages.some((message) => message.seq === seq)) return log;
  const messages = log.messages.map((message) => (message.seq === seq ? change(message) : message));
  return { ...log, messages };
}

export const asDeleted = (message: Message): Message => ({
  ...message,
  content: '',
  url: null,
  fileName: null,
  upload: null,
  deleted: true,
  reactions: [],
});

/** Messages of others behind `seq`. */
export function countAfter(log: Log, seq: number, me: string): number {
  let count = 0;
  for (let at = log.messages.length - 1; at >= 0; at--) {
    const message = log.messages[at]!;
    if (message.seq <= seq) break;
    if (message.senderId !== me && !message.deleted) count++;
  }
  return count;
}

/** Forgets all but the newest, of a conversation that nobody looks at. */
export function shortened(log: Log, keep: number): Log {
  const messages = log.messages.slice(-keep);
  const first = messages[0];
  if (!first || messages.length === log.messages.length) return log;
  return { ...log, messages, from: first.seq, moreBefore: true };
}
