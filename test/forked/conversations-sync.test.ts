import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Answer, PushBody, RouteData } from '../../src/contract.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupOf, overtaken } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';

/** What was missed: `chat:sync`, unread counts, and what blocked people wrote, which is a void for whoever blocked them. */

type ChatMessage = Extract<PushBody<'chat:message'>, { chatId: string }>;
type Synced = Extract<Answer<'chat:sync'>, { success: true }>['conversations'][string];
type Found = Extract<Synced, { messages: unknown }>;

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

async function say(person: Person, chatId: string, ...contents: string[]): Promise<ChatMessage[]> {
  const answers = await Promise.all(
    contents.map((content) => person.request('chat:message', { chatId, content })),
  );
  return answers.map((answer) => {
    if (!answer.success || !('message' in answer)) throw new Error(JSON.stringify(answer));
    return answer.message;
  });
}

async function ask(
  person: Person,
  positions: Record<string, string | number>,
): Promise<Record<string, Synced>> {
  const answer = await person.request('chat:sync', { conversations: positions });
  if (!answer.success) throw new Error(JSON.stringify(answer));
  return answer.conversations;
}
const sync = async (person: Person, chatId: string, position: string | number): Promise<Found> =>
  (await ask(person, { [chatId]: position }))[chatId] as Found;

const seqs = ({ messages }: Found) => messages.map(({ seq }) => seq);
const listOf = async (person: Person) =>
  (await dataOf<RouteData<'GET /conversations'>>(apiOf(cluster, person.token).get('/api/conversations')))
    .conversations;
const infoOf = async (person: Person, id: string) => (await listOf(person)).find((info) => info.id === id);

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
});
afterAll(() => cluster.stop());

