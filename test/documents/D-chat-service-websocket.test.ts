import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, groupOf, overtaken, refusal, registered, secondSocket } from '../harness/conversation.ts';
import { http } from '../harness/http.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** The WebSocket endpoints and events of reference/D-chat-service-backend.md, word for word, with ids as JSON numbers. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const number = expect.any(Number);
const API_KEY = 'the-key-of-these-tests-for-administrators';

interface Message {
  id: number;
  text: string;
}
type Api = ReturnType<typeof apiOf>;

let cluster: Cluster;
let john: Person;
let jane: Person;
let eve: Person;
let asJohn: Api;
let asJane: Api;
let group: number;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2, env: { ADMIN_API_KEY: API_KEY } });
  [john, jane, eve] = (await registered(cluster, 'johndoe', 'jane', 'eve')) as [Person, Person, Person];
  [asJohn, asJane] = [apiOf(cluster, john.token), apiOf(cluster, jane.token)];
  group = await groupOf(cluster, john, [jane, eve]);
  await jane.request('join_channel', { channel_id: group });
});
afterAll(() => cluster.stop());

describe('WebSocket endpoints', () => {
  test('GET /api/v1/ws/stats', async () => {
    expect(await asJohn.get('/api/v1/ws/stats')).toMatchObject({
      status: 200,
      body: { success: true, data: { connections: number, users: number } },
    });
    expect(await apiOf(cluster).get('/api/v1/ws/stats')).toMatchObject({ status: 401 });
  });

  test('GET /api/v1/ws/channels/:channelId/members', async () => {
    const away = (await registered(cluster, 'away'))[0]!;
    await asJohn.post(`/api/v1/channels/${group}/users`, { userId: Number(away.id) });
    await away.request('update_status', 'offline');
    const { status, body } = await asJane.get(`/api/v1/ws/channels/${group}/members`);
    expect(status).toBe(200);
    const member = (person: Person, connected: boolean) => ({
      id: Number(person.id),
      username: person.username,
      avatar: null,
      connected,
      joinedAt: isoDate,
    });
    expect(body).toEqual({
      success: true,
      data: expect.arrayContaining([
        member(john, true),
        member(jane, true),
        member(eve, true),
        member(away, false),
      ]),
    });
    const asAway = apiOf(cluster, away.token);
    await asAway.post(`/api/v1/channels/${group}/leave`);
    expect(await asAway.get(`/api/v1/ws/channels/${group}/members`)).toMatchObject({ status: 404 });
    away.close();
  });

  test('POST /api/v1/ws/channels/:channelId/broadcast: administrators, without membership', async () => {
    const path = `/api/v1/ws/channels/${group}/broadcast`;
    expect(await asJohn.post(path, { text: 'maintenance' })).toMatchObject({
      status: 403,
      body: refusal('FORBIDDEN'),
    });
    const { status, body } = await http(cluster.url, 'POST', path, {
      body: { text: 'maintenance' },
      headers: { 'x-api-key': API_KEY },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      data: {
        id: number,
        type: 'system',
        senderId: 0,
        senderName: 'system',
        text: 'maintenance',
        channelId: group,
      },
    });
    const { data } = body as { data: Message };
    expect(await jane.next('message', ({ id }) => id === data.id)).toEqual(data);
    expect((await asJane.get(`/api/v1/messages/channel/${group}?limit=1`)).body).toMatchObject({
      data: [data],
    });
    for (const [place, key, expected] of [
      [path, 'wrong', 401],
      [`/api/v1/ws/channels/7/broadcast`, API_KEY, 404],
    ] as const) {
      const answer = await http(cluster.url, 'POST', place, {
        body: { text: 'maintenance' },
        headers: { 'x-api-key': key },
      });
      expect(answer.status).toBe(expected);
    }
  });

  test('GET /api/v1/ws/users', async () => {
    const { status, body } = await asJohn.get('/api/v1/ws/users');
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      data: expect.arrayContaining([
        { id: Number(john.id), username: 'johndoe', avatar: null },
        { id: Number(jane.id), username: 'jane', avatar: null },
      ]),
      pagination: { limit: number, after: null, hasMore: false },
    });
  });

  test('DELETE /api/v1/ws/users/:userId: administrators', async () => {
    const [gone] = (await registered(cluster, 'gone')) as [Person];
    const gones = await secondSocket(cluster, gone);
    const path = `/api/v1/ws/users/${gone.id}`;
    expect(await asJohn.delete(path)).toMatchObject({ status: 403, body: refusal('FORBIDDEN') });
    const ended = [gone.ended(), gones.ended()];
    const answer = await http(cluster.url, 'DELETE', path, { headers: { 'x-api-key': API_KEY } });
    expect(answer).toMatchObject({ status: 200, body: { success: true, data: { disconnected: 2 } } });
    expect(await Promise.all(ended)).toEqual(['io server disconnect', 'io server disconnect']);
  });
});

describe('WebSocket events, without callbacks', () => {
  test('authenticate, join_channel and message in one tick', async () => {
    const socket = new TestClient(cluster.url, {});
    socket.socket.emit('authenticate', { token: john.token });
    socket.socket.emit('join_channel', { channel_id: group });
    socket.socket.emit('message', {
      type: 'channel.message',
      data: { channel_id: group, text: 'Hello world!' },
    });
    expect(await socket.next('authenticated')).toEqual({ userId: Number(john.id) });
    expect(await socket.next('joined_channel')).toEqual({ channel_id: group });
    const message = {
      id: number,
      type: 'text',
      senderId: Number(john.id),
      senderName: 'johndoe',
      senderAvatar: null,
      text: 'Hello world!',
      url: null,
      fileName: null,
      createdAt: isoDate,
      updatedAt: isoDate,
      channelId: group,
    };
    expect(await socket.next('message')).toEqual(message);
    expect(await jane.next('message', ({ text }) => text === 'Hello world!')).toEqual(message);

    socket.socket.emit('leave_channel', { channel_id: group });
    expect(await socket.next('left_channel')).toEqual({ channel_id: group });
    // Still a member: may send, and hears nothing.
    const answer = await socket.request('message', {
      type: 'channel.message',
      data: { channel_id: group, text: 'unheard' },
    });
    expect(answer).toMatchObject({ success: true, message: { text: 'unheard', channelId: group } });
    expect(await jane.next('message', ({ text }) => text === 'unheard')).toMatchObject({ channelId: group });
    await overtaken(socket, socket);
    expect(socket.waiting('message')).toEqual([]);
    socket.close();
  });

  test('error has a message', async () => {
    for (const [event, body] of [
      ['join_channel', { channel_id: 7 }],
      ['message', { type: 'channel.message', data: { channel_id: 7, text: 'Hello world!' } }],
      ['leave_channel', { channel_id: 7 }],
    ] as const) {
      john.socket.emit(event, body);
      expect(await john.next('error')).toMatchObject({
        message: expect.any(String),
        code: 'NOT_FOUND',
        event,
      });
      expect(await john.raw(event, body)).toEqual(refusal('NOT_FOUND'));
    }
    john.socket.emit('message', { type: 'channel.other', data: { channel_id: group, text: 'x' } });
    expect(await john.next('error')).toMatchObject({ message: expect.any(String), code: 'BAD_INPUT' });
  });
});
