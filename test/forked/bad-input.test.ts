import { connect } from 'node:net';
import jwt from 'jsonwebtoken';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { meet, say } from '../harness/match.ts';

/** No packet takes a worker down, none changes anything it should not: checked after every test. */

const SECRET = 'a-secret-of-these-tests-that-is-long-enough';

let cluster: Cluster;
let pids: number[];

beforeAll(async () => {
  cluster = await startCluster({ workers: 2, env: { JWT_SECRET: SECRET } });
  pids = [...cluster.workers().values()];
});
afterEach(() => expect([...cluster.workers().values()]).toEqual(pids));
afterAll(() => cluster.stop());

describe('events', () => {
  const injected = { $gt: '' };
  test.each<[string, unknown[], string]>([
    ['user:match', ['video'], 'BAD_INPUT'],
    ['user:match', [{ interests: 'music' }], 'BAD_INPUT'],
    ['user:match', [{ interests: [injected] }], 'BAD_INPUT'],
    ['user:match', [{ mode: injected }], 'BAD_INPUT'],
    ['user:match', [{}, {}], 'BAD_INPUT'],
    ['chat:message', [], 'BAD_INPUT'],
    ['chat:message', [null], 'BAD_INPUT'],
    ['chat:message', [[]], 'BAD_INPUT'],
    ['chat:message', [{ type: 'video', content: 'x' }], 'BAD_INPUT'],
    ['chat:message', [{ type: 'text' }], 'BAD_INPUT'],
    ['chat:message', [{ type: 'text', content: '' }], 'BAD_INPUT'],
    ['chat:message', [{ type: 'text', content: 7 }], 'BAD_INPUT'],
    ['chat:message', [{ type: 'text', content: 'x'.repeat(4001) }], 'TOO_LARGE'],
    ['chat:message', [{ type: 'text', content: 'x'.repeat(500_000) }], 'TOO_LARGE'],
    ['chat:message', [{ type: 'text', content: 'fine' }], 'NOT_MATCHED'],
    ['webrtc:offer', [{ offer: 'sdp' }], 'BAD_INPUT'],
    ['webrtc:offer', [{ offer: { type: 'offer', sdp: 'x'.repeat(65_537) }, type: 'video' }], 'TOO_LARGE'],
    ['webrtc:offer', [{ offer: { type: 'offer', sdp: 'v=0' }, type: 'hologram' }], 'BAD_INPUT'],
    ['webrtc:answer', [{}], 'BAD_INPUT'],
    ['webrtc:ice-candidate', [{ candidate: 5 }], 'BAD_INPUT'],
    ['update_status', [injected], 'BAD_INPUT'],
    ['update_status', ['asleep'], 'BAD_INPUT'],
    ['authenticate', [injected], 'BAD_INPUT'],
    ['authenticate', [{ token: injected }], 'BAD_INPUT'],
    ['user:block', [{ userId: injected }], 'BAD_INPUT'],
    ['user:block', [{ userId: '1' }], 'NOT_FOUND'],
    ['user:report', [{ reason: injected }], 'BAD_INPUT'],
    ['user:report', [{ userId: "1' OR '1'='1", reason: 'spam' }], 'BAD_INPUT'],
    ['no such event', [{}], 'BAD_INPUT'],
    ['__proto__', [{}], 'BAD_INPUT'],
    ['constructor', [], 'BAD_INPUT'],
    ['error', ['boo'], 'BAD_INPUT'],
    ['ping', ['not a function'], 'BAD_INPUT'],
  ])('%s %j answers %s', async (event, args, code) => {
    const ann = await cluster.person();
    expect(await ann.raw(event, ...args)).toMatchObject({
      success: false,
      message: expect.any(String),
      error: { code, message: expect.any(String), retryable: false },
    });
    // Without a callback the same comes as an event.
    ann.socket.emit(event, ...args);
    expect(await ann.next('error')).toMatchObject({ code, message: expect.any(String), event });
    expect(await ann.raw('ping')).toMatchObject({ success: true });
    ann.close();
  });

  test('unknown fields are dropped', async () => {
    const [ann, bob] = await cluster.strangers(2);
    await meet(ann!, bob!);
    await ann!.raw('chat:message', { type: 'text', content: 'hi', from: bob!.id, matchId: '1', admin: true });
    expect(Object.keys(await bob!.next('chat:message')).sort()).toEqual([
      'content',
      'from',
      'matchId',
      'timestamp',
      'type',
    ]);
    await bob!.request('user:leave');
    ann!.close();
    bob!.close();
  });

  test('binary where text belongs', async () => {
    const ann = await cluster.person();
    expect(await ann.raw('chat:message', Buffer.alloc(1000))).toMatchObject({ success: false });
    expect(await ann.raw('update_status', Buffer.from('online'))).toMatchObject({
      error: { code: 'BAD_INPUT' },
    });
    ann.close();
  });

  test('a packet of 10 MB closes that connection and nothing else', async () => {
    const [ann, bob, eve] = await cluster.strangers(3);
    await meet(ann!, bob!);
    const ended = eve!.ended();
    eve!.socket.emit('chat:message', { type: 'text', content: 'x'.repeat(10_000_000) });
    await ended;
    await say(ann!, bob!, 'still here');
    await bob!.request('user:leave');
    for (const person of [ann, bob]) person!.close();
  });

  test('packets that are no Socket.IO', async () => {
    const bob = await cluster.person();
    for (const packet of [
      '4',
      '42',
      '42[',
      '42["user:match"',
      '42{}',
      '429999999999999999999["ping"]',
      '45999-["x"]',
      '47',
      'b!!',
      '42["connect"]',
      '42["disconnect"]',
      '4\u0000',
      '9',
    ]) {
      const ann = await cluster.person();
      const engine = ann.socket.io.engine.transport as unknown as { ws: { send(text: string): void } };
      engine.ws.send(packet);
      ann.close();
    }
    expect(await bob.request('ping')).toMatchObject({ success: true });
    bob.close();
  });
});

