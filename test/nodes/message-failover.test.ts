/** Messages on three members, of which the primary dies: what was acknowledged stays, and no two readers disagree. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { answering } from '../../src/drivers/mongo-outages.ts';
import { mongoConversations } from '../../src/features/conversations/conversations.mongo.ts';
import { mongoMessages } from '../../src/features/conversations/messages.mongo.ts';
import { FILL_AFTER_MS, type Draft, type MessageStore } from '../../src/features/conversations/messages.ts';
import { messageModel } from '../../src/features/conversations/stored-message.mongo.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import { nextId } from '../contracts/account-record.ts';
import { ann, conversation, draft, problem } from '../contracts/conversation-stage.ts';
import { describeMongo } from '../harness/mongo.ts';
import { startReplicaSet, type ReplicaSet } from '../harness/mongod.ts';
import { historyOf, startRace } from './message-race.ts';

const MINUTE_MS = 60_000;
/** For the election that the servers' own time limits allow. */
const ELECTED_MS = 30_000;

const figures: Record<string, object> = {};
afterAll(() => {
  if (Object.keys(figures).length > 0) console.table(figures);
});

/** Asks without a pause what there is, and remembers for good what each number was said to be. */
function startReader(messages: MessageStore, conversationId: string) {
  const decided = new Map<number, string | null>();
  const changes: string[] = [];
  let stopped = false;
  async function read(): Promise<void> {
    while (!stopped) {
      const page = await messages.since(conversationId, 0, { limit: 200, reader: '' }).catch(() => undefined);
      if (page) {
        const found = new Map(page.messages.map(({ seq, id }) => [seq, id]));
        for (let seq = 1; seq <= page.upTo; seq++) {
          const what = found.get(seq) ?? null;
          if (decided.has(seq) && decided.get(seq) !== what) changes.push(`${seq} became ${String(what)}`);
          decided.set(seq, what);
        }
      }
      await delay(20);
    }
  }
  const running = read();
  return {
    decided,
    changes,
    async stop(): Promise<void> {
      stopped = true;
      await running;
    },
  };
}

