import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { groupWithMessage, refusal } from '../harness/conversation.ts';
import { meet } from '../harness/match.ts';
import type { Person } from '../harness/person.ts';

/** Bad input to conversations gets its documented error and takes no worker down: checked after every test. */

const injected = { $gt: '' };
const prototype = JSON.parse('{"__proto__": {"polluted": true}}') as object;
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

const badRefs: unknown[] = [
  injected,
  [],
  ['general'],
  true,
  '',
  ' ',
  'a b',
  ' general',
  'général',
  'a/b',
  'a'.repeat(65),
  '12345678901234567',
  -1,
  0,
  1.5,
  1e300,
  '__proto__',
  'general\u0000',
];

describe('events', () => {
  const said = (content: unknown) => ({ chatId: 'GROUP', content });
  const inChannel = (text: unknown) => ({ type: 'channel.message', data: { channel_id: 'GROUP', text } });
  const inRoom = (content: unknown) => ({ roomId: 'GROUP', content, type: 'text' });
  const badTexts: [unknown, string][] = [
    ['', 'BAD_INPUT'],
    [' \n\t ', 'BAD_INPUT'],
    ['\u0000\u0007', 'BAD_INPUT'],
    ['\ud800', 'BAD_INPUT'],
    [long, 'TOO_LARGE'],
    [null, 'BAD_INPUT'],
    [7, 'BAD_INPUT'],
    [injected, 'BAD_INPUT'],
    [['x'], 'BAD_INPUT'],
  ];
  const reacted = (reaction: unknown) => ({ messageId: 'MESSAGE', reaction });

  test.each<[string, unknown[], string]>([
    ...badTexts.flatMap(([text, code]): [string, unknown[], string][] => [
      ['chat:message', [said(text)], code],
      ['message', [inChannel(text)], code],
      ['send_message', [inRoom(text)], code],
      ['chat:edit', [{ messageId: 'MESSAGE', content: text }], code],
    ]),
    ...['chat:reaction', 'chat:reaction:remove'].flatMap((event): [string, unknown[], string][] => [
      [event, [reacted('')], 'BAD_INPUT'],
      [event, [reacted(' ')], 'BAD_INPUT'],
      [event, [reacted('\u0001')], 'BAD_INPUT'],
      [event, [reacted('x'.repeat(65))], 'BAD_INPUT'],
      [event, [reacted('👍'.repeat(17))], 'BAD_INPUT'],
      [event, [reacted(injected)], 'BAD_INPUT'],
      [event, [{ messageId: injected, reaction: '👍' }], 'BAD_INPUT'],
      [event, [{ messageId: "1' OR '1'='1", reaction: '👍' }], 'BAD_INPUT'],
      [event, [{ messageId: '1', reaction: '👍' }], 'NOT_FOUND'],
    ]),
    ['chat:message', [{ chatId: 'GROUP' }], 'BAD_INPUT'],
    ['chat:message', [{ ...said('x'), tempId: '' }], 'BAD_INPUT'],
    ['chat:message', [{ ...said('x'), tempId: 'x'.repeat(129) }], 'BAD_INPUT'],
    ['chat:message', [{ ...said('x'), tempId: injected }], 'BAD_INPUT'],
    ['message', [{ type: 'channel.message', data: null }], 'BAD_INPUT'],
    ['message', [{ type: injected, data: { channel_id: 'GROUP', text: 'x' } }], 'BAD_INPUT'],
    ['message', ['Hello world!'], 'BAD_INPUT'],
    ['send_message', [{ ...inRoom('x'), type: 'system' }], 'BAD_INPUT'],
    ['send_message', [{ ...inRoom('x'), type: 'file' }], 'NOT_FOUND'],
    ['chat:typing', [{ chatId: 'GROUP', isTyping: 'yes' }], 'BAD_INPUT'],
    ['chat:read', [{ chatId: 'GROUP', messageId: injected }], 'BAD_INPUT'],
    ['chat:read', [{ chatId: 'GROUP', messageId: '7' }], 'BAD_INPUT'],
    ['chat:edit', [{ messageId: injected, content: 'x' }], 'BAD_INPUT'],
    ['chat:edit', [{ messageId: '7', content: 'x' }], 'NOT_FOUND'],
    ['chat:delete', [{ messageId: [] }], 'BAD_INPUT'],
    ['chat:delete', [{ messageId: '7' }], 'NOT_FOUND'],
    ['chat:sync', [{ conversations: [] }], 'BAD_INPUT'],
    ['chat:sync', [{ conversations: { GROUP: injected } }], 'BAD_INPUT'],
    ['chat:sync', [{ conversations: { GROUP: -1 } }], 'BAD_INPUT'],
    ['chat:sync', [{ conversations: { GROUP: 1.5 } }], 'BAD_INPUT'],
    ['chat:sync', [{ conversations: { GROUP: 'x'.repeat(129) } }], 'BAD_INPUT'],
    ['chat:sync', [{ conversations: { 'no name': 0 } }], 'BAD_INPUT'],
    ['join_room', ['general', 'general'], 'BAD_INPUT'],
    ['join_room', [], 'BAD_INPUT'],
    ['join_room', ['1234567'], 'NOT_FOUND'],
    ['chat:join', [1234567], 'NOT_FOUND'],
  ])('%s %j answers %s', async (event, args, code) => {
    const given = filled(args) as unknown[];
    expect(await ann.raw(event, ...given)).toMatchObject(refusal(code));
    ann.socket.emit(event, ...given);
    expect(await ann.next('error')).toMatchObject({ code, message: expect.any(String), event });
  });

  test.each<[string, string, () => unknown]>([
    ['half a megabyte', 'chat:message', () => ({ chatId: group, content: 'x'.repeat(500_000) })],
    ['a long list', 'chat:join', () => Array(50_000).fill('general')],
    ['a long list of positions', 'chat:sync', () => ({ conversations: Array(100_000).fill(0) })],
    ['a deep one', 'chat:join', () => JSON.parse('['.repeat(3_000) + ']'.repeat(3_000)) as unknown],
  ])('%s is too large', async (_, event, body) => {
    expect(await ann.raw(event, body())).toMatchObject(refusal('TOO_LARGE'));
  });

  test.each(badRefs.map((ref) => [ref]))('%j is the name of nothing', async (ref) => {
    const messageId = filled('MESSAGE');
    for (const [event, body] of [
      ['chat:join', ref],
      ['chat:leave', ref],
      ['chat:message', { chatId: ref, content: 'x' }],
      ['chat:typing', { chatId: ref, isTyping: true }],
      ['chat:read', { chatId: ref, messageId }],
      ['join_channel', { channel_id: ref }],
      ['leave_channel', { channel_id: ref }],
      ['message', { type: 'channel.message', data: { channel_id: ref, text: 'x' } }],
      ['join_room', ref],
      ['leave_room', ref],
      ['send_message', { roomId: ref, content: 'x' }],
      ['typing_start', ref],
      ['typing_stop', ref],
    ] as const) {
      expect(await ann.raw(event, body)).toMatchObject(refusal('BAD_INPUT'));
    }
  });

  test('names of 64 characters, and those that mean something to JavaScript, are names', async () => {
    for (const name of [
      'a'.repeat(64),
      'constructor',
      'toString',
      'hasOwnProperty',
      '.',
      'A:b-c_d.9',
      '0x10',
    ]) {
      expect(await ann.request('join_room', name)).toMatchObject({ success: true, roomId: name });
      expect(await ann.request('send_message', { roomId: name, content: 'x' })).toMatchObject({
        success: true,
        message: { seq: 1 },
      });
      const synced = await ann.request('chat:sync', { conversations: { [name]: 0 } });
      expect(synced).toMatchObject({ success: true, conversations: { [name]: { upTo: 1 } } });
      await ann.request('leave_room', name);
    }
  });

  test('prototype keys change nothing', async () => {
    const conversations = JSON.parse(`{"__proto__": 0, "constructor": 0, "${group}": 0}`) as Record<
      string,
      number
    >;
    const answer = await ann.request('chat:sync', { conversations });
    expect(answer).toMatchObject({ success: true, conversations: { [group]: { upTo: expect.any(Number) } } });
    expect(await ann.raw('chat:message', { chatId: group, content: 'x', ...prototype })).toMatchObject({
      success: true,
    });
    expect(await ann.raw('chat:sync', prototype)).toMatchObject(refusal('BAD_INPUT'));
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test('what names a chat in a wrong way does not go to the match partner', async () => {
    const [carol, dave] = (await cluster.strangers(2)) as [Person, Person];
    await meet(carol, dave);
    for (const chatId of badRefs) {
      expect(await carol.raw('chat:message', { chatId, type: 'text', content: 'for a chat' })).toMatchObject(
        refusal('BAD_INPUT'),
      );
    }
    await carol.request('chat:message', { type: 'text', content: 'for you' });
    expect(await dave.next('chat:message')).toMatchObject({ content: 'for you' });
    await carol.request('user:leave');
    for (const person of [carol, dave]) person.close();
  });

  test('unknown fields are dropped', async () => {
    const given = {
      chatId: group,
      content: 'plain',
      senderId: bob.id,
      seq: 1,
      id: '1',
      type: 'system',
      deleted: true,
    };
    expect(await ann.raw('chat:message', given)).toMatchObject({ success: true });
    expect(await bob.next('chat:message', ({ content }) => content === 'plain')).toMatchObject({
      senderId: ann.id,
      type: 'text',
      deleted: false,
    });
  });
});
