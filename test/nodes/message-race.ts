/** Processes that write to and read from the same conversations, and what has to hold of all that they were told. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { MessageStore } from '../../src/features/conversations/messages.ts';
import type { Acknowledged, Decided, FromRacer, RacerOptions, Sent, ToRacer } from './message-racer.ts';

const program = fileURLToPath(new URL('./message-racer.ts', import.meta.url));

/** Everything of a conversation: its messages by their numbers, all others being voids. */
export async function historyOf(
  messages: MessageStore,
  conversationId: string,
): Promise<{ readonly upTo: number; readonly head: number; readonly bySeq: ReadonlyMap<number, string> }> {
  const bySeq = new Map<number, string>();
  for (let after = 0; ;) {
    const page = await messages.since(conversationId, after, { limit: 200, reader: '' });
    if (!page) throw new Error('the conversation is gone');
    for (const { seq, id } of page.messages) bySeq.set(seq, id);
    after = page.upTo;
    if (!page.more) return { upTo: page.upTo, head: page.head, bySeq };
  }
}

export type Race = ReturnType<typeof startRace>;

export function startRace(shared: Pick<RacerOptions, 'uri' | 'conversationIds'>) {
  const acknowledged = new Map<string, Acknowledged>();
  const decided: Decided[] = [];
  const wrong: string[] = [];
  const racers = new Set<ChildProcess>();
  let [unavailable, lastMs, longestGapMs] = [0, performance.now(), 0];
  let betweenSteps: ((child: ChildProcess, unanswered: readonly Sent[]) => void) | undefined;
  let names = 0;

  function acknowledge(one: Acknowledged): void {
    const [, text, seq, id] = one;
    const before = acknowledged.get(text);
    if (before && (before[2] !== seq || before[3] !== id)) {
      wrong.push(`${text}: acknowledged as ${before[2]} and as ${seq}`);
    }
    acknowledged.set(text, one);
  }

  function heard(child: ChildProcess, message: FromRacer): void {
    if (message === 'ready') return;
    if (message === 'done') child.disconnect();
    else if ('acknowledged' in message) {
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - lastMs);
      lastMs = now;
      message.acknowledged.forEach(acknowledge);
    } else if ('between' in message) betweenSteps?.(child, message.between);
    else if ('decided' in message) decided.push(message.decided);
    else if ('wrong' in message) wrong.push(message.wrong);
    else unavailable += 1;
  }

  async function join(options: Omit<RacerOptions, 'uri' | 'conversationIds' | 'me'>): Promise<ChildProcess> {
    const own: RacerOptions = { ...shared, ...options, me: String(1_001 + names++) };
    const child = fork(program, [JSON.stringify(own)]);
    racers.add(child);
    child.on('message', (message) => heard(child, message as FromRacer));
    child.once('exit', (code) => {
      racers.delete(child);
      if (code) wrong.push(`${own.role} ended with ${code}`);
    });
    await once(child, 'message');
    return child;
  }

  const send = (child: ChildProcess, message: ToRacer) => child.send(message);

  /** Of each conversation and number what the readers and the history say about it. */
  function disagreements(histories: ReadonlyMap<string, ReadonlyMap<number, string>>): number {
    let count = 0;
    for (const [conversationId, bySeq] of histories) {
      for (const reader of decided) {
        for (const [seq, what] of Object.entries(reader[conversationId] ?? {})) {
          if ((bySeq.get(Number(seq)) ?? null) !== what) count += 1;
        }
      }
    }
    return count;
  }

  return {
    join,
    send,
    acknowledged: () => acknowledged.size,
    unavailable: () => unavailable,
    /** The time without any acknowledgement is counted from here on. */
    mark(): void {
      [lastMs, longestGapMs] = [performance.now(), 0];
    },
    longestGapMs: () => Math.max(longestGapMs, performance.now() - lastMs),
    onBetween(listener: typeof betweenSteps): void {
      betweenSteps = listener;
    },
    /** Resolves when it is gone. */
    async kill(child: ChildProcess): Promise<void> {
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    },
    /** Resolves when so many more were acknowledged. */
    async progress(count: number, withinMs: number): Promise<void> {
      const goal = acknowledged.size + count;
      for (const end = performance.now() + withinMs; acknowledged.size < goal; await delay(20)) {
        if (performance.now() > end) throw new Error(`no ${count} acknowledgements within ${withinMs} ms`);
      }
    },
    /** Ends all of them, compares what they were told with what `fresh` finds now, and answers with the figures. */
    async finish(fresh: MessageStore) {
      betweenSteps = undefined;
      const gone = [...racers].map((child) => once(child, 'exit'));
      for (const child of racers) send(child, 'stop');
      await Promise.all(gone);

      const histories = new Map<string, ReadonlyMap<number, string>>();
      let [messages, voids, undecided] = [0, 0, 0];
      for (const conversationId of shared.conversationIds) {
        const { upTo, head, bySeq } = await historyOf(fresh, conversationId);
        histories.set(conversationId, bySeq);
        messages += bySeq.size;
        voids += upTo - bySeq.size;
        undecided += head - upTo;
      }
      const missing = [...acknowledged.values()].filter(
        ([conversationId, , seq, id]) => histories.get(conversationId)?.get(seq) !== id,
      );
      const texts = await textsOf(fresh, shared.conversationIds);
      return {
        acknowledged: acknowledged.size,
        messages,
        voids,
        'reserved only': undecided,
        unavailable,
        'acknowledged missing': missing.length,
        'stored twice': texts.length - new Set(texts).size,
        disagreements: disagreements(histories),
        readers: decided.length,
        wrong,
      };
    },
  };
}

async function textsOf(messages: MessageStore, conversationIds: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  for (const id of conversationIds) {
    for (let after = 0, more = true; more;) {
      const page = await messages.page(id, { after }, { limit: 500, reader: '', withDeleted: true });
      texts.push(...page.messages.map(({ text }) => text));
      after = page.messages.at(-1)?.seq ?? after;
      more = page.more;
    }
  }
  return texts;
}
