import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openMongo } from '../../src/drivers/mongo.ts';
import type { Appended } from '../../src/features/conversations/messages.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoStores } from '../../src/mongo-stores.ts';
import { http } from '../harness/http.ts';
import { measured } from '../harness/measured.ts';
import { withoutNginx } from '../harness/nginx.ts';
import { startNodes, type Nodes } from '../harness/nodes.ts';
import type { Person } from '../harness/person.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';
import { fairMs } from '../harness/fair-time.ts';

const missing = withoutNginx ?? withoutRedis;
const DELIVERED_MS = 25_000;

useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, async () => {
  await import('../forked/talk-faults.test.ts');
});

describe.skipIf(missing)(`what Redis kept back${missing ? ` (${missing})` : ''}`, () => {
  let nodes: Nodes;
  /** The writer is on one node, all the others on the other one. */
  let writer: Person;
  let readers: { c: Person; d: Person; e: Person };
  let channel: number;
  let breaks = 0;

  async function elsewhere(): Promise<Person> {
    const person = await nodes.person();
    while (person.workerId.split('.')[0] === writer.workerId.split('.')[0]) await person.moveAway();
    return person;
  }
  const send = (content: string) => writer.request('chat:message', { chatId: String(channel), content });

  /** All three have it, in their own shape. */
  const heard = (content: string) =>
    Promise.all([
      readers.c.next('chat:message', (said) => said.content === content, DELIVERED_MS),
      readers.d.next('message', (said) => said.text === content, DELIVERED_MS),
      readers.e.next('room_message', (said) => said.content === content, DELIVERED_MS),
    ]);
  const waiting = () => [
    ...readers.c.waiting('chat:message'),
    ...readers.d.waiting('message'),
    ...readers.e.waiting('room_message'),
  ];

  beforeAll(async () => {
    nodes = await startNodes();
    writer = await nodes.person();
    readers = { c: await elsewhere(), d: await elsewhere(), e: await elsewhere() };
    const others = [readers.c, readers.d, readers.e];
    const made = await http(nodes.url, 'POST', '/api/v1/channels', {
      token: writer.token,
      body: { name: 'Group', type: 'group', userIds: others.map(({ id }) => Number(id)) },
    });
    channel = (made.body as { data: { id: number } }).data.id;
    expect(await readers.c.request('chat:join', String(channel))).toMatchObject({ success: true });
    expect(await readers.d.request('join_channel', { channel_id: channel })).toMatchObject({ success: true });
    expect(await readers.e.request('join_room', String(channel))).toMatchObject({ success: true });
    for (const person of others) person.socket.on('disconnect', () => (breaks += 1));
    await send('at first');
    await heard('at first');
  }, 120_000);
  afterAll(() => nodes?.stop(), 60_000);

  test('the only message of an outage reaches C, D and E within 25 s of its end, and nobody reconnects', async () => {
    await nodes.redis.kill();
    expect(await send('while Redis was away')).toMatchObject({ success: true });
    await delay(1_000);
    expect(waiting()).toEqual([]);
    await nodes.redis.restart();
    const backAt = performance.now();
    await heard('while Redis was away');
    const ms = performance.now() - backAt;
    expect(ms).toBeLessThan(fairMs(DELIVERED_MS));
    expect(breaks).toBe(0);
    measured('the only message of a Redis outage, on the other node after', `${Math.round(ms)} ms`);
  }, 60_000);

  test('what a paused Redis delivers late reaches nobody twice', async () => {
    const paused = performance.now();
    nodes.redis.pause();
    // The publish is on its way when Redis stops answering.
    const sent = send('held back');
    await delay(3_000);
    nodes.redis.resume();
    expect(await sent).toMatchObject({ success: true });
    await heard('held back');
    // Until the next comparison with the store is over, and what comes after it has come.
    await delay(Math.max(0, 20_000 - (performance.now() - paused)));
    await send('after that');
    await heard('after that');
    expect(waiting()).toEqual([]);
    expect(breaks).toBe(0);
  }, 60_000);

  test('what a worker stored and was killed before it could say so reaches C, D and E within 25 s', async () => {
    const mongo = await openMongo({ uri: nodes.mongo.uri, answerMs: 4_000, logger: silentLogger });
    const killed = mongoStores(mongo).messages;
    const storedAt = performance.now();
    const [{ message }] = (await killed.append(String(channel), [
      {
        id: '1',
        senderId: writer.id,
        senderName: writer.username,
        type: 'text',
        text: 'last words',
        attachment: null,
        createdAt: Date.now(),
        hiddenFrom: [readers.d.id],
        retry: { key: 'id:1', formerKey: null, since: 0 },
      },
    ])) as [Appended];
    await mongo.close();
    const accept = ({ content }: { content: unknown }) => content === 'last words';
    const [inC, inE] = await Promise.all([
      readers.c.next('chat:message', accept, DELIVERED_MS),
      readers.e.next('room_message', accept, DELIVERED_MS),
    ]);
    expect([inC, inE]).toMatchObject([
      { id: message.id, seq: message.seq, sender: { id: writer.id } },
      { id: message.id, userId: writer.id, username: writer.username },
    ]);
    measured(
      'stored by a worker that was killed, delivered after',
      `${Math.round(performance.now() - storedAt)} ms`,
    );
    // Hidden from one of them: a void.
    await send('and after that');
    await heard('and after that');
    expect(waiting()).toEqual([]);
  }, 60_000);

  test('a removed member on another node hears nothing after a second', async () => {
    const gone = readers.d;
    const removed = await http(nodes.url, 'DELETE', `/api/v1/channels/${channel}/users?userId=${gone.id}`, {
      token: writer.token,
    });
    expect(removed.status).toBe(200);
    await gone.next('left_channel', ({ channel_id }) => channel_id === channel, 1_000);
    await send('without you');
    await readers.e.next('room_message', ({ content }) => content === 'without you');
    await gone.settled();
    expect(gone.waiting('message')).toEqual([]);
  }, 30_000);

  test('one who was removed while Redis was away hears nothing after six seconds', async () => {
    const gone = readers.c;
    await nodes.redis.kill();
    const removed = await http(nodes.nodes[0]!.url, 'DELETE', `/api/v1/channels/${channel}/users`, {
      token: writer.token,
      body: { userId: gone.id },
    });
    expect(removed.status).toBe(200);
    await gone.next('left_channel', ({ channel_id }) => channel_id === channel, 6_000);
    expect(await send('while you were being removed')).toMatchObject({ success: true });
    await nodes.redis.restart();
    await readers.e.next(
      'room_message',
      ({ content }) => content === 'while you were being removed',
      DELIVERED_MS,
    );
    await gone.settled();
    expect(gone.waiting('chat:message').filter(({ content }) => content !== 'without you')).toEqual([]);
  }, 60_000);
});
