import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import {
  apiOf,
  dataOf,
  groupOf,
  overtaken,
  refusal,
  registered,
  secondSocket,
} from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** The message endpoints of reference/D-chat-service-backend.md, word for word, with ids as JSON numbers. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const number = expect.any(Number);

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
let asEve: Api;
let group: number;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [john, jane, eve] = (await registered(cluster, 'johndoe', 'jane', 'eve')) as [Person, Person, Person];
  [asJohn, asJane, asEve] = [john, jane, eve].map(({ token }) => apiOf(cluster, token)) as [Api, Api, Api];
  group = await groupOf(cluster, john, [jane, eve]);
});
afterAll(() => cluster.stop());

describe('message endpoints', () => {
  test('POST /api/v1/messages answers what is pushed, bare, to every socket that joined', async () => {
    const janes = await secondSocket(cluster, jane);
    for (const each of [john, jane, janes]) await each.request('join_channel', { channel_id: group });
    const { status, body } = await asJohn.post('/api/v1/messages', {
      channelId: group,
      text: 'Hello world!',
    });
    expect(status).toBe(201);
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
    expect(body).toEqual({ success: true, data: message });
    const { data } = body as { data: object };
    for (const each of [john, jane, janes]) expect(await each.next('message')).toEqual(data);
    // Sending needs membership, not a join; who has not joined hears nothing.
    await overtaken(john, eve);
    expect(eve.waiting('message')).toEqual([]);
    expect(await asEve.post('/api/v1/messages', { channelId: group, text: 'from eve' })).toMatchObject({
      status: 201,
    });
    expect(await jane.next('message')).toMatchObject({ senderName: 'eve', text: 'from eve' });
    janes.close();
  });

  test('GET /api/v1/messages/channel/:id', async () => {
    const { status, body } = await asJane.get(`/api/v1/messages/channel/${group}`);
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      data: [
        expect.objectContaining({ senderName: 'eve', text: 'from eve' }),
        {
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
        },
      ],
      pagination: { limit: 20, before: null, hasMore: false },
    });
  });

  test('limit, before and pagination; deleted messages neither appear nor count', async () => {
    const sent: Message[] = [];
    for (let i = 1; i <= 25; i++) {
      sent.push(await dataOf<Message>(asJohn.post('/api/v1/messages', { channelId: group, text: `m${i}` })));
    }
    const page = async (query: string) =>
      (await asJane.get(`/api/v1/messages/channel/${group}?${query}`)).body as {
        data: Message[];
        pagination: { limit: number; before: number | null; hasMore: boolean };
      };
    const texts = (messages: readonly Message[]) => messages.map(({ text }) => text);
    const newestFirst = texts(sent).toReversed();

    const newest = await page('');
    expect(texts(newest.data)).toEqual(newestFirst.slice(0, 20));
    expect(newest.pagination).toEqual({ limit: 20, before: null, hasMore: true });
    const before = newest.data.at(-1)!.id;
    const next = await page(`limit=5&before=${before}`);
    expect(texts(next.data)).toEqual(newestFirst.slice(20, 25));
    expect(next.pagination).toEqual({ limit: 5, before, hasMore: true });
    const last = await page(`limit=2&before=${next.data.at(-1)!.id}`);
    expect(texts(last.data)).toEqual(['from eve', 'Hello world!']);
    expect(last.pagination).toMatchObject({ limit: 2, hasMore: false });

    for (const { id } of sent.slice(10, 15)) {
      expect(await asJohn.delete(`/api/v1/messages/${id}`)).toMatchObject({
        status: 200,
        body: { success: true },
      });
      expect(await asJane.get(`/api/v1/messages/${id}`)).toMatchObject({
        status: 404,
        body: refusal('NOT_FOUND'),
      });
    }
    // Before a deleted one still works.
    expect(texts((await page(`limit=12&before=${sent[14]!.id}`)).data)).toEqual([
      ...newestFirst.slice(15),
      'from eve',
      'Hello world!',
    ]);
    expect((await page(`limit=22`)).pagination.hasMore).toBe(false);
    expect((await page(`limit=21`)).pagination.hasMore).toBe(true);
    for (const bad of ['limit=101', 'limit=0', 'limit=x', 'before=x', 'before=7']) {
      expect(await asJane.get(`/api/v1/messages/channel/${group}?${bad}`)).toMatchObject({
        status: 400,
        body: refusal('BAD_INPUT'),
      });
    }
  });

  test('GET and DELETE /api/v1/messages/:id', async () => {
    const { id } = await dataOf<Message>(asJane.post('/api/v1/messages', { channelId: group, text: 'mine' }));
    expect(await asJohn.get(`/api/v1/messages/${id}`)).toMatchObject({
      status: 200,
      body: { success: true, data: { id, senderName: 'jane', text: 'mine', channelId: group } },
    });
    expect(await asEve.delete(`/api/v1/messages/${id}`)).toMatchObject({
      status: 403,
      body: refusal('FORBIDDEN'),
    });
    // The channel's owner may.
    expect(await asJohn.delete(`/api/v1/messages/${id}`)).toMatchObject({ status: 200 });
  });

  test('GET /api/v1/messages/friend/:friendId', async () => {
    const [friend] = (await registered(cluster, 'friend')) as [Person];
    const asFriend = apiOf(cluster, friend.token);
    const path = `/api/v1/messages/friend/${friend.id}`;
    expect(await asJohn.get(path)).toMatchObject({
      status: 200,
      body: { success: true, data: [], pagination: { limit: 20, before: null, hasMore: false } },
    });
    expect(await asJohn.get('/api/v1/messages/friend/7')).toMatchObject({
      status: 404,
      body: refusal('NOT_FOUND'),
    });

    const opened = await dataOf<Message & { channelId: number }>(
      asJohn.post('/api/v1/messages', { receiverId: Number(friend.id), text: 'hello friend' }),
    );
    expect(opened).toMatchObject({ senderName: 'johndoe', text: 'hello friend' });
    expect(await friend.next('chat:added')).toMatchObject({ channelId: opened.channelId, type: 'direct' });
    await asFriend.post('/api/v1/messages', { receiverId: john.id, text: 'hello john' });
    const { body } = await asFriend.get(`/api/v1/messages/friend/${john.id}?limit=1`);
    expect(body).toMatchObject({
      data: [{ senderName: 'friend', text: 'hello john', channelId: opened.channelId }],
      pagination: { limit: 1, before: null, hasMore: true },
    });
    const before = (body as { data: [Message] }).data[0].id;
    expect((await asJohn.get(`${path}?before=${before}`)).body).toMatchObject({
      data: [{ text: 'hello friend' }],
      pagination: { limit: 20, before, hasMore: false },
    });
    expect(await asJohn.post('/api/v1/messages', { receiverId: 7, text: 'x' })).toMatchObject({
      status: 400,
      body: refusal('BAD_INPUT', { userIds: expect.any(String) }),
    });
    friend.close();
  });
});
