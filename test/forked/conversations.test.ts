import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PushBody } from '../../src/contract.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, overtaken, secondSocket } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';
import { fairMs } from '../harness/fair-time.ts';

/** One conversation, three dialects: what is written in one is read in the others, each in its own shape. */

type ChatMessage = Extract<PushBody<'chat:message'>, { chatId: string }>;
type Dialect = 'chat' | 'channel' | 'room';
type Sockets = Record<Dialect, Person>;

const NAME = 'cafe';
const dialects = ['chat', 'channel', 'room'] as const;
const events = { chat: 'chat:message', channel: 'message', room: 'room_message' } as const;

let cluster: Cluster;
let ann: Sockets;
let bob: Sockets;
/** Of bob, and in nothing. */
let idle: Person;
let number: number;

const join = {
  chat: (person: Person) => person.request('chat:join', NAME),
  channel: (person: Person) => person.request('join_channel', { channel_id: NAME }),
  room: (person: Person) => person.request('join_room', NAME),
};

const write = {
  chat: (person: Person, text: string) => person.request('chat:message', { chatId: NAME, content: text }),
  channel: (person: Person, text: string) =>
    person.request('message', { type: 'channel.message', data: { channel_id: number, text } }),
  room: (person: Person, text: string) =>
    person.request('send_message', { roomId: NAME, content: text, type: 'text' }),
};

/** A socket for each dialect. */
async function socketsOf(person: Person): Promise<Sockets> {
  const sockets = {
    chat: person,
    channel: await cluster.person({ token: person.token }),
    room: await secondSocket(cluster, person),
  };
  for (const dialect of dialects)
    expect(await join[dialect](sockets[dialect])).toMatchObject({ success: true });
  return sockets;
}

const everybody = () => [...Object.values(ann), ...Object.values(bob), idle];

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  const [first, second] = await cluster.strangers(2);
  ann = await socketsOf(first!);
  bob = await socketsOf(second!);
  idle = await cluster.person({ token: second!.token });
  number = ((await join.channel(ann.channel)) as { channel_id: number }).channel_id;
});
afterAll(() => cluster.stop());

describe('a message', () => {
  test.each(dialects)('written by %s reaches each socket once, as it joined', async (dialect) => {
    const text = `written by ${dialect}`;
    expect(await write[dialect](ann[dialect], text)).toMatchObject({ success: true });
    const ids: string[] = [];
    for (const { chat, channel, room } of [ann, bob]) {
      const inChat = (await chat.next('chat:message')) as ChatMessage;
      const inChannel = await channel.next('message');
      const inRoom = await room.next('room_message');
      const [userId, username] = [ann.chat.id, ann.chat.username];
      expect(inChat).toMatchObject({
        chatId: NAME,
        content: text,
        senderId: userId,
        sender: { id: userId, username },
      });
      expect(inChannel).toMatchObject({
        channelId: number,
        text,
        senderId: Number(userId),
        senderName: username,
      });
      expect(inRoom).toMatchObject({ roomId: NAME, content: text, userId, username, seq: inChat.seq });
      ids.push(inChat.id, String(inChannel.id), inRoom.id);
    }
    expect(new Set(ids).size).toBe(1);

    await overtaken(ann[dialect], ...everybody());
    for (const socket of everybody()) {
      for (const event of Object.values(events)) expect(socket.waiting(event)).toEqual([]);
    }
  });

  test('sent over HTTP reaches all of them too', async () => {
    await apiOf(cluster, ann.chat.token).post('/api/v1/messages', { channelId: number, text: 'by HTTP' });
    for (const { chat, channel, room } of [ann, bob]) {
      expect(await chat.next('chat:message')).toMatchObject({ content: 'by HTTP' });
      expect(await channel.next('message')).toMatchObject({ text: 'by HTTP' });
      expect(await room.next('room_message')).toMatchObject({ content: 'by HTTP' });
    }
  });

  test('is read from the history of each dialect', async () => {
    const api = apiOf(cluster, bob.chat.token);
    const { messages } = await dataOf<{ messages: ChatMessage[] }>(
      api.get(`/api/conversations/${NAME}/messages`),
    );
    const texts = ['written by chat', 'written by channel', 'written by room', 'by HTTP'];
    expect(messages.map(({ content }) => content)).toEqual(texts);
    const inD = await dataOf<{ text: string }[]>(api.get(`/api/v1/messages/channel/${number}`));
    expect(inD.map(({ text }) => text)).toEqual(texts.toReversed());
  });

  test('a socket that joined by two dialects gets both', async () => {
    await join.room(idle);
    await join.channel(idle);
    await write.chat(ann.chat, 'twice');
    expect(await idle.next('message')).toMatchObject({ text: 'twice' });
    expect(await idle.next('room_message')).toMatchObject({ content: 'twice' });
    await idle.request('leave_room', NAME);
    await write.chat(ann.chat, 'once');
    expect(await idle.next('message')).toMatchObject({ text: 'once' });
    await overtaken(ann.chat, idle);
    expect(idle.waiting('room_message')).toEqual([]);
    await idle.request('leave_channel', { channel_id: number });
  });
});

