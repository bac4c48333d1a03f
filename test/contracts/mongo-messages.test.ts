/** What MongoDB's numbering, deciding and removing do beyond the suites of their stores: every step in between, in slow motion. */
import { mongo as driver } from 'mongoose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { mongoConversations } from '../../src/features/conversations/conversations.mongo.ts';
import type { ConversationStore } from '../../src/features/conversations/conversations.ts';
import { mongoMessages } from '../../src/features/conversations/messages.mongo.ts';
import type { MessageStore } from '../../src/features/conversations/messages.ts';
import { messageDocument } from '../../src/features/conversations/stored-message.mongo.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { prepareMongo } from '../../src/mongo-stores.ts';
import { describeMongo, startMongo } from '../harness/mongo.ts';
import { type MongoUnderTest } from '../harness/mongod.ts';
import { NOW, nextId } from './account-record.ts';
import { ann, bob, conversation, draft, named, nobody, problem, seqs, stored } from './conversation-stage.ts';

/** `storedAt` counts seconds, and a hole waits one longer: this fills at once. */
const AT_ONCE = -1_000;

await describeMongo('messages in MongoDB', 'server', () => {
  let server: MongoUnderTest;
  let mongo: Mongo;
  let conversations: ConversationStore;
  let messages: MessageStore;
  /** Of a reader for whom every hole is old enough. */
  let impatient: MessageStore;
  beforeAll(async () => {
    server = await startMongo();
    mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger });
    await prepareMongo(mongo, 'test', logger);
    conversations = mongoConversations(mongo);
    messages = mongoMessages(mongo);
    impatient = mongoMessages(mongo, { fillAfterMs: AT_ONCE });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    const collections = Object.values(mongo.connection.collections);
    await Promise.all(collections.map((each) => each.deleteMany({ _id: { $exists: true } })));
  });
  afterAll(async () => {
    await mongo.close();
    await server.close();
  });

  const collection = (name: string) => mongo.connection.collections[name]!;
  const documents = (name: string, filter: object) => collection(name).find(filter).toArray();
  const one = async (name: string, filter: object) => (await documents(name, filter))[0];
  async function group(): Promise<string> {
    const made = conversation();
    await conversations.create(made, [ann, bob]);
    return made.id;
  }
  /** What a writer leaves that was killed between reserving and inserting. */
  const reserve = (id: string, count: number) =>
    collection('counters').updateOne({ _id: Number(id) as never }, { $inc: { seq: count } });
  const since = (id: string, from: MessageStore = messages) =>
    from.since(id, 0, { limit: 100, reader: nobody });
  /** Before, or instead of, the next insert of messages. */
  const intercept = (before: (insert: () => Promise<unknown>) => Promise<unknown>) => {
    const target = collection('messages');
    const insert = target.insertMany.bind(target);
    vi.spyOn(target, 'insertMany').mockImplementationOnce(
      (...args) => before(() => insert(...args)) as never,
    );
  };

  describe('a hole', () => {
    it('ends the decided prefix until it is old, and is a void then, for everybody', async () => {
      const id = await group();
      await messages.append(id, [draft()]);
      await reserve(id, 2);
      const [later] = await messages.append(id, [draft()]);
      expect(later!.message.seq).toBe(4);
      expect(await since(id)).toMatchObject({ upTo: 1, head: 4, messages: [{ seq: 1 }], more: false });
      expect(await messages.positions([id])).toMatchObject([{ upTo: 1, head: 4 }]);

      expect(await since(id, impatient)).toMatchObject({ upTo: 4, messages: [{ seq: 1 }, { seq: 4 }] });
      expect(await since(id)).toMatchObject({ upTo: 4, head: 4, messages: [{ seq: 1 }, { seq: 4 }] });
      // Nobody is shown a void.
      const all = { limit: 100, reader: nobody, withDeleted: true };
      expect(seqs((await messages.page(id, { after: 0 }, all)).messages)).toEqual([1, 4]);
      expect(seqs(await messages.latest([id], nobody))).toEqual([4]);
      expect(await messages.unread(bob, [{ conversationId: id, after: 0 }])).toEqual([2]);
      expect(await messages.byId(`void:${id}:2`)).toBeNull();
    });

    it('is filled by positions too, each of several, and up to the newest old message only', async () => {
      const [id, other] = [await group(), await group()];
      for (const each of [id, other]) {
        await reserve(each, 1);
        await messages.append(each, [draft(), draft()]);
        await reserve(each, 3);
        await messages.append(each, [draft()]);
        await reserve(each, 2);
      }
      expect(await impatient.positions([id, other])).toMatchObject([
        { upTo: 7, head: 9 },
        { upTo: 7, head: 9 },
      ]);
      expect(await documents('messages', { conversation: Number(id), type: 'void' })).toHaveLength(4);
    });

    it('by the server’s clock, whatever the writer’s says', async () => {
      const id = await group();
      await reserve(id, 1);
      await messages.append(id, [draft({ createdAt: 0 }), draft({ createdAt: Date.now() + 9e9 })]);
      expect((await since(id))!.upTo).toBe(0);
      await collection('messages').updateMany({ conversation: Number(id) }, [
        { $set: { storedAt: new driver.Timestamp({ t: Math.floor(Date.now() / 1_000) - 7, i: 1 }) } },
      ]);
      expect((await since(id))!.upTo).toBe(3);
    });

    it('that is filled first costs its late writer the number, and nobody the message', async () => {
      const id = await group();
      await messages.append(id, [draft()]);
      const drafts = [draft(), draft(), draft()];
      intercept(async (insert) => {
        await messages.append(id, [draft({ senderId: bob })]);
        expect((await since(id, impatient))!.upTo).toBe(5);
        return insert();
      });
      const appended = await messages.append(id, drafts);
      expect(appended.map(({ message, repeated }) => [message.seq, message.text, repeated])).toEqual(
        drafts.map(({ text }, i) => [6 + i, text, false]),
      );
      // The ids of the first attempt may be somebody's by now.
      for (const [i, { message }] of appended.entries()) {
        expect(message.id).not.toBe(drafts[i]!.id);
        expect(await messages.byId(message.id)).toEqual(message);
        expect(await messages.byId(drafts[i]!.id)).toBeNull();
      }
      expect(seqs((await since(id))!.messages)).toEqual([1, 5, 6, 7, 8]);
    });

    it('that is filled in the middle of a group leaves what came before it where it is', async () => {
      const id = await group();
      const drafts = [draft(), draft(), draft()];
      intercept(async (insert) => {
        const [first, , third] = drafts.map((each, i) => messageDocument(each, Number(id), i + 1, each.id));
        // The first of the group has arrived already; of the second a reader has made a void.
        await collection('messages').insertMany([
          first!,
          { ...third!, _id: 1, seq: 3, key: 'other' },
        ] as never);
        expect((await since(id, impatient))!.upTo).toBe(3);
        return insert();
      });
      const appended = await messages.append(id, drafts);
      expect(appended.map(({ message, repeated }) => [message.seq, repeated])).toEqual([
        [1, false],
        [4, false],
        [5, false],
      ]);
    });
  });

  describe('an append', () => {
    it('of which it is not known what came of it is looked up, not stored twice', async () => {
      const id = await group();
      const drafts = [draft(), draft()];
      intercept(async (insert) => {
        await insert();
        throw new driver.MongoNetworkError('the connection closed');
      });
      expect(await messages.append(id, drafts)).toEqual(
        drafts.map((each, i) => ({ message: stored(each, id, i + 1), repeated: false })),
      );
      expect((await since(id))!.head).toBe(2);
    });

    it('that failed before anything was stored is done again, in its order, with other numbers', async () => {
      const id = await group();
      const drafts = [draft({ text: 'one' }), draft({ text: 'two' })];
      intercept(async () => {
        throw new driver.MongoNetworkError('the connection closed');
      });
      const appended = await messages.append(id, drafts);
      expect(appended.map(({ message, repeated }) => [message.seq, message.text, repeated])).toEqual([
        [3, 'one', false],
        [4, 'two', false],
      ]);
    });

    it('that meets an id of somebody else takes another one', async () => {
      const [id, other] = [await group(), await group()];
      const theirs = draft();
      await messages.append(other, [theirs]);
      const [appended] = await messages.append(id, [draft({ id: theirs.id, text: 'mine' })]);
      expect(appended).toMatchObject({ message: { text: 'mine' }, repeated: false });
      expect(Number(appended!.message.id) - Number(theirs.id)).toBeGreaterThan(0);
      expect(await messages.byId(theirs.id)).toMatchObject({ conversationId: other });
    });

    it('inserts nothing once it was stopped for longer than an answer takes', async () => {
      const id = await group();
      const lost = draft();
      const target = collection('counters');
      const reserveNow = target.findOneAndUpdate.bind(target);
      const clock = vi.spyOn(performance, 'now');
      vi.spyOn(target, 'findOneAndUpdate').mockImplementationOnce((async (...args: never[]) => {
        const reserved = await (reserveNow as (...args: never[]) => Promise<unknown>)(...args);
        const now = performance.now();
        clock.mockImplementation(() => now + 5_000);
        return reserved;
      }) as never);
      await expect(messages.append(id, [lost])).rejects.toEqual(problem('UNAVAILABLE'));
      vi.restoreAllMocks();
      expect(await documents('messages', { conversation: Number(id) })).toEqual([]);
      expect((await messages.append(id, [lost]))[0]).toMatchObject({ message: { seq: 2 }, repeated: false });
    });

    it('fails with what is wrong when it is neither a taken key nor an outage', async () => {
      const id = await group();
      intercept(async () => {
        throw new TypeError('a mistake');
      });
      await expect(messages.append(id, [draft()])).rejects.toThrow(TypeError);
    });

    it('compares with an object that comes as a value, and never obeys it', async () => {
      const id = await group();
      const said = draft();
      await messages.append(id, [said]);
      const anything = { $ne: null } as unknown as string;
      const options = { limit: 9, reader: nobody, withDeleted: true };
      expect(await messages.byId(anything)).toBeNull();
      expect(await messages.edit(anything, 'x', 0)).toBeNull();
      expect((await messages.page(anything, { after: 0 }, options)).messages).toEqual([]);
      expect(await conversations.find(anything, ann).catch(() => null)).toBeNull();
      await expect(messages.append(anything, [said])).rejects.toEqual(problem('NOT_FOUND'));
      const twin = draft({ retry: { key: anything, formerKey: null, since: 0 }, senderId: anything });
      expect(await messages.append(id, [twin]).catch(() => [])).not.toMatchObject([{ repeated: true }]);

      // What begins with a dollar is a text all the same.
      expect((await messages.edit(said.id, '$seq', 0))?.text).toBe('$seq');
      await messages.react(said.id, '$seq', '$text');
      expect((await messages.byId(said.id))?.reactions).toEqual([{ reaction: '$text', userIds: ['$seq'] }]);
    });
  });

  describe('the end of the decided prefix', () => {
    it('is found from a hint that follows it, over any distance', async () => {
      const id = await group();
      const many = Array.from({ length: 1_234 }, () => draft());
      for (let start = 0; start < many.length; start += 200)
        await messages.append(id, many.slice(start, start + 200));
      const hint = async () => (await one('counters', { _id: Number(id) }))?.['decided'];
      expect(await hint()).toBe(0);
      expect(await messages.positions([id])).toMatchObject([{ upTo: 1_234 }]);
      expect(await hint()).toBe(1_234);
      // It may lag, as after a failover: nothing changes but the way.
      await collection('counters').updateOne({ _id: Number(id) as never }, { $set: { decided: 7 } });
      expect(await messages.positions([id])).toMatchObject([{ upTo: 1_234 }]);
    });

    it('is not moved by a counter that is ahead', async () => {
      const id = await group();
      await messages.append(id, [draft()]);
      await reserve(id, 50);
      expect(await messages.positions([id])).toMatchObject([{ upTo: 1, head: 51 }]);
      expect(await since(id, impatient)).toMatchObject({ upTo: 1, head: 51 });
    });
  });

  describe('a conversation that was removed', () => {
    const opening = (handle: string) => conversations.openNamed(named(handle, { createdAt: NOW + 1 }));

    it('shows nothing that arrives late, and its key is free in the next life', async () => {
      const { conversation: made } = await opening('late');
      await messages.append(made.id, [draft()]);
      const late = draft();
      intercept(async (insert) => {
        await conversations.remove(made.id);
        await opening('late');
        return insert();
      });
      const [answered] = await messages.append(made.id, [late]);
      expect(await messages.byId(answered!.message.id)).toBeNull();
      expect(await since(made.id)).toMatchObject({ messages: [], upTo: 2, head: 2, floor: 2 });
      const [again] = await messages.append(made.id, [{ ...late, id: nextId() }]);
      expect(again).toMatchObject({ message: { seq: 3 }, repeated: false });
      expect(seqs((await since(made.id))!.messages)).toEqual([3]);
    });

    it.each([
      ['counters', 'updateOne'],
      ['memberships', 'deleteMany'],
      ['messages', 'deleteMany'],
    ] as const)(
      'is gone when its process is killed before %s.%s, and can begin anew',
      async (name, method) => {
        const handle = `killed-${name}`;
        const { conversation: made } = await opening(handle);
        await conversations.join(made.id, [ann], NOW, 0);
        await messages.append(made.id, [draft(), draft()]);
        vi.spyOn(collection(name), method).mockRejectedValueOnce(new Error('killed'));
        await expect(conversations.remove(made.id)).rejects.toThrow('killed');
        expect(await conversations.find(handle, ann)).toBeNull();
        expect(await conversations.listOf(ann, 9)).toEqual([]);

        // Who asks again gets it finished.
        if (name === 'memberships') expect(await conversations.remove(made.id)).toBe(false);
        const { conversation: next, created } = await opening(handle);
        expect([next.id, created]).toEqual([made.id, true]);
        expect((await conversations.find(handle, ann))?.membership).toBeNull();
        expect(await since(made.id)).toMatchObject({ messages: [], floor: 2, upTo: 2 });
        expect(await documents('messages', { conversation: Number(made.id) })).toEqual([]);
      },
    );

    it('is finished by whoever removes another one later', async () => {
      const [id, other] = [await group(), await group()];
      await messages.append(id, [draft()]);
      vi.spyOn(collection('messages'), 'deleteMany').mockRejectedValueOnce(new Error('killed'));
      await expect(conversations.remove(id)).rejects.toThrow('killed');
      await collection('conversations').updateOne(
        { _id: Number(id) as never },
        { $set: { removedAt: new Date(NOW) } },
      );
      expect(await conversations.remove(other)).toBe(true);
      expect(await documents('messages', { conversation: Number(id) })).toEqual([]);
      expect(await documents('conversations', { clearing: true, _id: Number(id) })).toEqual([]);
    });

    it('is not harmed in its next life by a remover who comes late', async () => {
      const { conversation: made } = await opening('slow');
      await conversations.join(made.id, [ann], NOW, 0);
      const target = collection('memberships');
      const deleteMany = target.deleteMany.bind(target);
      vi.spyOn(target, 'deleteMany').mockImplementationOnce((async (
        ...args: Parameters<typeof deleteMany>
      ) => {
        await opening('slow');
        await conversations.join(made.id, [bob], NOW, 0);
        await messages.append(made.id, [draft()]);
        return deleteMany(...args);
      }) as never);
      expect(await conversations.remove(made.id)).toBe(true);
      expect((await conversations.find('slow', bob))?.membership).not.toBeNull();
      expect((await conversations.find('slow', ann))?.membership).toBeNull();
      expect(await since(made.id)).toMatchObject({ messages: [{}], floor: 0 });
    });

    it('is answered for in time, however much it has', async () => {
      const id = await group();
      await messages.append(id, [draft()]);
      const target = collection('messages');
      const deleteMany = target.deleteMany.bind(target);
      const released = Promise.withResolvers<void>();
      vi.spyOn(target, 'deleteMany').mockImplementationOnce((async (
        ...args: Parameters<typeof deleteMany>
      ) => {
        await released.promise;
        return deleteMany(...args);
      }) as never);
      const start = performance.now();
      expect(await conversations.remove(id)).toBe(true);
      expect(performance.now() - start).toBeLessThan(1_500);
      expect(await since(id)).toBeNull();
      released.resolve();
      await vi.waitFor(async () =>
        expect(await documents('conversations', { clearing: true, _id: Number(id) })).toEqual([]),
      );
    });
  });

  it('is left by an owner whose process is killed in between with somebody who owns it', async () => {
    const id = await group();
    vi.spyOn(collection('memberships'), 'deleteOne').mockRejectedValueOnce(new Error('killed'));
    await expect(conversations.leave(id, ann)).rejects.toThrow('killed');
    expect((await conversations.find(id, ann))?.conversation.ownerId).toBe(bob);
    expect(await conversations.leave(id, ann)).toEqual({ left: true, ownerId: bob, removed: false });
  });

  it('is made whole or not at all', async () => {
    const made = conversation();
    vi.spyOn(collection('conversations'), 'insertOne').mockRejectedValueOnce(new Error('killed'));
    await expect(conversations.create(made, [ann])).rejects.toThrow('killed');
    expect(await conversations.find(made.id, ann)).toBeNull();
    expect(await conversations.listOf(ann, 9)).toEqual([]);
    await expect(conversations.create(made, [ann])).rejects.toEqual(problem('CONFLICT'));
  });
});