describe('tokens', () => {
  test.each([
    ['expired', () => jwt.sign({ sub: '1', sid: '1' }, SECRET, { issuer: 'realtime-chat', expiresIn: -10 })],
    [
      'of another secret',
      () => jwt.sign({ sub: '1', sid: '1' }, 'another-secret', { issuer: 'realtime-chat' }),
    ],
    ['alg none', () => jwt.sign({ sub: '1', sid: '1', iss: 'realtime-chat' }, '', { algorithm: 'none' })],
    [
      'without a session',
      () => jwt.sign({ sub: '1', sid: '999' }, SECRET, { issuer: 'realtime-chat', expiresIn: 60 }),
    ],
    ['no token at all', () => 'your-jwt-token'],
    ['an operator', () => ({ $gt: '' })],
    ['a number', () => 7],
  ])('a token that is %s is refused everywhere', async (_, make) => {
    const token = make();
    const client = new TestClient(cluster.url, { auth: { token } });
    const error = await client.connected().catch((refusal: Error & { data?: object }) => refusal);
    expect(error).toMatchObject({ data: { code: 'UNAUTHENTICATED' } });
    client.close();
    if (typeof token === 'string') {
      expect((await http(cluster.url, 'GET', '/api/auth/me', { token })).status).toBe(401);
      const guest = await new TestClient(cluster.url, {}).connected();
      expect(await guest.request('authenticate', { token })).toMatchObject({
        error: { code: 'UNAUTHENTICATED' },
      });
      guest.close();
    }
  });
});

describe('origins', () => {
  test.each(['websocket', 'polling'] as const)('a foreign page cannot open a %s', async (transport) => {
    const client = new TestClient(cluster.url, {
      transports: [transport],
      extraHeaders: { origin: 'https://evil.example' },
    });
    await expect(client.connected()).rejects.toThrow();
    client.close();
  });

  test.each([
    ['the own page', () => cluster.url],
    ['a listed one', () => 'http://localhost:3000'],
  ])('%s can', async (_, origin) => {
    const client = new TestClient(cluster.url, { extraHeaders: { origin: origin() } });
    await client.connected();
    client.close();
  });
});

