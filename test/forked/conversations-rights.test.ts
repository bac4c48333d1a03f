import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupOf } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** Who may what: what belongs to others looks exactly like what does not exist. */

const NOWHERE = '1234567';

interface Place {
  /** Of a conversation, and of a message in it. */
  readonly id: string;
  readonly messageId: string;
}

let cluster: Cluster;
let ann: Person;
let bob: Person;
let eve: Person;
let guest: TestClient;
let direct: Place;
let group: Place;

const refused = (code: string) => ({ success: false, error: { code } });

async function written(by: Person, id: number): Promise<Place> {
  const body = { channelId: id, text: 'between us' };
  const message = await dataOf<{ id: number }>(apiOf(cluster, by.token).post('/api/v1/messages', body));
  return { id: String(id), messageId: String(message.id) };
}

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob, eve] = (await cluster.strangers(3)) as [Person, Person, Person];
  guest = await new TestClient(cluster.url, {}).connected();
  const opened = await dataOf<{ id: number }>(
    apiOf(cluster, ann.token).post('/api/v1/channels', { type: 'direct', userIds: [Number(bob.id)] }),
  );
  direct = await written(ann, opened.id);
  group = await written(ann, await groupOf(cluster, ann, [bob]));
});
afterAll(async () => {
  guest.close();
  await cluster.stop();
});

const requests: [string, (place: Place) => unknown][] = [
  ['chat:join', ({ id }) => id],
  ['chat:leave', ({ id }) => id],
  ['chat:message', ({ id }) => ({ chatId: id, content: 'hi' })],
  ['chat:typing', ({ id }) => ({ chatId: id, isTyping: true })],
  ['chat:typing', ({ id }) => ({ chatId: id, isTyping: false })],
  ['chat:read', ({ id, messageId }) => ({ chatId: id, messageId })],
  ['chat:reaction', ({ messageId }) => ({ messageId, reaction: '👍' })],
  ['chat:reaction:remove', ({ messageId }) => ({ messageId, reaction: '👍' })],
  ['chat:edit', ({ messageId }) => ({ messageId, content: 'hi' })],
  ['chat:delete', ({ messageId }) => ({ messageId })],
  ['chat:sync', ({ id }) => ({ conversations: { [id]: 0 } })],
  ['chat:sync', ({ id }) => ({ conversations: { [id]: 'x' } })],
  ['join_channel', ({ id }) => ({ channel_id: id })],
  ['leave_channel', ({ id }) => ({ channel_id: id })],
  ['message', ({ id }) => ({ type: 'channel.message', data: { channel_id: id, text: 'hi' } })],
  ['join_room', ({ id }) => id],
  ['leave_room', ({ id }) => id],
  ['send_message', ({ id }) => ({ roomId: id, content: 'hi', type: 'text' })],
  ['typing_start', ({ id }) => id],
  ['typing_stop', ({ id }) => id],
];

const routes: ['get' | 'post' | 'put' | 'delete', (place: Place) => string, unknown?][] = [
  ['get', ({ id }) => `/api/conversations/${id}`],
  ['get', ({ id }) => `/api/conversations/${id}/messages`],
  ['get', ({ id, messageId }) => `/api/conversations/${id}/messages?around=${messageId}`],
  ['get', ({ id }) => `/api/rooms/${id}`],
  ['get', ({ id }) => `/api/v1/channels/${id}`],
  ['put', ({ id }) => `/api/v1/channels/${id}`, { name: 'mine' }],
  ['delete', ({ id }) => `/api/v1/channels/${id}`],
  ['post', ({ id }) => `/api/v1/channels/${id}/users`, { userId: '7' }],
  ['delete', ({ id }) => `/api/v1/channels/${id}/users`, { userId: '7' }],
  ['post', ({ id }) => `/api/v1/channels/${id}/leave`],
  ['get', ({ id }) => `/api/v1/messages/channel/${id}`],
  ['get', ({ id, messageId }) => `/api/v1/messages/channel/${id}?before=${messageId}`],
  ['get', ({ messageId }) => `/api/v1/messages/${messageId}`],
  ['delete', ({ messageId }) => `/api/v1/messages/${messageId}`],
  ['get', ({ id }) => `/api/v1/ws/channels/${id}/members`],
];

describe('a direct or group conversation of others answers as one that does not exist', () => {
  const places = () => [direct, group];
  const nowhere: Place = { id: NOWHERE, messageId: NOWHERE };
  /** Without the ids that were asked for. */
  const anonymous = (answer: unknown, { id, messageId }: Place) =>
    JSON.stringify(answer).replaceAll(id, 'ID').replaceAll(messageId, 'ID');

  test.each(requests)('%s', async (event, body) => {
    for (const client of [eve, guest]) {
      const expected = anonymous(await client.raw(event, body(nowhere)), nowhere);
      for (const place of [nowhere, ...places()]) {
        expect(anonymous(await client.raw(event, body(place)), place)).toBe(expected);
        client.socket.emit(event, body(place));
        await client.settled();
      }
      const errors = client.waiting('error').map((error) => JSON.stringify(error));
      expect(new Set(errors).size).toBeLessThanOrEqual(1);
      for (const _ of errors) await client.next('error');
    }
    const answer = await eve.raw(event, body(direct));
    if (event === 'chat:sync') {
      expect(answer).toMatchObject({ conversations: { [direct.id]: { error: { code: 'NOT_FOUND' } } } });
    } else if (event === 'chat:leave' || event === 'leave_room') {
      expect(answer).toMatchObject({ success: true });
    } else {
      expect(answer).toMatchObject(refused('NOT_FOUND'));
    }
  });

  test.each(routes)('%s %s', async (method, path, body) => {
    for (const token of [eve.token, undefined]) {
      const ask = async (place: Place) => {
        const { status, body: answer } = await apiOf(cluster, token)[method](path(place), body);
        return { status, answer: anonymous(answer, place) };
      };
      const expected = await ask(nowhere);
      for (const place of places()) expect(await ask(place)).toEqual(expected);
      if (token !== undefined) {
        expect(expected).toMatchObject({ status: 404, answer: expect.stringContaining('"NOT_FOUND"') });
      }
    }
  });

  test('nothing of it is in any list', async () => {
    const lists = ['/api/v1/channels', '/api/conversations'].map((path) =>
      apiOf(cluster, eve.token).get(path),
    );
    const seen = JSON.stringify(await Promise.all(lists));
    for (const { id } of places()) expect(seen).not.toContain(id);
  });
});

