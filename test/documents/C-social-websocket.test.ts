import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PushBody } from '../../src/contract.ts';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { overtaken } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** The chat events and the example of reference/C-social-websocket-server.md, word for word, the users on different workers. */

type ChatMessage = Extract<PushBody<'chat:message'>, { chatId: string }>;

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^[0-9]+$/);

let cluster: Cluster;
let ann: Person;
let bob: Person;

const said = (person: Person, content: string) =>
  person.next('chat:message', (message) => message.content === content) as Promise<ChatMessage>;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
});
afterAll(() => cluster.stop());

test('Client Connection Example: everything is emitted before the connection is there', async () => {
  await bob.request('chat:join', 'chat-id-123');
  const socket = io(cluster.url, { auth: { token: ann.token }, forceNew: true });
  const errors: unknown[] = [];
  const messages: unknown[] = [];
  const connected = new Promise((resolve) => socket.on('connect', () => resolve(true)));
  socket.on('error', (error) => errors.push(error));
  socket.emit('chat:join', 'chat-id-123');
  const heard = new Promise((resolve) =>
    socket.on('chat:message', (message) => {
      messages.push(message);
      resolve(true);
    }),
  );
  socket.emit('chat:message', { chatId: 'chat-id-123', content: 'Hello, world!' });
  await Promise.all([connected, heard]);

  const expected = {
    id,
    seq: 1,
    chatId: 'chat-id-123',
    type: 'text',
    content: 'Hello, world!',
    url: null,
    fileName: null,
    senderId: ann.id,
    sender: { id: ann.id, username: ann.username, avatar: null },
    createdAt: isoDate,
    editedAt: null,
    deleted: false,
    upload: null,
    reactions: [],
  };
  expect(messages).toEqual([expected]);
  expect(await said(bob, 'Hello, world!')).toEqual(expected);
  expect(errors).toEqual([]);
  socket.close();
});

test('a token that is none is refused', async () => {
  const socket = io(cluster.url, { auth: { token: 'your-jwt-token' }, forceNew: true });
  const error = await new Promise((resolve) => socket.on('connect_error', resolve));
  expect(error).toMatchObject({ data: { code: 'UNAUTHENTICATED' } });
  socket.close();
});

test('authentication is required: a socket without a token may not', async () => {
  const guest = await new TestClient(cluster.url, {}).connected();
  const events: [string, unknown][] = [
    ['chat:join', 'chat-id-123'],
    ['chat:leave', 'chat-id-123'],
    ['chat:message', { chatId: 'chat-id-123', content: 'Hello, world!' }],
    ['chat:typing', { chatId: 'chat-id-123', isTyping: true }],
    ['chat:read', { chatId: 'chat-id-123', messageId: '1' }],
    ['chat:reaction', { messageId: '1', reaction: '👍' }],
  ];
  for (const [event, body] of events) {
    expect(await guest.raw(event, body)).toMatchObject({
      success: false,
      error: { code: 'UNAUTHENTICATED' },
    });
    guest.socket.emit(event, body);
    expect(await guest.next('error')).toMatchObject({ code: 'UNAUTHENTICATED', event });
  }
  guest.close();
});

