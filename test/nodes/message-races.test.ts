/** Writers that are slow, stopped and killed between the two steps of storing, and readers that decide meanwhile. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { mongoConversations } from '../../src/features/conversations/conversations.mongo.ts';
import { mongoMessages } from '../../src/features/conversations/messages.mongo.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { prepareMongo } from '../../src/mongo-stores.ts';
import type { MessageStore } from '../../src/features/conversations/messages.ts';
import { messageDocument } from '../../src/features/conversations/stored-message.mongo.ts';
import { ann, conversation, draft } from '../contracts/conversation-stage.ts';
import { describeMongo } from '../harness/mongo.ts';
import { startOwnMongo, type OwnMongo } from '../harness/mongod.ts';
import { startRace } from './message-race.ts';
import type { Sent } from './message-racer.ts';

const MINUTE_MS = 60_000;
const WRITERS = 4;
const KILLED = 12;
const STOPPED = 12;
/** `storedAt` counts whole seconds: after 0 to 300 ms, and at once. */
const FILLS = [-700, -1_000] as const;

const figures: Record<string, object> = {};
afterAll(() => {
  if (Object.keys(figures).length > 0) console.table(figures);
});

await describeMongo('four processes that write to the same conversations', 'control', () => {
  let server: OwnMongo;
  let mongo: Mongo;
  let conversationIds: string[];
  beforeEach(async () => {
    // Its journal reaches the disk when somebody waits for that, and else twice a second.
    server = await startOwnMongo({ args: ['--journalCommitInterval', '500'] });
    mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger: silentLogger });
    await prepareMongo(mongo, 'test', silentLogger);
    const made = Array.from({ length: 3 }, () => conversation());
    for (const each of made) await mongoConversations(mongo).create(each, [ann]);
    conversationIds = made.map(({ id }) => id);
  });
  afterEach(async () => {
    await mongo.close();
    await server.close();
  });

  const asExpected = {
    'acknowledged missing': 0,
    'stored twice': 0,
    disagreements: 0,
    readers: FILLS.length,
    wrong: [],
  };
  const race = () => startRace({ uri: server.uri, conversationIds });
  const fresh = () => mongoMessages(mongo, { fillAfterMs: -1_000 });

  it(
    'slow, stopped and killed between reserving and inserting, with what they sent repeated elsewhere',
    async () => {
      const running = race();
      const slow = { some: 0.02, late: 0.01, told: 0.06 };
      const writer = () => running.join({ role: 'writer', slow });
      await Promise.all(Array.from({ length: WRITERS }, writer));
      await Promise.all(FILLS.map((fillAfterMs) => running.join({ role: 'reader', fillAfterMs })));

      let [killed, stopped] = [0, 0];
      const enough = Promise.withResolvers<void>();
      const busy = new Set<ChildProcess>();
      const endings: Promise<void>[] = [];
      /** A client goes to another process with what it has no answer to. */
      async function replaced(child: ChildProcess, unanswered: readonly Sent[]): Promise<void> {
        await running.kill(child);
        running.send(await writer(), { again: unanswered });
      }
      async function held(child: ChildProcess): Promise<void> {
        child.kill('SIGSTOP');
        await delay(300 + Math.random() * 2_500);
        child.kill('SIGCONT');
        busy.delete(child);
      }
      running.onBetween((child, unanswered) => {
        if (busy.has(child) || killed + stopped === KILLED + STOPPED) return;
        busy.add(child);
        if (killed < KILLED && (stopped === STOPPED || Math.random() < 0.5)) {
          killed += 1;
          endings.push(replaced(child, unanswered));
        } else {
          stopped += 1;
          endings.push(held(child));
        }
        if (killed + stopped === KILLED + STOPPED) enough.resolve();
      });
      await enough.promise;
      await Promise.all(endings);
      await running.progress(200, 20_000);

      const result = await running.finish(fresh());
      figures['writers killed and stopped'] = { killed, stopped, ...result, wrong: result.wrong.length };
      expect(result).toMatchObject(asExpected);
      expect(result.voids).toBeGreaterThan(0);
    },
    3 * MINUTE_MS,
  );

  it(
    'while their one server is killed three times: what readers saw is on its disk',
    async () => {
      const running = race();
      await Promise.all(Array.from({ length: WRITERS }, () => running.join({ role: 'writer' })));
      await Promise.all(FILLS.map((fillAfterMs) => running.join({ role: 'reader', fillAfterMs })));
      for (let round = 0; round < 3; round++) {
        await running.progress(300, 20_000);
        await server.kill();
        await server.startAgain();
      }
      await running.progress(300, 20_000);
      const result = await running.finish(fresh());
      figures['server killed three times'] = { ...result, wrong: result.wrong.length };
      expect(result).toMatchObject(asExpected);
    },
    3 * MINUTE_MS,
  );

  it.each([
    ['since', (store: MessageStore, id: string) => store.since(id, 0, { limit: 9, reader: '' })],
    [
      'page',
      (store: MessageStore, id: string) =>
        store.page(id, { after: 0 }, { limit: 9, reader: '', withDeleted: true }),
    ],
  ])('what %s has shown is there after the server was killed, acknowledged or not', async (_, ask) => {
    const [id = ''] = conversationIds;
    const { connection } = mongo;
    const onTheWay = { writeConcern: { w: 1, j: false } };
    await connection.collections['counters']!.updateOne(
      { _id: Number(id) as never },
      { $inc: { seq: 1 } },
      onTheWay,
    );
    const said = draft();
    await connection.collections['messages']!.insertOne(
      messageDocument(said, Number(id), 1, said.id) as never,
      onTheWay,
    );
    expect(await ask(fresh(), id)).toMatchObject({ messages: [{ id: said.id }] });
    await server.kill();
    await server.startAgain();
    await vi.waitFor(
      async () => expect(await ask(fresh(), id)).toMatchObject({ messages: [{ id: said.id }] }),
      10_000,
    );
  });
});
