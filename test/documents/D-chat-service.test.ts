import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, refusal, registered } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** The channel endpoints of reference/D-chat-service-backend.md, word for word, with ids as JSON numbers; johndoe and jane on different workers. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const number = expect.any(Number);

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
});
afterAll(() => cluster.stop());

describe('channel endpoints', () => {
  test('POST /api/v1/channels', async () => {
    const { status, body } = await asJohn.post('/api/v1/channels', {
      name: 'My Channel',
      type: 'group',
      userIds: [Number(jane.id), Number(eve.id)],
    });
    expect(status).toBe(201);
    expect(body).toEqual({
      success: true,
      data: {
        id: number,
        name: 'My Channel',
        avatar: null,
        type: 'group',
        public: false,
        ownerId: Number(john.id),
        createdAt: isoDate,
      },
    });
    group = (body as { data: { id: number } }).data.id;
  });

  test('unknown users are named, and nothing is created', async () => {
    const before = await dataOf(asJohn.get('/api/v1/channels'));
    const answer = await asJohn.post('/api/v1/channels', {
      name: 'My Channel',
      type: 'group',
      userIds: [Number(jane.id), 2, 3],
    });
    expect(answer).toMatchObject({
      status: 400,
      body: refusal('BAD_INPUT', { userIds: expect.stringContaining('2, 3') }),
    });
    expect(await dataOf(asJohn.get('/api/v1/channels'))).toEqual(before);
  });

  test('a direct channel: with one other, the same on repeat whoever asks, named by the other', async () => {
    const open = (api: typeof asJohn, id: string) =>
      api.post('/api/v1/channels', { type: 'direct', userIds: [Number(id)], name: 'ignored' });
    const first = await open(asJohn, jane.id);
    expect(first).toMatchObject({
      status: 201,
      body: {
        success: true,
        data: { id: number, name: 'jane', avatar: null, type: 'direct', ownerId: Number(john.id) },
      },
    });
    const { id } = (first.body as { data: { id: number } }).data;
    expect(await open(asJohn, jane.id)).toMatchObject({ status: 200, body: { data: { id, name: 'jane' } } });
    expect(await open(asJane, john.id)).toMatchObject({
      status: 200,
      body: { data: { id, name: 'johndoe' } },
    });
    // At one time, too.
    const both = await Promise.all([open(asJane, eve.id), open(asEve, jane.id)]);
    expect(new Set(both.map(({ body }) => (body as { data: { id: number } }).data.id)).size).toBe(1);

    for (const userIds of [[], [Number(jane.id), Number(eve.id)], [Number(john.id)], [7]]) {
      expect(await asJohn.post('/api/v1/channels', { type: 'direct', userIds })).toMatchObject({
        status: 400,
        body: refusal('BAD_INPUT', { userIds: expect.any(String) }),
      });
    }
  });

  test('GET /api/v1/channels', async () => {
    const { status, body } = await asJohn.get('/api/v1/channels');
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      data: {
        direct: [
          {
            id: number,
            name: 'jane',
            avatar: null,
            type: 'direct',
            public: false,
            ownerId: Number(john.id),
            createdAt: isoDate,
          },
        ],
        group: [
          {
            id: group,
            name: 'My Channel',
            avatar: null,
            type: 'group',
            public: false,
            ownerId: Number(john.id),
            createdAt: isoDate,
          },
        ],
      },
    });
    expect(await apiOf(cluster).get('/api/v1/channels')).toMatchObject({
      status: 401,
      body: refusal('UNAUTHENTICATED'),
    });
  });

  test('GET and PUT /api/v1/channels/:id: any member of a group may rename it', async () => {
    expect(await asJane.put(`/api/v1/channels/${group}`, { name: 'General' })).toMatchObject({
      status: 200,
      body: { success: true, data: { id: group, name: 'General', ownerId: Number(john.id) } },
    });
    expect(await asJohn.get(`/api/v1/channels/${group}`)).toMatchObject({
      status: 200,
      body: { success: true, data: { id: group, name: 'General', type: 'group' } },
    });
    const { direct } = await dataOf<{ direct: [{ id: number }] }>(asJohn.get('/api/v1/channels'));
    expect(await asJohn.put(`/api/v1/channels/${direct[0].id}`, { name: 'x' })).toMatchObject({
      status: 400,
      body: refusal('BAD_INPUT'),
    });
  });

  test('POST and DELETE /api/v1/channels/:id/users: the owner, one or several, repeats change nothing', async () => {
    const path = `/api/v1/channels/${group}/users`;
    expect(await asJane.post(path, { userId: Number(eve.id) })).toMatchObject({
      status: 403,
      body: refusal('FORBIDDEN'),
    });
    expect(await asJane.delete(path, { userId: Number(eve.id) })).toMatchObject({ status: 403 });

    const members = async () =>
      (await dataOf<{ id: number }[]>(asJohn.get(`/api/v1/ws/channels/${group}/members`))).map(
        ({ id }) => id,
      );
    const [johns, janes, eves] = [john, jane, eve].map(({ id }) => Number(id));
    const steps: [() => Promise<{ status: number }>, unknown[]][] = [
      [() => asJohn.delete(path, { userId: eves }), [johns, janes]],
      [() => asJohn.delete(path, { userId: eves }), [johns, janes]],
      [() => asJohn.delete(`${path}?userId=${janes}`), [johns]],
      [() => asJohn.post(path, { userIds: [eves, janes] }), [johns, janes, eves]],
      [() => asJohn.post(path, { userId: eves }), [johns, janes, eves]],
    ];
    for (const [step, expected] of steps) {
      expect(await step()).toMatchObject({ status: 200, body: { success: true, data: { id: group } } });
      expect((await members()).sort()).toEqual(expected.sort());
    }
    expect(await asJohn.post(path, { userIds: [7] })).toMatchObject({
      status: 400,
      body: refusal('BAD_INPUT', { userIds: expect.stringContaining('7') }),
    });
    expect(await asJohn.post(path, {})).toMatchObject({ status: 400, body: refusal('BAD_INPUT') });
    expect(await asJohn.delete(path, { userId: johns })).toMatchObject({
      status: 400,
      body: refusal('BAD_INPUT', { userIds: expect.any(String) }),
    });
  });

  test('a direct channel takes no third member', async () => {
    const { direct } = await dataOf<{ direct: [{ id: number }] }>(asJohn.get('/api/v1/channels'));
    expect(
      await asJohn.post(`/api/v1/channels/${direct[0].id}/users`, { userId: Number(eve.id) }),
    ).toMatchObject({ status: 400, body: refusal('BAD_INPUT') });
  });

  test('POST /api/v1/channels/:id/leave: the longest-standing member owns, the last one out deletes', async () => {
    const { id } = await dataOf<{ id: number }>(
      asJohn.post('/api/v1/channels', { name: 'Leaving', type: 'group', userIds: [Number(jane.id)] }),
    );
    await asJohn.post(`/api/v1/channels/${id}/users`, { userId: Number(eve.id) });
    expect(await asJohn.post(`/api/v1/channels/${id}/leave`)).toMatchObject({
      status: 200,
      body: { success: true },
    });
    expect(await john.next('left_channel')).toEqual({ channel_id: id });
    expect(await asJohn.get(`/api/v1/channels/${id}`)).toMatchObject({ status: 404 });
    expect(await asJane.get(`/api/v1/channels/${id}`)).toMatchObject({
      body: { data: { ownerId: Number(jane.id) } },
    });
    await asJane.post(`/api/v1/channels/${id}/leave`);
    expect(await asEve.get(`/api/v1/channels/${id}`)).toMatchObject({
      body: { data: { ownerId: Number(eve.id) } },
    });
    await asEve.post(`/api/v1/channels/${id}/leave`);
    expect(await asEve.get(`/api/v1/channels/${id}`)).toMatchObject({ status: 404 });
  });

  test('leaving a direct channel hides it until the next message', async () => {
    const mine = async () =>
      (await dataOf<{ direct: { name: string }[] }>(asJane.get('/api/v1/channels'))).direct.map(
        ({ name }) => name,
      );
    const { id } = await dataOf<{ id: number }>(
      asJane.post('/api/v1/channels', { type: 'direct', userIds: [Number(john.id)] }),
    );
    expect(await mine()).toContain('johndoe');
    expect(await asJane.post(`/api/v1/channels/${id}/leave`)).toMatchObject({ status: 200 });
    expect(await mine()).not.toContain('johndoe');
    expect((await dataOf<{ direct: unknown[] }>(asJohn.get('/api/v1/channels'))).direct).toHaveLength(1);
    await asJohn.post('/api/v1/messages', { channelId: id, text: 'are you there?' });
    expect(await mine()).toContain('johndoe');
  });

  test('DELETE /api/v1/channels/:id: the owner', async () => {
    const { id } = await dataOf<{ id: number }>(
      asJohn.post('/api/v1/channels', { name: 'Going', type: 'group', userIds: [Number(jane.id)] }),
    );
    await jane.request('join_channel', { channel_id: id });
    expect(await asJane.delete(`/api/v1/channels/${id}`)).toMatchObject({ status: 403 });
    expect(await asJohn.delete(`/api/v1/channels/${id}`)).toMatchObject({
      status: 200,
      body: { success: true },
    });
    expect(await jane.next('left_channel', ({ channel_id }) => channel_id === id)).toEqual({
      channel_id: id,
    });
    for (const api of [asJohn, asJane]) {
      expect(await api.get(`/api/v1/channels/${id}`)).toMatchObject({
        status: 404,
        body: refusal('NOT_FOUND'),
      });
    }
  });

  test('a public room is among the groups of who joined it signed in, until D’s leave route', async () => {
    const groups = async () =>
      (
        await dataOf<{ group: { name: string; id: number; public: boolean }[] }>(
          asJane.get('/api/v1/channels'),
        )
      ).group;
    await john.request('chat:join', 'lounge');
    await jane.request('join_room', 'lounge');
    const lounge = (await groups()).find(({ name }) => name === 'lounge')!;
    expect(lounge).toMatchObject({ type: 'group', public: true, ownerId: Number(john.id) });
    await jane.request('leave_room', 'lounge');
    expect((await groups()).map(({ name }) => name)).toContain('lounge');
    expect(await asJane.put(`/api/v1/channels/${lounge.id}`, { name: 'mine' })).toMatchObject({
      status: 403,
    });
    expect(await asJohn.put(`/api/v1/channels/${lounge.id}`, { name: 'The Lounge' })).toMatchObject({
      body: { data: { name: 'The Lounge' } },
    });
    expect(await asJane.post(`/api/v1/channels/${lounge.id}/leave`)).toMatchObject({ status: 200 });
    expect((await groups()).map(({ id }) => id)).not.toContain(lounge.id);
  });
});