describe('routes', () => {
  const ann = { username: 'ann_input', email: 'ann@example.com', password: 'Password123' };
  test.each<[string, unknown, number, string]>([
    ['/api/auth/login', { email: { $gt: '' }, password: { $gt: '' } }, 400, 'BAD_INPUT'],
    ['/api/v1/auth/login', { email: 'ann@example.com', password: { $ne: null } }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, username: { $gt: '' } }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, username: 'a' }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, username: '<script>' }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, email: 'no address' }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, password: 'short1' }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, password: 'onlyletters' }, 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, password: `1${'ä'.repeat(40)}` }, 400, 'BAD_INPUT'],
    ['/api/auth/register', [], 400, 'BAD_INPUT'],
    ['/api/auth/register', '{"username":', 400, 'BAD_INPUT'],
    ['/api/auth/register', { ...ann, filler: 'x'.repeat(200_000) }, 413, 'TOO_LARGE'],
    ['/api/auth/refresh', { refreshToken: { $gt: '' } }, 400, 'BAD_INPUT'],
    ['/api/auth/refresh', { refreshToken: 'x' }, 401, 'UNAUTHENTICATED'],
    ['/api/nothing', {}, 404, 'NOT_FOUND'],
  ])('POST %s %j answers %i', async (path, body, status, code) => {
    const answer = await http(cluster.url, 'POST', path, { body });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ success: false, message: expect.any(String), error: { code } });
    expect((await http(cluster.url, 'GET', '/api/users/stats')).status).toBe(200);
  });

  test('bytes that are no HTTP, on both ports', async () => {
    for (const url of [cluster.url, cluster.httpUrl]) {
      const { hostname, port } = new URL(url);
      const socket = connect(Number(port), hostname);
      socket.end('\u0000\u0001 no http at all\r\n\r\n');
      await new Promise((resolve) => socket.on('close', resolve).on('error', resolve).resume());
      expect((await http(url, 'GET', '/api/live')).status).toBe(200);
    }
  });

  test('Socket.IO on the plain port says where it is', async () => {
    const answer = await http(cluster.httpUrl, 'GET', '/socket.io/?EIO=4&transport=polling');
    expect(answer).toMatchObject({ status: 403, body: { message: expect.stringContaining('sticky') } });
  });
});

test('10 000 events in a second are refused at the hundredth, and others do not notice', async () => {
  const limited = await startCluster({ workers: 2, env: { RATE_LIMIT_SOCKET_MAX: '100' } });
  const [ann, bob, eve] = await limited.strangers(3);
  await meet(ann!, bob!);
  for (let i = 0; i < 10_000; i++) eve!.socket.emit('user:match:cancel');
  expect(await eve!.next('rate_limit_exceeded')).toMatchObject({
    event: 'user:match:cancel',
    retryAfterMs: expect.any(Number),
  });
  expect(await eve!.next('error')).toMatchObject({ code: 'RATE_LIMITED', retryable: true });
  await say(ann!, bob!, 'undisturbed');
  expect(await eve!.raw('ping')).toMatchObject({ success: false, error: { code: 'RATE_LIMITED' } });
  expect(eve!.waiting('rate_limit_exceeded')).toEqual([]);
  expect(eve!.waiting('error')).toEqual([]);
  // Counted per user: a second socket on another worker is refused as well. Calls have their own bucket.
  const tab = await limited.person({ token: eve!.token });
  expect(await tab.raw('ping')).toMatchObject({ error: { code: 'RATE_LIMITED' } });
  expect(await tab.raw('webrtc:hangup')).toMatchObject({ error: { code: 'NOT_MATCHED' } });
  expect(limited.workers().size).toBe(2);
  await limited.stop();
});