describe('chat:sync', () => {
  test('brings what came after a number, as it was pushed', async () => {
    const chat = await newChat(bob);
    const sent = await say(ann, chat, 'one', 'two', 'three', 'four');
    expect(await sync(bob, chat, 2)).toEqual({
      messages: sent.slice(2),
      upTo: 4,
      cursor: expect.any(String),
      more: false,
      epoch: expect.any(String),
      floor: 0,
    });
    expect(await sync(bob, chat, 4)).toMatchObject({ messages: [], upTo: 4, more: false });
    expect(seqs(await sync(bob, chat, 0))).toEqual([1, 2, 3, 4]);
  });

  test('with a cursor also what was edited, deleted and reacted to since', async () => {
    const chat = await newChat(bob);
    const [first, second, third] = await say(ann, chat, 'one', 'two', 'three', 'four');
    const { cursor } = await sync(bob, chat, 0);
    await ann.request('chat:edit', { messageId: first!.id, content: 'ONE' });
    await ann.request('chat:delete', { messageId: second!.id });
    await bob.request('chat:reaction', { messageId: third!.id, reaction: '👍' });
    await say(ann, chat, 'five');
    const later = await sync(bob, chat, cursor);
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
    expect(seqs(await sync(bob, chat, 4))).toEqual([5]);
  });

  test('200 messages at once, then more; what finds no place at all says so', async () => {
    const [long, short] = [await newChat(bob), await newChat(bob)];
    await say(ann, long, ...Array.from({ length: 250 }, (_, i) => `m${i + 1}`));
    await say(ann, short, 'one', 'two');
    const results = await ask(bob, { [long]: 0, [short]: 0 });
    const [page, none] = [results[long] as Found, results[short] as Found];
    expect(seqs(page)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
    expect(page).toMatchObject({ upTo: 200, more: true });
    expect(none).toMatchObject({ messages: [], upTo: 0, more: true });

    const rest = await ask(bob, { [long]: page.cursor, [short]: none.cursor });
    expect(seqs(rest[long] as Found)).toEqual(Array.from({ length: 50 }, (_, i) => i + 201));
    expect(rest[long]).toMatchObject({ upTo: 250, more: false });
    expect(seqs(rest[short] as Found)).toEqual([1, 2]);
  });

  test('changes of more messages than have place come page by page, none twice and none left out', async () => {
    const chat = await newChat(bob);
    const sent = await say(ann, chat, ...Array.from({ length: 230 }, (_, i) => `m${i + 1}`));
    let { cursor, more } = await sync(bob, chat, 0);
    while (more) ({ cursor, more } = await sync(bob, chat, cursor));
    await Promise.all(
      sent.map(({ id: messageId }) => ann.request('chat:edit', { messageId, content: 'edited' })),
    );
    const pages: Found[] = [];
    do {
      pages.push(await sync(bob, chat, cursor));
      ({ cursor, more } = pages.at(-1)!);
    } while (more);
    expect(pages.map(({ messages }) => messages.length)).toEqual([200, 30]);
    const changed = pages.flatMap(({ messages }) => messages);
    expect(new Set(changed.map(({ seq }) => seq)).size).toBe(230);
    expect(new Set(changed.map(({ content }) => content))).toEqual(new Set(['edited']));
  });

  test('a position that means nothing here is answered with reset', async () => {
    const chat = await newChat(bob);
    await say(ann, chat, 'one', 'two');
    const { epoch, cursor } = await sync(bob, chat, 0);
    const reset = { reset: true, upTo: 2, floor: 0, epoch };
    for (const position of [3, 1_000_000, 'no cursor', cursor.replace(epoch, 'ffffffffffffffff'), '..', '']) {
      expect(await sync(bob, chat, position)).toEqual(reset);
    }
    // Its numbers go on when it is made anew: what was before is gone.
    const { channel_id } = (await ann.request('join_channel', { channel_id: chat })) as {
      channel_id: number;
    };
    await apiOf(cluster, ann.token).delete(`/api/v1/channels/${channel_id}`);
    await bob.next('left_channel');
    expect(await ask(bob, { [chat]: cursor })).toMatchObject({ [chat]: { error: { code: 'NOT_FOUND' } } });
    await bob.request('chat:join', chat);
    await say(bob, chat, 'three');
    expect(await sync(bob, chat, 1)).toMatchObject({ reset: true, upTo: 3, floor: 2 });
    expect(seqs(await sync(bob, chat, 2))).toEqual([3]);
  });

  test('50 conversations at once, and one that is not the caller’s keeps the others back in nothing', async () => {
    const chat = await newChat(bob);
    await say(ann, chat, 'one');
    const others = String(await groupOf(cluster, ann, []));
    expect(await ask(bob, { [others]: 0, unknown: 0, [chat]: 0 })).toMatchObject({
      [others]: { error: { code: 'NOT_FOUND' } },
      unknown: { error: { code: 'NOT_FOUND' } },
      [chat]: { messages: [{ content: 'one' }] },
    });
    const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, 0]));
    expect(Object.keys(await ask(bob, many(50)))).toHaveLength(50);
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
    expect(await infoOf(erik, id)).toMatchObject({
      type: 'group',
      lastSeq: 0,
      readSeq: 0,
      unread: 0,
      lastMessage: null,
    });
    const [first, second, third] = await say(dora, id, 'one', 'two', 'three');
    await say(erik, id, 'four');
    expect(await infoOf(erik, id)).toMatchObject({ unread: 3, lastSeq: 4, lastMessage: { content: 'four' } });
    expect(await infoOf(dora, id)).toMatchObject({ unread: 1 });
    expect(await erik.request('chat:read', { chatId: id, messageId: first!.id })).toEqual({
      success: true,
      readSeq: 1,
    });
    expect(await infoOf(erik, id)).toMatchObject({ unread: 2, readSeq: 1 });
    await dora.request('chat:delete', { messageId: second!.id });
    expect(await infoOf(erik, id)).toMatchObject({ unread: 1 });
    await erik.request('chat:read', { chatId: id, messageId: third!.id });
    await erik.request('chat:read', { chatId: id, messageId: first!.id });
    expect(await infoOf(erik, id)).toMatchObject({ unread: 0, readSeq: 3 });
  });

  test('who joins a public chat has read what was there', async () => {
    const chat = await newChat();
    await say(ann, chat, 'one', 'two');
    const [dora] = (await cluster.strangers(1)) as [Person];
    expect(await dora.request('chat:join', chat)).toMatchObject({ lastSeq: 2, readSeq: 2 });
    await say(ann, chat, 'three');
    expect(await infoOf(dora, chat)).toMatchObject({ unread: 1, readSeq: 2 });
  });
});