describe('typing', () => {
  const typist = () => ({ userId: ann.chat.id, username: ann.chat.username });

  test('is told in C’s and E’s words, and ends after five seconds', async () => {
    for (const begin of [
      () => ann.chat.socket.emit('chat:typing', { chatId: NAME, isTyping: true }),
      () => ann.room.socket.emit('typing_start', NAME),
    ]) {
      const startedAt = performance.now();
      begin();
      expect(await bob.chat.next('chat:typing')).toEqual({ chatId: NAME, ...typist(), isTyping: true });
      expect(await bob.room.next('typing_start')).toEqual({ roomId: NAME, ...typist() });
      expect(await bob.chat.next('chat:typing')).toEqual({ chatId: NAME, ...typist(), isTyping: false });
      expect(await bob.room.next('typing_stop')).toEqual({ roomId: NAME, ...typist() });
      const tookMs = performance.now() - startedAt;
      expect(tookMs).toBeGreaterThan(4_900);
      expect(tookMs).toBeLessThan(fairMs(7_000));
    }
    // The typist's own sockets are not told, nor are D's, which know no typing.
    for (const socket of [...Object.values(ann), bob.channel]) {
      for (const event of ['chat:typing', 'typing_start', 'typing_stop'] as const) {
        expect(socket.waiting(event)).toEqual([]);
      }
    }
  });
});

describe('order', () => {
  test('what one socket emits in one tick is stored in that order, whatever the dialect', async () => {
    for (const dialect of dialects) await join[dialect](idle);
    const texts = Array.from({ length: 60 }, (_, i) => `in order ${i}`);
    const answers = await Promise.all(texts.map((text, i) => write[dialects[i % 3]!](idle, text)));
    for (const answer of answers) expect(answer).toMatchObject({ success: true });
    const heard: ChatMessage[] = [];
    while (heard.length < texts.length) {
      heard.push(
        (await bob.chat.next('chat:message', (said) =>
          String(said.content).startsWith('in order'),
        )) as ChatMessage,
      );
    }
    expect(heard.map(({ content }) => content)).toEqual(texts);
    expect(heard.map(({ seq }) => seq)).toEqual(heard.map((_, i) => heard[0]!.seq + i));
  });
});

describe('retries (CONTRACT 24)', () => {
  const send = async (person: Person, content: string, tempId: string) => {
    const answer = await person.request('chat:message', { chatId: NAME, content, tempId });
    if (!answer.success || !('seq' in answer)) throw new Error(JSON.stringify(answer));
    return answer;
  };

  test('a long tempId is one message for ever, on whichever worker it is sent again', async () => {
    const tempId = randomUUID();
    const first = await send(ann.chat, 'once', tempId);
    expect(await send(ann.chat, 'once', tempId)).toEqual(first);
    expect(await send(ann.room, 'something else', tempId)).toEqual(first);
    // At one time, too.
    const [other, both] = [randomUUID(), [ann.chat, ann.room]];
    const [one, two] = await Promise.all(both.map((socket) => send(socket, 'at once', other)));
    expect(one!.id).toBe(two!.id);
    // A number may be void: of the one that came second, on another worker.
    expect([first.seq + 1, first.seq + 2]).toContain(one!.seq);

    for (const socket of both) await overtaken(socket, bob.chat);
    const pushed = bob.chat.waiting('chat:message') as ChatMessage[];
    expect(pushed.filter((message) => message.tempId === tempId)).toMatchObject([{ id: first.id, tempId }]);
    expect(pushed.filter((message) => message.tempId === other)).toHaveLength(1);
  });

  test('a short one only with the same content', async () => {
    const first = await send(ann.chat, 'hello', '1');
    expect((await send(ann.chat, 'hello', '1')).id).toBe(first.id);
    expect((await send(ann.room, 'hello', '1')).id).toBe(first.id);
    const other = await send(ann.chat, 'goodbye', '1');
    expect(other).toMatchObject({ seq: first.seq + 1, tempId: '1' });
    expect((await send(ann.chat, 'hello', '2')).seq).toBe(first.seq + 2);
  });

  test('what two people call the same is two messages, and so it is in two conversations', async () => {
    const tempId = randomUUID();
    const first = await send(ann.chat, 'hi', tempId);
    expect((await send(bob.chat, 'hi', tempId)).id).not.toBe(first.id);
    await ann.chat.request('chat:join', 'elsewhere');
    const there = await ann.chat.request('chat:message', { chatId: 'elsewhere', content: 'hi', tempId });
    expect(there).toMatchObject({ success: true, seq: 1 });
  });
});
