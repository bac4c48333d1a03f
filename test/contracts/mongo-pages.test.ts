/** What a server of a grown conversation reads to answer, by its own profile. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { AS_LONG_AS_IT_TAKES, openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { mongoConversations } from '../../src/features/conversations/conversations.mongo.ts';
import { mongoMessages } from '../../src/features/conversations/messages.mongo.ts';
import type { MessageStore } from '../../src/features/conversations/messages.ts';
import { messageDocument } from '../../src/features/conversations/stored-message.mongo.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { prepareMongo } from '../../src/mongo-stores.ts';
import { describeMongo } from '../harness/mongo.ts';
import { startOwnMongo, type MongoUnderTest } from '../harness/mongod.ts';
import { ann, bob, conversation, draft } from './conversation-stage.ts';

await describeMongo('200 000 messages in MongoDB', 'control', () => {
  const MANY = 200_000;
  let server: MongoUnderTest;
  let mongo: Mongo;
  let messages: MessageStore;
  let id: string;
  beforeAll(async () => {
    // Without --notablescan: the profile has no index.
    server = await startOwnMongo();
    mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger });
    await prepareMongo(mongo, 'test', logger);
    messages = mongoMessages(mongo);
    const made = conversation();
    id = made.id;
    await mongoConversations(mongo).create(made, [ann]);
    const collection = mongo.connection.collections['messages']!;
    const documentOf = (seq: number) =>
      messageDocument(draft({ senderId: bob }), Number(id), seq, String(seq));
    for (let start = 1; start <= MANY; start += 5_000) {
      const documents = Array.from({ length: 5_000 }, (_, i) => documentOf(start + i));
      await collection.insertMany(documents as never, AS_LONG_AS_IT_TAKES);
    }
    await mongo.connection.collections['counters']!.updateOne(
      { _id: Number(id) as never },
      { $set: { seq: MANY, decided: MANY - 50 } },
    );
  }, 120_000);
  afterAll(async () => {
    await mongo.close();
    await server.close();
  });

  /** What the server read to answer. */
  async function examined(call: () => Promise<unknown>): Promise<{ documents: number; keys: number }> {
    const db = mongo.connection.getClient().db(mongo.connection.name);
    await db.command({ profile: 0 });
    await db.collection('system.profile').drop();
    await db.command({ profile: 2 });
    await call();
    await db.command({ profile: 0 });
    const ops = await db
      .collection('system.profile')
      .find({ ns: /\.(messages|counters|\$cmd\.aggregate)$/ })
      .toArray();
    const sum = (field: string) => ops.reduce((all, op) => all + Number(op[field] ?? 0), 0);
    expect(ops.length).toBeGreaterThan(0);
    for (const op of ops) expect(op['planSummary'] ?? '').not.toContain('COLLSCAN');
    return { documents: sum('docsExamined'), keys: sum('keysExamined') };
  }

  it('are paged, synced, counted and looked through by their indexes', async () => {
    const options = { limit: 50, reader: ann, withDeleted: false };
    const figures = {
      'where it stands': await examined(() => messages.positions([id])),
      'the newest 50': await examined(() => messages.page(id, { before: Number.MAX_SAFE_INTEGER }, options)),
      '50 in the middle': await examined(() => messages.page(id, { before: MANY / 2 }, options)),
      '50 from there on': await examined(() => messages.page(id, { after: MANY / 2 }, options)),
      'what is new, of 40': await examined(() => messages.since(id, MANY - 40, { limit: 200, reader: ann })),
      'the newest': await examined(() => messages.latest([id], ann)),
      'unread, of 30': await examined(() => messages.unread(ann, [{ conversationId: id, after: MANY - 30 }])),
      'unread, of all': await examined(() => messages.unread(ann, [{ conversationId: id, after: 0 }])),
      'what changed, of none': await examined(() =>
        messages.changed(id, { changedAt: 0, id: '' }, { through: MANY, limit: 50, reader: ann }),
      ),
      'one sent again': await examined(() => messages.append(id, [draft(), draft()])),
    };
    console.table(figures);
    for (const [what, most] of [
      ['where it stands', 110],
      ['the newest 50', 60],
      ['50 in the middle', 60],
      ['50 from there on', 60],
      ['what is new, of 40', 200],
      ['the newest', 5],
      ['unread, of 30', 40],
      ['unread, of all', 1_010],
      ['what changed, of none', 5],
      ['one sent again', 10],
    ] as const) {
      expect([what, figures[what].documents <= most]).toEqual([what, true]);
    }
    expect((await messages.page(id, { before: Number.MAX_SAFE_INTEGER }, options)).messages).toHaveLength(50);
  });
});