describe('chat events', () => {
  let first: ChatMessage;
  let second: ChatMessage;

  test('chat:join is confirmed by chat:joined', async () => {
    const confirmed = { chatId: 'plans', type: 'public', name: 'plans', lastSeq: 0, floor: 0 };
    ann.socket.emit('chat:join', 'plans');
    expect(await ann.next('chat:joined', ({ chatId }) => chatId === 'plans')).toEqual({
      ...confirmed,
      epoch: expect.any(String),
      readSeq: 0,
    });
    // With a callback that answers the same.
    expect(await bob.request('chat:join', 'plans')).toMatchObject({ success: true, ...confirmed });
    expect(await bob.next('chat:joined', ({ chatId }) => chatId === 'plans')).toMatchObject(confirmed);
  });

  test('chat:message: to the whole chat, the sender too, with tempId, id and seq', async () => {
    ann.socket.emit('chat:message', { chatId: 'plans', content: 'one', tempId: 'temp-1' });
    [first] = await Promise.all([said(bob, 'one'), said(ann, 'one')]);
    expect(first).toMatchObject({ id, seq: 1, chatId: 'plans', tempId: 'temp-1', senderId: ann.id });

    const answer = await bob.request('chat:message', { chatId: 'plans', content: 'two', tempId: 'temp-2' });
    second = await said(ann, 'two');
    expect(answer).toEqual({
      success: true,
      chatId: 'plans',
      id: second.id,
      seq: 2,
      tempId: 'temp-2',
      message: second,
    });
    expect(await said(bob, 'two')).toEqual(second);
  });

  test('chat:message without tempId: two equal texts are two messages', async () => {
    for (const seq of [3, 4]) {
      ann.socket.emit('chat:message', { chatId: 'plans', content: 'equal' });
      expect(await said(bob, 'equal')).toMatchObject({ seq });
    }
    await overtaken(ann, ann, bob);
    expect(bob.waiting('chat:message')).toEqual([]);
  });

  test('chat:typing reaches the others', async () => {
    for (const isTyping of [true, false]) {
      ann.socket.emit('chat:typing', { chatId: 'plans', isTyping });
      expect(await bob.next('chat:typing')).toEqual({
        chatId: 'plans',
        userId: ann.id,
        username: ann.username,
        isTyping,
      });
    }
    await overtaken(bob, ann);
    expect(ann.waiting('chat:typing')).toEqual([]);
  });

  test('chat:read moves forward only', async () => {
    bob.socket.emit('chat:read', { chatId: 'plans', messageId: second.id });
    expect(await ann.next('chat:read')).toEqual({
      chatId: 'plans',
      userId: bob.id,
      messageId: second.id,
      seq: 2,
    });
    expect(await bob.request('chat:read', { chatId: 'plans', messageId: first.id })).toEqual({
      success: true,
      readSeq: 2,
    });
    await overtaken(bob, ann);
    expect(ann.waiting('chat:read')).toEqual([]);
    expect(await bob.request('chat:join', 'plans')).toMatchObject({ readSeq: 2 });
    await bob.next('chat:joined', ({ chatId }) => chatId === 'plans');
  });

  test('chat:reaction: the same twice is one, chat:reaction:remove removes', async () => {
    const place = { chatId: 'plans', messageId: first.id, seq: 1, userId: bob.id, reaction: '👍' };
    const given = [{ reaction: '👍', count: 1, userIds: [bob.id] }];
    bob.socket.emit('chat:reaction', { messageId: first.id, reaction: '👍' });
    expect(await ann.next('chat:reaction')).toEqual({ ...place, reactions: given });
    expect(await bob.request('chat:reaction', { messageId: first.id, reaction: '👍' })).toEqual({
      success: true,
      reactions: given,
    });
    await overtaken(bob, ann);
    expect(ann.waiting('chat:reaction')).toEqual([]);

    bob.socket.emit('chat:reaction:remove', { messageId: first.id, reaction: '👍' });
    expect(await ann.next('chat:reaction:remove')).toEqual({ ...place, reactions: [] });
    expect(await bob.request('chat:reaction:remove', { messageId: first.id, reaction: '👍' })).toEqual({
      success: true,
      reactions: [],
    });
  });

  test('chat:leave: hears no more', async () => {
    bob.socket.emit('chat:leave', 'plans');
    await bob.settled();
    await ann.request('chat:message', { chatId: 'plans', content: 'who is here?' });
    await overtaken(ann, ann, bob);
    expect(bob.waiting('chat:message')).toEqual([]);
    expect(await said(ann, 'who is here?')).toMatchObject({ seq: 5 });
  });

  test('rooms must be joined again after a reconnect', async () => {
    await bob.request('chat:join', 'plans');
    bob.socket.disconnect().connect();
    await bob.connected();
    await ann.request('chat:message', { chatId: 'plans', content: 'while away' });
    await overtaken(ann, bob);
    expect(bob.waiting('chat:message')).toEqual([]);
    expect(await bob.request('chat:join', 'plans')).toMatchObject({ success: true });
    await ann.request('chat:message', { chatId: 'plans', content: 'back' });
    expect(await said(bob, 'back')).toMatchObject({ senderId: ann.id });
  });
});

describe('one event, two documents (CONTRACT 4)', () => {
  test('without chatId and without a partner it is NOT_MATCHED, anything else is BAD_INPUT', async () => {
    ann.socket.emit('chat:message', { type: 'text', content: 'Hello World!' });
    expect(await ann.next('error')).toMatchObject({ code: 'NOT_MATCHED', event: 'chat:message' });
    ann.socket.emit('chat:message', { content: 'Hello World!' });
    expect(await ann.next('error')).toMatchObject({ code: 'BAD_INPUT', event: 'chat:message' });
  });

  test('the id is a string or a number, and both mean the same chat', async () => {
    const { channel_id: number } = (await ann.request('join_channel', { channel_id: 'plans' })) as {
      channel_id: number;
    };
    for (const chatId of [number, String(number), 'plans']) {
      await ann.request('chat:message', { chatId, content: `to ${typeof chatId} ${chatId}` });
      expect(await said(bob, `to ${typeof chatId} ${chatId}`)).toMatchObject({ chatId: 'plans' });
    }
  });
});