async function until<T>(what: string, ask: () => Promise<T | undefined>, withinMs: number): Promise<T> {
  for (const end = performance.now() + withinMs; ; await delay(50)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what}`);
  }
}

await describeMongo('messages on three members', 'control', () => {
  let set: ReplicaSet;
  let nodes: Mongo[];
  let conversationId: string;
  beforeAll(async () => {
    set = await startReplicaSet({ args: ['--setParameter', 'enableTestCommands=1'] });
    nodes = await Promise.all(
      Array.from({ length: 4 }, () => openMongo({ uri: set.uri, logger: silentLogger })),
    );
    await prepareMongo(nodes[0]!, 'test', silentLogger);
  }, MINUTE_MS);
  beforeEach(async () => {
    const made = conversation();
    conversationId = made.id;
    await mongoStores(nodes[0]!).conversations.create(made, [ann]);
  });
  afterAll(async () => {
    await Promise.all(nodes.map((each) => each.close()));
    await set.close();
  }, MINUTE_MS);

  const storeOf = (node: number) => mongoStores(nodes[node]!).messages;
  const atOnce = (node: number) =>
    answering(mongoMessages(nodes[node]!, { fillAfterMs: -1_000 }), nodes[node]!);

  it(
    'what the primary alone has is neither seen nor acknowledged, and a retry elsewhere stores it once',
    async () => {
      const readers = [startReader(atOnce(2), conversationId), startReader(storeOf(3), conversationId)];
      const before = await storeOf(0).append(conversationId, [draft(), draft(), draft()]);
      const lost = draft({ text: 'is it there?' });
      const again = (): Draft => ({ ...lost, id: nextId() });

      // Its number is reserved on all of them; from here on nothing gets to the other two.
      const target = messageModel(nodes[0]!).collection;
      const insertMany = target.insertMany.bind(target);
      const inserted = Promise.withResolvers<void>();
      vi.spyOn(target, 'insertMany').mockImplementationOnce((async (
        ...args: Parameters<typeof insertMany>
      ) => {
        await set.stopReplication();
        setTimeout(() => inserted.resolve(), 500);
        return insertMany(...args);
      }) as never);
      const first = storeOf(0).append(conversationId, [lost]);
      const firstAnswer = expect(first).rejects.toEqual(problem('UNAVAILABLE'));
      await inserted.promise;
      const { collection } = messageModel(nodes[1]!);
      const byKey = { conversation: Number(conversationId), sender: ann, key: lost.retry.key };
      const there = {
        'the primary has it': await collection.countDocuments(byKey),
        'a majority has it': await collection.countDocuments(byKey, { readConcern: { level: 'majority' } }),
      };
      expect(there).toEqual({ 'the primary has it': 1, 'a majority has it': 0 });

      const unanswered: number[] = [];
      const retried = async () => {
        const start = performance.now();
        await expect(storeOf(1).append(conversationId, [again()])).rejects.toEqual(problem('UNAVAILABLE'));
        unanswered.push(Math.round(performance.now() - start));
      };
      await Promise.all([firstAnswer, retried(), retried()]);
      await retried();
      for (const { decided } of readers) expect(decided.size).toBeLessThanOrEqual(3);

      const killed = await set.killPrimary();
      await set.resumeReplication();
      const start = performance.now();
      const [stored] = await until(
        'acknowledged',
        () =>
          storeOf(1)
            .append(conversationId, [again()])
            .catch(() => undefined),
        ELECTED_MS,
      );
      const acknowledgedAfter = Math.round(performance.now() - start);
      const [after] = await storeOf(0).append(conversationId, [draft()]);
      // The dead one comes back with what nobody else has, and takes it back.
      await set.startAgain(killed);
      await set.whole();
      const [repeat] = await storeOf(2).append(conversationId, [again()]);
      expect(repeat).toEqual({ message: stored!.message, repeated: true });

      const history = await historyOf(atOnce(0), conversationId);
      await until(
        'read by all',
        async () => readers.every(({ decided }) => decided.has(history.upTo)) || undefined,
        20_000,
      );
      await Promise.all(readers.map((reader) => reader.stop()));
      const acknowledged = [...before, stored!, after!].map(({ message }) => message);
      const everybody = [
        Object.fromEntries(history.bySeq),
        ...readers.map(({ decided }) => Object.fromEntries([...decided].filter(([, what]) => what !== null))),
      ];
      const expected = Object.fromEntries(acknowledged.map(({ seq, id }) => [seq, id]));
      for (const each of everybody) expect(each).toEqual(expected);
      expect(readers.flatMap(({ changes }) => changes)).toEqual([]);
      figures['an insert that was not replicated'] = {
        acknowledged: acknowledged.length,
        'acknowledged missing': 0,
        disagreements: 0,
        'retries refused in time (ms)': unanswered.join(),
        'acknowledged after the kill (ms)': acknowledgedAfter,
        voids: history.upTo - history.bySeq.size,
      };
    },
    3 * MINUTE_MS,
  );

  it(
    'go on within 15 s when the primary is killed, and nothing acknowledged is lost',
    async () => {
      const others = Array.from({ length: 2 }, () => conversation());
      for (const each of others) await mongoConversations(nodes[0]!).create(each, [ann]);
      const race = startRace({
        uri: set.uri,
        conversationIds: [conversationId, ...others.map(({ id }) => id)],
      });
      await Promise.all([
        ...Array.from({ length: 3 }, () => race.join({ role: 'writer' })),
        ...[-1_000, -700].map((fillAfterMs) => race.join({ role: 'reader', fillAfterMs })),
      ]);
      const gaps: number[] = [];
      for (let round = 0; round < 2; round++) {
        await race.progress(300, 20_000);
        race.mark();
        const killed = await set.killPrimary();
        await race.progress(200, ELECTED_MS);
        gaps.push(Math.round(race.longestGapMs()));
        await set.startAgain(killed);
        await race.progress(200, 20_000);
      }
      const result = await race.finish(atOnce(0));
      await set.whole();
      figures['the primary killed twice under writers'] = {
        ...result,
        wrong: result.wrong.length,
        'longest time without an acknowledgement (ms)': gaps.join(),
      };
      expect(result).toMatchObject({
        'acknowledged missing': 0,
        'stored twice': 0,
        disagreements: 0,
        readers: 2,
        wrong: [],
      });
      for (const gap of gaps) expect(gap).toBeLessThan(15_000);
    },
    5 * MINUTE_MS,
  );

  it.each([
    ['before a reader fills', 1_500],
    ['after readers have filled', FILL_AFTER_MS + 4_000],
  ])(
    'a writer stopped between reserving and inserting, that goes on %s: all read the same',
    async (when, stoppedMs) => {
      const race = startRace({ uri: set.uri, conversationIds: [conversationId] });
      const stopped = Promise.withResolvers<ChildProcess>();
      race.onBetween((child) => {
        child.kill('SIGSTOP');
        stopped.resolve(child);
      });
      const ownMs = () => Math.round(performance.now() - start);
      await storeOf(0).append(conversationId, [draft({ text: 'one' }), draft({ text: 'two' })]);
      const readers = [0, 1].map((node) => startReader(storeOf(node), conversationId));
      await race.join({ role: 'reader' });
      await race.join({ role: 'writer', slow: { some: 0, late: 0, told: 1 } });
      const child = await stopped.promise;
      const start = performance.now();

      // Others write on behind the hole; nobody can say yet what it is.
      const others = await storeOf(1).append(conversationId, [
        draft({ text: 'behind it' }),
        draft({ text: 'and this' }),
      ]);
      const hole = await storeOf(2).since(conversationId, 0, { limit: 200, reader: '' });
      expect(hole!.upTo).toBe(2);
      expect(hole!.head).toBe(others[1]!.message.seq);
      const filled = until(
        'filled',
        async () => {
          const page = await storeOf(3).since(conversationId, 0, { limit: 200, reader: '' });
          return page!.upTo >= others[1]!.message.seq ? ownMs() : undefined;
        },
        2 * stoppedMs + ELECTED_MS,
      );
      if (stoppedMs > FILL_AFTER_MS) await filled;
      await delay(Math.max(0, stoppedMs - ownMs()));
      race.onBetween(undefined);
      child.kill('SIGCONT');
      await race.progress(1, 20_000);
      const decidedAfter = await filled;
      await delay(500);
      // Nobody writes any more: what is a hole now stays one.
      const result = await race.finish(atOnce(2));
      await Promise.all(readers.map((reader) => reader.stop()));

      const { bySeq, upTo } = await historyOf(storeOf(3), conversationId);
      for (const { decided, changes } of readers) {
        expect(changes).toEqual([]);
        for (const [seq, what] of decided) expect([seq, bySeq.get(seq) ?? null]).toEqual([seq, what]);
      }
      expect(result).toMatchObject({
        'acknowledged missing': 0,
        'stored twice': 0,
        disagreements: 0,
        readers: 1,
        wrong: [],
      });
      expect(result.acknowledged).toBeGreaterThan(0);
      if (stoppedMs > FILL_AFTER_MS) expect(bySeq.has(3)).toBe(false);
      figures[`a writer that goes on ${when}`] = {
        'stopped for (ms)': stoppedMs,
        'decided after (ms)': decidedAfter,
        acknowledged: result.acknowledged,
        'acknowledged missing': result['acknowledged missing'],
        disagreements: result.disagreements,
        voids: upTo - bySeq.size,
      };
    },
    2 * MINUTE_MS,
  );
});
