import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupWithMessage, refusal } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';

/** Bad input to the routes of conversations gets its documented error, and text is cleaned; no worker goes down: checked after every test. */

const injected = { $gt: '' };
const long = 'x'.repeat(4_001);

let cluster: Cluster;
let pids: number[];
let ann: Person;
let bob: Person;
let group: string;
let filled: (value: unknown) => unknown;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  pids = [...cluster.workers().values()];
  ({ ann, bob, group, filled } = await groupWithMessage(cluster));
});
afterEach(() => expect([...cluster.workers().values()]).toEqual(pids));
afterAll(() => cluster.stop());

describe('text is cleaned, markup stays', () => {
  const markup = '<script>alert("1")</script> & <img src=x onerror=alert(1)> \' ${7*7} {{7*7}} %s';
  const texts: [string, string][] = [
    [markup, markup],
    ['a\u0000b\u0007c\u001bd\u007fe\u0085f', 'abcdef'],
    ['line\n\ttab', 'line\n\ttab'],
    ['carriage\r\nreturn', 'carriage\nreturn'],
    ['e\u0301', 'é'],
    ['x\ud800y\udc00z', 'xyz'],
    ['👩‍👩‍👧 😀', '👩‍👩‍👧 😀'],
    [`${'x'.repeat(3_999)}é`, `${'x'.repeat(3_999)}é`],
  ];

  test.each(texts)('%j', async (given, kept) => {
    const ways: (() => Promise<unknown>)[] = [
      () => ann.request('chat:message', { chatId: group, content: given }),
      () => ann.request('message', { type: 'channel.message', data: { channel_id: group, text: given } }),
      () => ann.request('send_message', { roomId: group, content: given }),
      () => apiOf(cluster, ann.token).post('/api/v1/messages', { channelId: group, text: given }),
    ];
    for (const way of ways) {
      await way();
      await bob.next('chat:message', ({ content }) => content === kept);
      const [stored] = await dataOf<{ text: string }[]>(
        apiOf(cluster, bob.token).get(`/api/v1/messages/channel/${group}?limit=1`),
      );
      expect(stored!.text).toBe(kept);
    }
  });

  test('a channel’s name too', async () => {
    const api = apiOf(cluster, ann.token);
    const name = ' <b>\u0000Na\u0308me\u0007</b> ';
    expect(await api.put(`/api/v1/channels/${group}`, { name })).toMatchObject({
      body: { data: { name: '<b>Näme</b>' } },
    });
  });
});

describe('routes', () => {
  const D = '/api/v1';
  test.each<['get' | 'post' | 'put' | 'delete', string, unknown, number, string]>([
    ['get', `${D}/messages/channel/GROUP?limit=1e9`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?limit=101`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?limit=-1`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?limit=5&limit=6`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?before=%24gt`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?before=1&before=2`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/GROUP?before=OTHER`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/friend/BOB?before=OTHER`, undefined, 200, ''],
    ['get', `${D}/messages/friend/x`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/a%20b`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/channel/${'a'.repeat(65)}`, undefined, 400, 'BAD_INPUT'],
    ['get', `${D}/messages/x`, undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?limit=1e9', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?before=OTHER', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?around=OTHER', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?after=OTHER', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?before=MESSAGE&after=MESSAGE', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/GROUP/messages?afterSeq=-1', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/conversations/%00', undefined, 400, 'BAD_INPUT'],
    ['get', '/api/rooms/%ff', undefined, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { channelId: 'GROUP', text: '' }, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { channelId: 'GROUP', text: long }, 413, 'TOO_LARGE'],
    ['post', `${D}/messages`, { channelId: injected, text: 'x' }, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { channelId: injected, receiverId: 'BOB', text: 'x' }, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { receiverId: injected, text: 'x' }, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { text: 'x' }, 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, [], 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, '{"channelId":', 400, 'BAD_INPUT'],
    ['post', `${D}/messages`, { channelId: 'GROUP', text: 'x'.repeat(200_000) }, 413, 'TOO_LARGE'],
    ['post', `${D}/channels`, { type: 'group', userIds: [] }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'group', name: ' ', userIds: [] }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'group', name: 'x'.repeat(101), userIds: [] }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'group', name: 'x', userIds: [injected] }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'group', name: 'x', userIds: 'BOB' }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'group', name: 'x', userIds: Array(1_001).fill(7) }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: 'public', name: 'x', userIds: [] }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels`, { type: injected, name: 'x', userIds: [] }, 400, 'BAD_INPUT'],
    ['put', `${D}/channels/GROUP`, { name: injected }, 400, 'BAD_INPUT'],
    ['put', `${D}/channels/GROUP`, {}, 400, 'BAD_INPUT'],
    ['post', `${D}/channels/GROUP/users`, { userId: injected }, 400, 'BAD_INPUT'],
    ['post', `${D}/channels/GROUP/users`, { userIds: [] }, 400, 'BAD_INPUT'],
    ['delete', `${D}/channels/GROUP/users?userId=x`, undefined, 400, 'BAD_INPUT'],
    ['delete', `${D}/channels/GROUP/users?userId[$gt]=`, undefined, 400, 'BAD_INPUT'],
    ['post', '/api/conversations', { userId: injected }, 400, 'BAD_INPUT'],
    ['post', '/api/conversations', { userId: '7' }, 400, 'BAD_INPUT'],
    ['post', '/api/conversations', { name: 'x', userIds: ['7'] }, 400, 'BAD_INPUT'],
    ['post', '/api/conversations', {}, 400, 'BAD_INPUT'],
  ])('%s %s %j answers %i %s', async (method, path, body, status, code) => {
    // A message of another conversation, which the caller may see.
    await ann.request('join_room', 'other');
    const other = (await ann.request('send_message', { roomId: 'other', content: 'x' })) as {
      message: { id: string };
    };
    const place = (text: string) => text.replaceAll('OTHER', other.message.id).replaceAll('BOB', bob.id);
    const answer = await apiOf(cluster, ann.token)[method](
      place(filled(path) as string),
      body === undefined
        ? undefined
        : typeof body === 'string'
          ? body
          : JSON.parse(place(JSON.stringify(filled(body)))),
    );
    expect(answer.status).toBe(status);
    if (code !== '') expect(answer.body).toMatchObject(refusal(code));
  });
});
