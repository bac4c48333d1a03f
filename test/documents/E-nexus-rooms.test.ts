import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, overtaken, secondSocket } from '../harness/conversation.ts';
import { http } from '../harness/http.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** The room, message and typing events of reference/E-nexus-socketio-guide.md, word for word, the users on different workers. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^[0-9]+$/);

let cluster: Cluster;
let ann: Person;
let bob: Person;

/** A socket without a token, as E's client with `token` left out. */
async function guestSocket(): Promise<TestClient & { id: string; name: string }> {
  const guest = await new TestClient(cluster.url, {}).connected();
  const { userId, username } = (await guest.next('connected')).guest!;
  return Object.assign(guest, { id: userId, name: username });
}

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
});
afterAll(() => cluster.stop());

test('Joining a Room and Sending Messages', async () => {
  await bob.request('join_room', 'general');
  const socket: Socket = io(cluster.url, { auth: { token: ann.token }, forceNew: true });
  const order: string[] = [];
  const printed: unknown[] = [];
  const told: unknown[] = [];
  socket.on('room_message', (message) => {
    order.push('room_message');
    printed.push(message);
  });
  await new Promise<void>((resolve) => {
    socket.on('room_message', () => resolve());
    socket.emit('join_room', 'general', (response: { success: boolean; roomId: string }) => {
      if (!response.success) return;
      told.push(response.roomId);
      socket.emit(
        'send_message',
        { roomId: 'general', content: 'Hello everyone!', type: 'text' },
        (response: { success: boolean; message: unknown }) => {
          if (!response.success) return;
          order.push('acknowledged');
          told.push(response.message);
        },
      );
    });
  });
  const message = {
    id,
    roomId: 'general',
    type: 'text',
    content: 'Hello everyone!',
    url: null,
    fileName: null,
    userId: ann.id,
    username: ann.username,
    avatar: null,
    seq: 1,
    timestamp: isoDate,
  };
  expect(order).toEqual(['acknowledged', 'room_message']);
  expect(told).toEqual(['general', message]);
  expect(printed).toEqual([message]);
  expect(await bob.next('room_message')).toEqual(message);
  socket.close();
});

describe('room_joined and room_left: to all of the room, once per user', () => {
  test('with two sockets of one user, on different workers', async () => {
    const anns = await secondSocket(cluster, ann);
    expect(await bob.request('join_room', 'hall')).toEqual({
      success: true,
      roomId: 'hall',
      name: 'hall',
      memberCount: 1,
      lastSeq: 0,
    });
    const who = (person: Person, memberCount: number) => ({
      roomId: 'hall',
      userId: person.id,
      username: person.username,
      memberCount,
    });
    const inHall = ({ roomId }: { roomId: string }) => roomId === 'hall';
    expect(await bob.next('room_joined', inHall)).toEqual(who(bob, 1));
    expect(await ann.request('join_room', 'hall')).toMatchObject({ memberCount: 2 });
    expect(await bob.next('room_joined', inHall)).toEqual(who(ann, 2));
    expect(await anns.request('join_room', 'hall')).toMatchObject({ memberCount: 2 });
    expect(await ann.request('join_room', 'hall')).toMatchObject({ memberCount: 2 });

    await ann.request('leave_room', 'hall');
    for (const mover of [ann, anns]) await overtaken(mover, bob);
    const about = [...bob.waiting('room_joined'), ...bob.waiting('room_left')];
    expect(about.filter(inHall)).toEqual([]);
    // The last socket goes without a word.
    anns.close();
    expect(await bob.next('room_left', inHall)).toEqual(who(ann, 1));
  });

  test('a socket without a token joins, is somebody, and keeps that when it signs in', async () => {
    const guest = await guestSocket();
    await bob.request('join_room', 'hall');
    expect(await guest.request('join_room', 'hall')).toMatchObject({ success: true, memberCount: 2 });
    expect(await bob.next('room_joined', ({ userId }) => userId === guest.id)).toMatchObject({
      roomId: 'hall',
      username: guest.name,
      memberCount: 2,
    });
    const answer = await guest.request('send_message', { roomId: 'hall', content: 'hi', type: 'text' });
    expect(answer).toMatchObject({ success: true, message: { userId: guest.id, username: guest.name } });
    expect(await bob.next('room_message', ({ content }) => content === 'hi')).toMatchObject({
      userId: guest.id,
    });

    await guest.request('authenticate', ann.token);
    expect(await bob.next('room_left', ({ userId }) => userId === guest.id)).toMatchObject({
      memberCount: 1,
    });
    expect(await bob.next('room_joined', ({ userId }) => userId === ann.id)).toMatchObject({
      memberCount: 2,
    });
    await guest.request('send_message', { roomId: 'hall', content: 'it is me', type: 'text' });
    expect(await bob.next('room_message', ({ content }) => content === 'it is me')).toMatchObject({
      userId: ann.id,
      username: ann.username,
    });
    guest.close();
    await bob.next('room_left', ({ userId, roomId }) => userId === ann.id && roomId === 'hall');
  });

  test('GET /api/rooms/:id says who is in there', async () => {
    await ann.request('join_room', 'hall');
    expect(await apiOf(cluster).get('/api/rooms/hall')).toMatchObject({
      status: 200,
      body: {
        success: true,
        message: expect.any(String),
        data: {
          id: 'hall',
          name: 'hall',
          type: 'public',
          memberCount: 2,
          members: [
            { userId: bob.id, username: bob.username },
            { userId: ann.id, username: ann.username },
          ],
          createdAt: isoDate,
        },
      },
    });
  });
});

