import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { startCluster } from '../harness/topology.ts';
import { http } from '../harness/http.ts';
import type { Person } from '../harness/person.ts';

/** The examples of reference/B-random-chat-backend.md, word for word, against two workers with one user on each. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
const id = expect.stringMatching(/^[0-9]+$/);

interface Registered {
  data: { token: string; user: { id: string } };
}

let cluster: Cluster;
let john: Person;
let test_: Person;
let johnToken: string;

const get = (path: string, token?: string) =>
  http(cluster.url, 'GET', path, token === undefined ? {} : { token });
const post = (path: string, body: unknown, token?: string) =>
  http(cluster.url, 'POST', path, { body, ...(token !== undefined && { token }) });

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
});
afterAll(() => cluster.stop());

describe('authentication endpoints', () => {
  test('Register User', async () => {
    const { status, body } = await post('/api/auth/register', {
      username: 'john_doe',
      email: 'john@example.com',
      password: 'Password123',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      success: true,
      message: 'User registered successfully',
      data: {
        token: expect.stringMatching(/^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\./),
        user: { id, username: 'john_doe', email: 'john@example.com', isOnline: false, createdAt: isoDate },
      },
    });
  });

  test('Login User', async () => {
    const { status, body } = await post('/api/auth/login', {
      email: 'john@example.com',
      password: 'Password123',
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, data: { user: { username: 'john_doe' } } });
    johnToken = (body as Registered).data.token;
  });

  test('Get Current User', async () => {
    const { status, body } = await get('/api/auth/me', johnToken);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      success: true,
      message: expect.any(String),
      data: { user: { username: 'john_doe', email: 'john@example.com', isOnline: false, lastSeen: isoDate } },
    });
    expect(await get('/api/auth/me')).toMatchObject({
      status: 401,
      body: {
        success: false,
        message: expect.any(String),
        error: { code: 'UNAUTHENTICATED', retryable: false },
      },
    });
  });

  test('the Manual Testing section registers with curl', async () => {
    const { status, body } = await http(cluster.url, 'POST', '/api/auth/register', {
      body: '{"username":"testuser","email":"test@example.com","password":"Password123"}',
      headers: { 'content-type': 'application/json' },
    });
    expect(status).toBe(201);
    const { token } = (body as Registered).data;
    john = await cluster.person({ token: johnToken });
    test_ = await cluster.person({ token });
    if (test_.workerId === john.workerId) await test_.moveAway();
    expect(test_.workerId).not.toBe(john.workerId);
  });
});

describe('user endpoints', () => {
  const inList = (username: string) => ({ id, username, avatar: null });

  test('Get Online Users', async () => {
    const { status, body } = await get('/api/users/online', johnToken);
    expect(status).toBe(200);
    expect(body).toEqual({
      success: true,
      message: expect.any(String),
      data: { users: expect.arrayContaining([inList('john_doe'), inList('testuser')]), count: 2 },
    });
    expect((await get('/api/users/online')).status).toBe(401);
  });

  test('Get Available Users for Matching', async () => {
    const { body } = await get('/api/users/available', johnToken);
    expect(body).toMatchObject({ success: true, data: { users: [inList('testuser')], count: 1 } });
  });

  test('Update Device Information', async () => {
    const { status, body } = await post(
      '/api/users/device',
      { deviceId: 'unique-device-identifier' },
      johnToken,
    );
    expect(status).toBe(200);
    expect(body).toMatchObject({ success: true, data: { deviceId: 'unique-device-identifier' } });
  });

  test('Get User Statistics', async () => {
    const { body } = await get('/api/users/stats');
    expect(body).toMatchObject({
      success: true,
      data: { totalUsers: 2, onlineUsers: 2, waitingUsers: 0, activeMatches: 0 },
    });
  });
});

describe('Socket.IO events, the two users on different workers', () => {
  const rtcSessionDescription = {
    type: 'offer' as const,
    sdp: 'v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n',
  };
  const rtcIceCandidate = {
    candidate: 'candidate:842163049 1 udp 1677729535 192.0.2.7 46154 typ srflx raddr 0.0.0.0 rport 0',
    sdpMid: '0',
    sdpMLineIndex: 0,
  };
  let matchId: string;

  test('User Matching', async () => {
    john.socket.emit('user:match');
    await john.settled();
    test_.socket.emit('user:match');
    const [johns, tests] = await Promise.all([john.next('user:matched'), test_.next('user:matched')]);
    expect(johns.matchedUser).toEqual({ id: test_.id, username: 'testuser', avatar: null });
    expect(tests.matchedUser).toEqual({ id: john.id, username: 'john_doe', avatar: null });
    expect(johns.matchId).toBe(tests.matchId);
    expect([johns.initiator, tests.initiator].filter(Boolean)).toHaveLength(1);
    matchId = johns.matchId;
  });

  test('a matched user is not available', async () => {
    const { body } = await get('/api/users/available', johnToken);
    expect(body).toMatchObject({ data: { users: [], count: 0 } });
    expect((await get('/api/users/stats')).body).toMatchObject({
      data: { waitingUsers: 0, activeMatches: 1 },
    });
  });

  test('Send Chat Message reaches the partner and has no echo', async () => {
    const timestamp = new Date().toISOString();
    john.socket.emit('chat:message', { type: 'text', content: 'Hello World!', timestamp });
    expect(await test_.next('chat:message')).toEqual({
      type: 'text',
      content: 'Hello World!',
      timestamp,
      from: john.id,
      matchId,
    });
    await john.settled();
    expect(john.waiting('chat:message')).toEqual([]);
  });

  test.each(['file', 'voice'] as const)(
    'a message of type %s keeps the form of its content',
    async (type) => {
      const content = { url: '/uploads/1', name: 'photo.jpg', size: 12 };
      test_.socket.emit('chat:message', { type, content });
      expect(await john.next('chat:message')).toMatchObject({
        type,
        content,
        from: test_.id,
        timestamp: isoDate,
      });
    },
  );

  test('Clear Chat', async () => {
    john.socket.emit('chat:clear');
    expect(await test_.next('chat:clear')).toEqual({ matchId, from: john.id });
  });

  test('WebRTC Signaling', async () => {
    john.socket.emit('webrtc:offer', { offer: rtcSessionDescription, type: 'video' });
    expect(await test_.next('webrtc:offer')).toEqual({
      offer: rtcSessionDescription,
      type: 'video',
      from: john.id,
      matchId,
    });
    const answer = { ...rtcSessionDescription, type: 'answer' };
    test_.socket.emit('webrtc:answer', { answer });
    expect(await john.next('webrtc:answer')).toEqual({ answer, from: test_.id, matchId });
    john.socket.emit('webrtc:ice-candidate', { candidate: rtcIceCandidate });
    expect(await test_.next('webrtc:ice-candidate')).toEqual({
      candidate: rtcIceCandidate,
      from: john.id,
      matchId,
    });
    john.socket.emit('webrtc:ice-candidate', { candidate: null });
    expect(await test_.next('webrtc:ice-candidate')).toEqual({ candidate: null, from: john.id, matchId });
  });

  test('user:match while matched skips, and the partner is told', async () => {
    john.socket.emit('user:match');
    expect(await test_.next('user:unmatched')).toEqual({ matchId, reason: 'skipped' });
    test_.socket.emit('chat:message', { type: 'text', content: 'still there?' });
    expect(await test_.next('error')).toMatchObject({ code: 'NOT_MATCHED', event: 'chat:message' });
  });
});

describe('monitoring', () => {
  test('curl /api/socket/stats and /health', async () => {
    expect(await get('/api/socket/stats')).toMatchObject({
      status: 200,
      body: { success: true, data: { connections: 2, users: 2, workers: cluster.workers().size } },
    });
    expect(await get('/health')).toMatchObject({
      status: 200,
      body: { status: 'healthy', connections: { total: 2 } },
    });
  });

  test('an address is never shown to others', async () => {
    const seen = JSON.stringify([
      (await get('/api/users/online', johnToken)).body,
      (await get('/api/users/available', johnToken)).body,
    ]);
    expect(seen).not.toContain('@');
  });
});
