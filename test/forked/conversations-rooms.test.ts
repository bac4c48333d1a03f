import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, groupOf, overtaken, secondSocket } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';
import { fairMs } from '../harness/fair-time.ts';

/** Who is in a room, and who is taken out of it, on whichever worker. */

let cluster: Cluster;
let made: TestClient[] = [];

async function strangers(count: number): Promise<Person[]> {
  const persons = await cluster.strangers(count);
  made.push(...persons);
  return persons;
}
async function second(person: Person): Promise<Person> {
  const socket = await secondSocket(cluster, person);
  made.push(socket);
  return socket;
}

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
});
afterEach(() => {
  for (const client of made) client.close();
  made = [];
});
afterAll(() => cluster.stop());

/** What a teller heard of others coming and going, and nobody has taken. */
const told = (teller: Person) =>
  (['room_joined', 'room_left'] as const).flatMap((event) =>
    teller
      .waiting(event)
      .filter(({ userId, roomId }) => userId !== teller.id && roomId !== 'marker')
      .map(({ userId }) => ({ event, userId })),
  );

const inRoom = (name: string) => (body: { roomId: string }) => body.roomId === name;

describe('room_joined and room_left', () => {
  test('a user who has it open in three ways on two workers comes once and goes once', async () => {
    const [ann, bob] = (await strangers(2)) as [Person, Person];
    const bobs = await second(bob);
    await ann.request('join_room', 'attic');
    await bob.request('chat:join', 'attic');
    expect(await ann.next('room_joined', ({ userId }) => userId === bob.id)).toMatchObject({
      roomId: 'attic',
      username: bob.username,
      memberCount: 2,
    });
    await bob.request('join_room', 'attic');
    await bobs.request('join_channel', { channel_id: 'attic' });
    await bob.request('chat:leave', 'attic');
    await bob.request('leave_room', 'attic');
    for (const socket of [bob, bobs]) await overtaken(socket, ann);
    expect(told(ann)).toEqual([]);
    await bobs.request('leave_channel', { channel_id: 'attic' });
    expect(await ann.next('room_left', inRoom('attic'))).toMatchObject({ userId: bob.id, memberCount: 1 });
    await overtaken(bobs, ann);
    expect(told(ann)).toEqual([]);
  });
});