describe('typing', () => {
  test.each(['typing_start', 'typing_stop'] as const)(
    '%s(roomId) is relayed to the others',
    async (event) => {
      ann.socket.emit(event, 'hall');
      expect(await bob.next(event)).toEqual({ roomId: 'hall', userId: ann.id, username: ann.username });
      await overtaken(ann, ann);
      expect(ann.waiting(event)).toEqual([]);
    },
  );

  test('sending ends it', async () => {
    ann.socket.emit('typing_start', 'hall');
    await bob.next('typing_start');
    ann.socket.emit('send_message', { roomId: 'hall', content: 'written', type: 'text' });
    expect(await bob.next('typing_stop')).toMatchObject({ roomId: 'hall', userId: ann.id });
    expect(await bob.next('room_message', ({ content }) => content === 'written')).toMatchObject({
      userId: ann.id,
    });
  });
});

test('what is sent to a room that the socket has not joined is FORBIDDEN, and leaving it succeeds', async () => {
  await bob.request('join_room', 'closed-door');
  const guest = await guestSocket();
  for (const client of [ann, guest]) {
    const message = { roomId: 'closed-door', content: 'let me in', type: 'text' as const };
    expect(await client.request('send_message', message)).toMatchObject({ error: { code: 'FORBIDDEN' } });
    for (const event of ['typing_start', 'typing_stop'] as const) {
      client.socket.emit(event, 'closed-door');
      expect(await client.next('error')).toMatchObject({ code: 'FORBIDDEN', event });
    }
    expect(await client.request('leave_room', 'closed-door')).toEqual({
      success: true,
      roomId: 'closed-door',
    });
  }
  // Also after it was in there.
  await ann.request('join_room', 'closed-door');
  ann.socket.emit('leave_room', 'closed-door');
  expect(
    await ann.request('send_message', { roomId: 'closed-door', content: 'again', type: 'text' }),
  ).toMatchObject({ error: { code: 'FORBIDDEN' } });
  await overtaken(ann, bob);
  expect(bob.waiting('room_message').filter(({ roomId }) => roomId === 'closed-door')).toEqual([]);
  guest.close();
});

test('update_status reaches those in a common public room', async () => {
  ann.socket.emit('update_status', 'busy');
  expect(await bob.next('user_updated')).toEqual({ userId: ann.id, status: 'busy' });
  ann.socket.emit('update_status', 'offline');
  expect(await bob.next('user_offline')).toBe(ann.id);
  ann.socket.emit('update_status', 'online');
  expect(await bob.next('user_online')).toBe(ann.id);
});

test('user profile management and search: user_updated to those in a common room', async () => {
  const api = apiOf(cluster, ann.token);
  const patched = await http(cluster.url, 'PATCH', '/api/users/me', {
    token: ann.token,
    body: { displayName: 'Ann', bio: 'here' },
  });
  expect(patched).toMatchObject({ status: 200, body: { success: true } });
  for (const person of [ann, bob]) {
    expect(await person.next('user_updated', ({ displayName }) => displayName === 'Ann')).toMatchObject({
      userId: ann.id,
      bio: 'here',
    });
  }
  expect((await api.get(`/api/users/search?q=${bob.username.slice(0, -1)}`)).body).toMatchObject({
    success: true,
    data: {
      users: expect.arrayContaining([expect.objectContaining({ id: bob.id, username: bob.username })]),
    },
  });
});