describe('members', () => {
  test('what only the owner may is FORBIDDEN for others', async () => {
    const api = apiOf(cluster, bob.token);
    const path = `/api/v1/channels/${group.id}`;
    for (const answer of [
      await api.delete(path),
      await api.post(`${path}/users`, { userId: eve.id }),
      await api.delete(`${path}/users`, { userId: ann.id }),
      await api.post(`/api/v1/ws/channels/${group.id}/broadcast`, { text: 'I am an administrator' }),
      await api.delete(`/api/v1/messages/${group.messageId}`),
      await api.delete(`/api/v1/messages/${direct.messageId}`),
    ]) {
      expect(answer).toMatchObject({ status: 403, body: refused('FORBIDDEN') });
    }
  });

  test('nobody edits or deletes what somebody else wrote, but a group’s owner', async () => {
    const { messageId } = await written(bob, Number(group.id));
    expect(await ann.request('chat:edit', { messageId, content: 'mine' })).toMatchObject(
      refused('FORBIDDEN'),
    );
    expect(await ann.request('chat:delete', { messageId })).toEqual({ success: true });
    expect(await bob.request('chat:edit', { messageId, content: 'mine' })).toMatchObject(
      refused('NOT_FOUND'),
    );
    expect(await bob.request('chat:reaction', { messageId, reaction: '👍' })).toMatchObject(
      refused('NOT_FOUND'),
    );
    // Whoever opened a direct conversation owns nothing in it.
    const his = await written(bob, Number(direct.id));
    expect(await ann.request('chat:delete', { messageId: his.messageId })).toMatchObject(
      refused('FORBIDDEN'),
    );
  });

  test('nobody comes into a group by reading along', async () => {
    for (const answer of [
      await eve.request('chat:join', group.id),
      await eve.request('join_channel', { channel_id: group.id }),
      await eve.request('join_room', group.id),
    ]) {
      expect(answer).toMatchObject(refused('NOT_FOUND'));
    }
    await apiOf(cluster, ann.token).post(`/api/v1/channels/${group.id}/users`, { userId: eve.id });
    expect(await eve.next('chat:added')).toMatchObject({ chatId: group.id, type: 'group' });
    expect(await eve.request('chat:join', group.id)).toMatchObject({ success: true, type: 'group' });
  });
});

describe('public rooms', () => {
  test('who has not joined may read, not write', async () => {
    await ann.request('chat:join', 'square');
    const said = await ann.request('chat:message', { chatId: 'square', content: 'hear ye' });
    const { id: messageId } = said as { id: string };
    for (const [event, body] of [
      ['chat:message', { chatId: 'square', content: 'hi' }],
      ['chat:typing', { chatId: 'square', isTyping: true }],
      ['chat:read', { chatId: 'square', messageId }],
      ['chat:reaction', { messageId, reaction: '👍' }],
      ['message', { type: 'channel.message', data: { channel_id: 'square', text: 'hi' } }],
      ['send_message', { roomId: 'square', content: 'hi' }],
    ] as const) {
      expect(await bob.raw(event, body)).toMatchObject(refused('FORBIDDEN'));
    }
    const api = apiOf(cluster, bob.token);
    expect((await api.get('/api/conversations/square/messages')).body).toMatchObject({
      data: { messages: [{ content: 'hear ye' }] },
    });
    expect((await api.get('/api/conversations')).body).not.toMatchObject({
      data: { conversations: expect.arrayContaining([expect.objectContaining({ id: 'square' })]) },
    });
    expect(await api.get('/api/v1/ws/channels/square/members')).toMatchObject({ status: 403 });
  });

  test('what a guest without an account made belongs to nobody', async () => {
    expect(await guest.request('join_room', 'nobodys')).toMatchObject({ success: true });
    await bob.request('chat:join', 'nobodys');
    const { id, ownerId } = await dataOf<{ id: number; ownerId: null }>(
      apiOf(cluster, bob.token).get('/api/v1/channels/nobodys'),
    );
    expect(ownerId).toBeNull();
    expect(await apiOf(cluster, bob.token).put(`/api/v1/channels/${id}`, { name: 'mine' })).toMatchObject({
      status: 403,
    });
    expect(await apiOf(cluster, bob.token).delete(`/api/v1/channels/${id}`)).toMatchObject({ status: 403 });
  });
});