describe('who is no member any more', () => {
  /** Three sockets on both workers, one in each dialect. */
  async function within(person: Person, id: number): Promise<Person[]> {
    const [far, near] = [await second(person), await second(person)];
    await person.request('chat:join', String(id));
    await far.request('join_channel', { channel_id: id });
    await near.request('join_room', String(id));
    return [person, far, near];
  }

  const ways: [string, (id: number, owner: Person, other: Person) => Promise<{ status: number }>][] = [
    [
      'removed',
      (id, owner, other) =>
        apiOf(cluster, owner.token).delete(`/api/v1/channels/${id}/users`, { userId: other.id }),
    ],
    ['left', (id, _, other) => apiOf(cluster, other.token).post(`/api/v1/channels/${id}/leave`)],
    ['deleted', (id, owner) => apiOf(cluster, owner.token).delete(`/api/v1/channels/${id}`)],
  ];

  test.each(ways)('%s: all sockets are told, are out within a second, and hear nothing', async (how, end) => {
    const [ann, bob] = (await strangers(2)) as [Person, Person];
    const id = await groupOf(cluster, ann, [bob]);
    await ann.request('join_room', String(id));
    const sockets = await within(bob, id);
    // Told as well, though it has nothing open.
    const idle = await second(bob);
    await ann.next('room_joined', ({ userId }) => userId === bob.id);

    const endedAt = performance.now();
    expect(await end(id, ann, bob)).toMatchObject({ status: 200 });
    for (const socket of [...sockets, idle]) {
      expect(await socket.next('left_channel')).toEqual({ channel_id: id });
      expect(socket.waiting('left_channel')).toEqual([]);
    }
    if (how === 'deleted') expect(await ann.next('left_channel')).toEqual({ channel_id: id });
    else expect(await ann.next('room_left')).toMatchObject({ userId: bob.id, memberCount: 1 });
    expect(performance.now() - endedAt).toBeLessThan(fairMs(1_000));

    const said = await ann.request('send_message', { roomId: String(id), content: 'alone' });
    if (how === 'deleted') expect(said).toMatchObject({ error: { code: 'NOT_FOUND' } });
    else expect(await ann.next('room_message')).toMatchObject({ content: 'alone' });
    ann.socket.emit('typing_start', String(id));
    await overtaken(ann, ...sockets);
    for (const socket of sockets) {
      for (const event of [
        'chat:message',
        'message',
        'room_message',
        'chat:typing',
        'typing_start',
      ] as const) {
        expect(socket.waiting(event)).toEqual([]);
      }
    }
    const [chat, channel, room] = sockets as [Person, Person, Person];
    for (const answer of [
      await chat.request('chat:message', { chatId: String(id), content: 'still here' }),
      await channel.request('message', {
        type: 'channel.message',
        data: { channel_id: id, text: 'still here' },
      }),
      await room.request('send_message', { roomId: String(id), content: 'still here' }),
      await room.request('join_room', String(id)),
    ]) {
      expect(answer).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
    }
  });

  test('who is removed comes back as a member only', async () => {
    const [ann, bob] = (await strangers(2)) as [Person, Person];
    const id = await groupOf(cluster, ann, [bob]);
    const path = `/api/v1/channels/${id}/users`;
    await apiOf(cluster, ann.token).delete(path, { userId: bob.id });
    await bob.next('left_channel');
    // Whom it removes no more, it tells nothing.
    await apiOf(cluster, ann.token).delete(path, { userId: bob.id });
    await apiOf(cluster, ann.token).post(path, { userId: bob.id });
    await bob.next('chat:added');
    await bob.next('chat:added');
    expect(bob.waiting('left_channel')).toEqual([]);
    expect(await bob.request('join_channel', { channel_id: id })).toMatchObject({ success: true });
  });

  test('everybody who has a public room open is told when it is deleted, and its name begins anew', async () => {
    const [ann, bob] = (await strangers(2)) as [Person, Person];
    const guest = await new TestClient(cluster.url, {}).connected();
    made.push(guest);
    await ann.request('chat:join', 'fleeting');
    await bob.request('join_room', 'fleeting');
    await guest.request('join_room', 'fleeting');
    await bob.request('send_message', { roomId: 'fleeting', content: 'old' });
    const { channel_id: id } = (await ann.request('join_channel', { channel_id: 'fleeting' })) as {
      channel_id: number;
    };
    expect(await apiOf(cluster, ann.token).delete(`/api/v1/channels/${id}`)).toMatchObject({ status: 200 });
    for (const client of [ann, bob, guest])
      expect(await client.next('left_channel')).toEqual({ channel_id: id });

    expect(await bob.request('join_room', 'fleeting')).toMatchObject({ memberCount: 1, lastSeq: 1 });
    const said = await bob.request('send_message', { roomId: 'fleeting', content: 'new' });
    expect(said).toMatchObject({ message: { seq: 2 } });
    const { body } = await apiOf(cluster, bob.token).get('/api/conversations/fleeting/messages');
    expect(body).toMatchObject({ data: { messages: [{ content: 'new' }], floor: 1, lastSeq: 2 } });
  });
});

// The last one: the next worker takes its time.
test('a killed worker: who was there alone has left, once; who has another socket stays', async () => {
  const [ann, bob] = (await strangers(2)) as [Person, Person];
  const [carol] = (await strangers(1)) as [Person];
  const carols = await second(carol);
  for (const client of [ann, bob, carol, carols]) await client.request('join_room', 'cellar');
  const killed = cluster.workers().get(bob.workerId)!;
  process.kill(killed, 'SIGKILL');
  await bob.ended();
  expect(await ann.next('room_left', inRoom('cellar'))).toEqual({
    roomId: 'cellar',
    userId: bob.id,
    username: bob.username,
    memberCount: 2,
  });
  const { body } = await apiOf(cluster).get('/api/rooms/cellar');
  expect(body).toMatchObject({
    data: { memberCount: 2, members: [{ userId: ann.id }, { userId: carol.id }] },
  });

  // Comes back, goes by itself: told once each, and carol not at all.
  await ann.next('room_joined', ({ userId }) => userId === bob.id);
  bob.socket.connect();
  await bob.connected();
  await bob.request('join_room', 'cellar');
  expect(await ann.next('room_joined', ({ userId }) => userId === bob.id)).toMatchObject({
    memberCount: 3,
  });
  bob.socket.disconnect();
  expect(await ann.next('room_left', inRoom('cellar'))).toMatchObject({ userId: bob.id, memberCount: 2 });
  expect(told(ann)).toEqual([{ event: 'room_joined', userId: carol.id }]);
});
