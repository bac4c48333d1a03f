import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import {
  apiOf,
  groupOf,
  infoOf,
  inTurns,
  sayIn,
  sayMany,
  syncAll,
  syncOf,
  type Synced,
} from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** What was missed: `chat:sync` and unread counts. */

let cluster: Cluster;
let ann: Person;
let bob: Person;
let rooms = 0;

/** A public chat that ann has open. */
async function newChat(...others: Person[]): Promise<string> {
  const name = `log-${++rooms}`;
  for (const person of [ann, ...others]) await person.request('chat:join', name);
  return name;
}

const seqs = ({ messages }: Synced) => messages.map(({ seq }) => seq);

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
});
afterAll(() => cluster.stop());

describe('chat:sync', () => {
  test('brings what came after a number, as it was pushed', async () => {
    const chat = await newChat(bob);
    const sent = await sayIn(ann, chat, 'one', 'two', 'three', 'four');
    expect(await syncOf(bob, chat, 2)).toEqual({
      messages: sent.slice(2),
      upTo: 4,
      cursor: expect.any(String),
      more: false,
      epoch: expect.any(String),
      floor: 0,
    });
    expect(await syncOf(bob, chat, 4)).toMatchObject({ messages: [], upTo: 4, more: false });
    expect(seqs(await syncOf(bob, chat, 0))).toEqual([1, 2, 3, 4]);
  });

  test('with a cursor also what was edited, deleted and reacted to since', async () => {
    const chat = await newChat(bob);
    const [first, second, third] = await sayIn(ann, chat, 'one', 'two', 'three', 'four');
    const { cursor } = await syncOf(bob, chat, 0);
    await ann.request('chat:edit', { messageId: first!.id, content: 'ONE' });
    await ann.request('chat:delete', { messageId: second!.id });
    await bob.request('chat:reaction', { messageId: third!.id, reaction: '👍' });
    await sayIn(ann, chat, 'five');
    const later = await syncOf(bob, chat, cursor);
    expect(later).toMatchObject({
      messages: [
        { seq: 1, content: 'ONE', editedAt: expect.any(String), deleted: false },
        { seq: 2, content: '', deleted: true },
        { seq: 3, content: 'three', reactions: [{ reaction: '👍', count: 1, userIds: [bob.id] }] },
        { seq: 5, content: 'five' },
      ],
      upTo: 5,
      more: false,
    });
    // A number alone asks for no changes.
    expect(seqs(await syncOf(bob, chat, 4))).toEqual([5]);
  });

  test('200 messages at once, then more; what finds no place at all says so', async () => {
    const [long, short] = [await newChat(bob), await newChat(bob)];
    await sayMany(ann, long, 250);
    await sayIn(ann, short, 'one', 'two');
    const results = await syncAll(bob, { [long]: 0, [short]: 0 });
    const [page, none] = [results[long] as Synced, results[short] as Synced];
    expect(seqs(page)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(page).toMatchObject({ upTo: 200, more: true });
    expect(none).toMatchObject({ messages: [], upTo: 0, more: true });

    const rest = await syncAll(bob, { [long]: page.cursor, [short]: none.cursor });
    expect(seqs(rest[long] as Synced)).toEqual(Array.from({ length: 50 }, (_, i) => i + 201));
    expect(rest[long]).toMatchObject({ upTo: 250, more: false });
    expect(seqs(rest[short] as Synced)).toEqual([1, 2]);
  });

  test('changes of more messages than have place come page by page, none twice and none left out', async () => {
    const chat = await newChat(bob);
    const sent = await sayMany(ann, chat, 230);
    let { cursor, more } = await syncOf(bob, chat, 0);
    while (more) ({ cursor, more } = await syncOf(bob, chat, cursor));
    await inTurns(sent, ({ id: messageId }) => ann.request('chat:edit', { messageId, content: 'edited' }));
    const pages: Synced[] = [];
    do {
      pages.push(await syncOf(bob, chat, cursor));
      ({ cursor, more } = pages.at(-1)!);
    } while (more);
    expect(pages.map(({ messages }) => messages.length)).toEqual([200, 30]);
    const changed = pages.flatMap(({ messages }) => messages);
    expect(new Set(changed.map(({ seq }) => seq)).size).toBe(230);
    expect(new Set(changed.map(({ content }) => content))).toEqual(new Set(['edited']));
  });

  test('a position that means nothing here is answered with reset', async () => {
    const chat = await newChat(bob);
    await sayIn(ann, chat, 'one', 'two');
    const { epoch, cursor } = await syncOf(bob, chat, 0);
    const reset = { reset: true, upTo: 2, floor: 0, epoch };
    for (const position of [3, 1_000_000, 'no cursor', cursor.replace(epoch, 'ffffffffffffffff'), '..', '']) {
      expect(await syncOf(bob, chat, position)).toEqual(reset);
    }
    // Its numbers go on when it is made anew: what was before is gone.
    const { channel_id } = (await ann.request('join_channel', { channel_id: chat })) as {
      channel_id: number;
    };
    await apiOf(cluster, ann.token).delete(`/api/v1/channels/${channel_id}`);
    await bob.next('left_channel');
    expect(await syncAll(bob, { [chat]: cursor })).toMatchObject({
      [chat]: { error: { code: 'NOT_FOUND' } },
    });
    await bob.request('chat:join', chat);
    await sayIn(bob, chat, 'three');
    expect(await syncOf(bob, chat, 1)).toMatchObject({ reset: true, upTo: 3, floor: 2 });
    expect(seqs(await syncOf(bob, chat, 2))).toEqual([3]);
  });

  test('50 conversations at once, and one that is not the caller’s keeps the others back in nothing', async () => {
    const chat = await newChat(bob);
    await sayIn(ann, chat, 'one');
    const others = String(await groupOf(cluster, ann, []));
    expect(await syncAll(bob, { [others]: 0, unknown: 0, [chat]: 0 })).toMatchObject({
      [others]: { error: { code: 'NOT_FOUND' } },
      unknown: { error: { code: 'NOT_FOUND' } },
      [chat]: { messages: [{ content: 'one' }] },
    });
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 0]));
    expect(Object.keys(await syncAll(bob, many(50)))).toHaveLength(50);
    expect(await bob.request('chat:sync', { conversations: many(51) })).toMatchObject({
      success: false,
      error: { code: 'BAD_INPUT' },
    });
  });
});

