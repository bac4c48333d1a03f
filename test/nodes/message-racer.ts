/** One of several processes that write to, or read from, the same conversations, until it is told to stop, stopped or killed. */
import { setTimeout as delay } from 'node:timers/promises';
import { openMongo } from '../../src/drivers/mongo.ts';
import { answering } from '../../src/drivers/mongo-outages.ts';
import { mongoMessages } from '../../src/features/conversations/messages.mongo.ts';
import type { Draft } from '../../src/features/conversations/messages.ts';
import { messageModel } from '../../src/features/conversations/stored-message.mongo.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';

export interface RacerOptions {
  readonly uri: string;
  /** Its sender's id. */
  readonly me: string;
  readonly role: 'writer' | 'reader';
  readonly conversationIds: readonly string[];
  readonly fillAfterMs?: number;
  /** Shares of the inserts: held up for a while, until nobody waits for them, and until the parent has done what it wants. */
  readonly slow?: { readonly some: number; readonly late: number; readonly told: number };
}

export interface Sent {
  readonly conversationId: string;
  readonly drafts: readonly Draft[];
}
export type Acknowledged = readonly [conversationId: string, text: string, seq: number, id: string];
/** By number; null for a void. */
export type Decided = Record<string, Record<number, string | null>>;

export type FromRacer =
  | 'ready'
  /** Between reserving and inserting: whatever is to happen to it may happen now. What has no answer yet comes along. */
  | { readonly between: readonly Sent[] }
  | { readonly acknowledged: readonly Acknowledged[] }
  | { readonly unavailable: true }
  | { readonly wrong: string }
  | { readonly decided: Decided }
  /** Nothing comes behind this. */
  | 'done';
/** What somebody else sent and never got an answer to; or the end. */
export type ToRacer = { readonly again: readonly Sent[] } | 'stop';

const options = JSON.parse(process.argv[2] ?? '') as RacerOptions;
const { uri, me, role, conversationIds, slow } = options;
const tell = (message: FromRacer) => void process.send?.(message);

const mongo = await openMongo({ uri, answerMs: 4_000, logger: silentLogger });
const messages = answering(
  mongoMessages(mongo, options.fillAfterMs === undefined ? {} : { fillAfterMs: options.fillAfterMs }),
  mongo,
);
let stopped = false;

const unanswered = new Set<Sent>();
let last = Math.floor(Math.random() * 1e9) * 1_000;

const between = (low: number, high: number) => low + Math.random() * (high - low);
const anyOf = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;

function beSlow({ some, late, told }: NonNullable<RacerOptions['slow']>): void {
  const { collection } = messageModel(mongo);
  const insertMany = collection.insertMany.bind(collection);
  collection.insertMany = (async (...args: Parameters<typeof insertMany>) => {
    const chance = Math.random();
    // Voids are inserted in any order.
    if (args[1]?.ordered === true) {
      if (chance < some) await delay(between(20, 800));
      else if (chance < some + late) await delay(between(2_000, 4_000));
      else if (chance < some + late + told) {
        tell({ between: [...unanswered] });
        await delay(100);
      }
    }
    return insertMany(...args);
  }) as typeof insertMany;
}

function draft(): Draft {
  const id = String((last += 1));
  return {
    id,
    senderId: me,
    senderName: me,
    type: 'text',
    // As unique as the key, so that the history says by itself whether something is stored twice.
    text: `${me} ${id}`,
    attachment: null,
    createdAt: Date.now(),
    hiddenFrom: [],
    retry: { key: `t:${me} ${id}`, formerKey: null, since: 0 },
  };
}

async function attempt({ conversationId, drafts }: Sent): Promise<boolean> {
  try {
    const appended = (await messages.append(conversationId, drafts)).map(({ message }) => message);
    if (appended.some(({ seq }, index) => seq <= (appended[index - 1]?.seq ?? 0))) {
      tell({ wrong: `out of order: ${appended.map(({ seq }) => seq).join()}` });
    }
    tell({ acknowledged: appended.map(({ text, seq, id }) => [conversationId, text, seq, id]) });
    return true;
  } catch (error) {
    if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) tell({ wrong: String(error) });
    else tell({ unavailable: true });
    return false;
  }
}

/** As a client that sends again under the same key until it has an answer, now and then while the first is still on its way. */
async function send(sent: Sent): Promise<void> {
  unanswered.add(sent);
  for (;;) {
    const again = {
      ...sent,
      drafts: sent.drafts.map((each) => ({ ...each, id: String((last += 1)) })),
    };
    const first = attempt(sent);
    const second = Math.random() < 0.2 && delay(between(0, 20)).then(() => attempt(again));
    const answered = (await Promise.all([first, second])).includes(true);
    if (answered || stopped) break;
    await delay(between(50, 300));
  }
  unanswered.delete(sent);
}

async function write(): Promise<void> {
  while (!stopped) {
    const drafts = Array.from({ length: Math.ceil(Math.random() * 8) }, draft);
    await send({ conversationId: anyOf(conversationIds), drafts });
  }
}

const decided: Decided = Object.fromEntries(conversationIds.map((id) => [id, {}]));

/** Reads on, and now and then once more what it has read already: that may not change. */
async function read(conversationId: string): Promise<void> {
  const known = decided[conversationId]!;
  let upTo = 0;
  while (!stopped) {
    const after = Math.random() < 0.1 ? Math.floor(Math.random() * upTo) : upTo;
    try {
      const page = await messages.since(conversationId, after, { limit: 100, reader: '' });
      if (!page) throw new Error('the conversation is gone');
      const found = new Map(page.messages.map(({ seq, id }) => [seq, id]));
      for (let seq = after + 1; seq <= page.upTo; seq++) {
        const what = found.get(seq) ?? null;
        if (seq in known && known[seq] !== what) {
          tell({ wrong: `${conversationId}: ${seq} was ${String(known[seq])} and is ${String(what)}` });
        }
        known[seq] = what;
      }
      upTo = Math.max(upTo, page.upTo);
    } catch (error) {
      if (!(error instanceof AppError && error.code === 'UNAVAILABLE')) tell({ wrong: String(error) });
    }
    await delay(between(10, 60));
  }
}

if (slow) beSlow(slow);
const running =
  role === 'writer' ? Array.from({ length: 3 }, () => write()) : conversationIds.map((id) => read(id));

process.on('message', (message: ToRacer) => {
  if (message !== 'stop') {
    running.push(...message.again.map(send));
    return;
  }
  stopped = true;
  void Promise.all(running).then(() => {
    if (role === 'reader') tell({ decided });
    tell('done');
  });
});
process.on('disconnect', () => process.exit(0));
tell('ready');