describe('what somebody wrote who is blocked by the reader', () => {
  test('is a void in push, sync, history, unread and lists, and for nobody else', async () => {
    const [eve, carol, frank] = (await cluster.strangers(3)) as [Person, Person, Person];
    // On eve's worker: what he says follows what she said on the same road, and bob hears it.
    expect(frank.workerId).toBe(eve.workerId);
    const chat = await newChat(bob, eve, carol);
    await bob.request('join_room', chat);
    await bob.request('join_channel', { channel_id: chat });
    await say(ann, chat, 'before');
    expect(await bob.request('user:block', { userId: eve.id })).toMatchObject({ success: true });
    const [hidden] = await say(eve, chat, 'from eve');
    eve.socket.emit('chat:typing', { chatId: chat, isTyping: true });
    await eve.settled();
    await overtaken(frank, bob);
    await say(ann, chat, 'after');

    const heard = () =>
      (bob.waiting('chat:message') as ChatMessage[]).filter(({ chatId }) => chatId === chat);
    await bob.next('chat:message', ({ content }) => content === 'after');
    expect(heard()).toMatchObject([{ content: 'before' }]);
    expect(bob.waiting('message').map(({ text }) => text)).not.toContain('from eve');
    expect(bob.waiting('room_message').map(({ content }) => content)).not.toContain('from eve');
    expect(bob.waiting('chat:typing').filter(({ chatId }) => chatId === chat)).toEqual([]);
    expect(await carol.next('chat:message', ({ content }) => content === 'from eve')).toMatchObject({
      seq: 2,
    });
    expect(await carol.next('chat:typing')).toMatchObject({ chatId: chat, userId: eve.id });

    expect(await sync(bob, chat, 0)).toMatchObject({
      messages: [{ seq: 1 }, { seq: 3 }],
      upTo: 3,
      more: false,
    });
    expect(seqs(await sync(carol, chat, 0))).toEqual([1, 2, 3]);
    const texts = async (person: Person) => {
      const api = apiOf(cluster, person.token);
      const inC = await dataOf<RouteData<'GET /conversations/:id/messages'>>(
        api.get(`/api/conversations/${chat}/messages`),
      );
      const inD = await dataOf<{ text: string }[]>(api.get(`/api/v1/messages/channel/${chat}`));
      expect(inD.map(({ text }) => text).toReversed()).toEqual(inC.messages.map(({ content }) => content));
      return inC.messages.map(({ content }) => content);
    };
    expect(await texts(bob)).toEqual(['before', 'after']);
    expect(await texts(carol)).toEqual(['before', 'from eve', 'after']);
    expect(await infoOf(bob, chat)).toMatchObject({ unread: 2 });
    expect(await infoOf(carol, chat)).toMatchObject({ unread: 3 });

    const messageId = hidden!.id;
    expect(await apiOf(cluster, bob.token).get(`/api/v1/messages/${messageId}`)).toMatchObject({
      status: 404,
    });
    for (const answer of [
      await bob.request('chat:reaction', { messageId, reaction: '👎' }),
      await bob.request('chat:delete', { messageId }),
    ]) {
      expect(answer).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
    }
    // What happens to it is not told either.
    await carol.request('chat:reaction', { messageId, reaction: '👍' });
    await eve.request('chat:edit', { messageId, content: 'edited' });
    await eve.request('chat:delete', { messageId });
    for (const person of [carol, frank]) await overtaken(person, bob);
    for (const event of ['chat:reaction', 'chat:edited', 'chat:deleted'] as const) {
      const about = (body: { chatId: string }) => body.chatId === chat;
      expect(bob.waiting(event).filter(about)).toEqual([]);
      expect(await ann.next(event, about)).toMatchObject({ seq: 2 });
    }
  });

  test('does not bring back a direct conversation that was left', async () => {
    const [dora, eve] = (await cluster.strangers(2)) as [Person, Person];
    const sent = await dataOf<{ channelId: number }>(
      apiOf(cluster, eve.token).post('/api/v1/messages', { receiverId: dora.id, text: 'hello' }),
    );
    const id = String(sent.channelId);
    expect(await infoOf(dora, id)).toMatchObject({ name: eve.username, peer: { id: eve.id }, unread: 1 });
    await dora.request('user:block', { userId: eve.id });
    await apiOf(cluster, dora.token).post(`/api/v1/channels/${id}/leave`);
    // Who has blocked somebody is remembered for a second, on each worker.
    for (;;) {
      const [said] = await say(eve, id, 'answer me');
      const seen = await apiOf(cluster, dora.token).get(`/api/v1/messages/${said!.id}`);
      if (seen.status === 404) break;
      await apiOf(cluster, dora.token).post(`/api/v1/channels/${id}/leave`);
    }
    expect(await infoOf(dora, id)).toBeUndefined();
    await apiOf(cluster, dora.token).delete(`/api/users/blocked/${eve.id}`);
  });
});