describe('unread', () => {
  test('counts what others wrote after the read position, and has the latest message', async () => {
    const [dora, erik] = (await cluster.strangers(2)) as [Person, Person];
    const id = String(await groupOf(cluster, dora, [erik]));
    expect(await infoOf(cluster, erik, id)).toMatchObject({
      type: 'group',
      lastSeq: 0,
      readSeq: 0,
      unread: 0,
      lastMessage: null,
    });
    const [first, second, third] = await sayIn(dora, id, 'one', 'two', 'three');
    await sayIn(erik, id, 'four');
    expect(await infoOf(cluster, erik, id)).toMatchObject({
      unread: 3,
      lastSeq: 4,
      lastMessage: { content: 'four' },
    });
    expect(await infoOf(cluster, dora, id)).toMatchObject({ unread: 1 });
    expect(await erik.request('chat:read', { chatId: id, messageId: first!.id })).toEqual({
      success: true,
      readSeq: 1,
    });
    expect(await infoOf(cluster, erik, id)).toMatchObject({ unread: 2, readSeq: 1 });
    await dora.request('chat:delete', { messageId: second!.id });
    expect(await infoOf(cluster, erik, id)).toMatchObject({ unread: 1 });
    await erik.request('chat:read', { chatId: id, messageId: third!.id });
    await erik.request('chat:read', { chatId: id, messageId: first!.id });
    expect(await infoOf(cluster, erik, id)).toMatchObject({ unread: 0, readSeq: 3 });
  });

  test('who joins a public chat has read what was there', async () => {
    const chat = await newChat();
    await sayIn(ann, chat, 'one', 'two');
    const [dora] = (await cluster.strangers(1)) as [Person];
    expect(await dora.request('chat:join', chat)).toMatchObject({ lastSeq: 2, readSeq: 2 });
    await sayIn(ann, chat, 'three');
    expect(await infoOf(cluster, dora, chat)).toMatchObject({ unread: 1, readSeq: 2 });
  });
});
