import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { startCluster } from '../harness/topology.ts';
import { http } from '../harness/http.ts';

/** The connection, authentication and status examples of reference/E-nexus-socketio-guide.md, word for word, on two workers. */

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
});
afterAll(() => cluster.stop());

test('authenticate(token, callback)', async () => {
  const ann = await cluster.person();
  const socket = new TestClient(cluster.url, {});
  await socket.connected();
  const response = await new Promise((resolve) => socket.socket.emit('authenticate', ann.token, resolve));
  expect(response).toMatchObject({ success: true, user: { id: ann.id, username: ann.username } });
  const refused = await new Promise((resolve) =>
    socket.socket.emit('authenticate', 'your-jwt-token', resolve),
  );
  expect(refused).toMatchObject({ success: false, error: { code: 'UNAUTHENTICATED' } });
  socket.close();
});

test('Basic Client Connection: the token is optional, and connected welcomes', async () => {
  const ann = await cluster.person();
  const withToken = await new TestClient(cluster.url, { auth: { token: ann.token } }).connected();
  const welcome = await withToken.next('connected');
  expect(welcome).toMatchObject({
    socketId: withToken.socket.id,
    user: { id: ann.id },
    nodeId: expect.stringMatching(/^n[12]$/),
  });
  expect(await withToken.next('connection:established')).toEqual(welcome);
  withToken.close();

  const guest = await new TestClient(cluster.url, {}).connected();
  const greeting = await guest.next('connected');
  expect(greeting).toMatchObject({
    user: null,
    guest: {
      userId: expect.stringMatching(/^guest:[0-9]+$/),
      username: expect.stringMatching(/^Guest-/),
      guest: true,
    },
  });
  expect(greeting.guest!.userId).not.toContain(guest.socket.id);
  guest.close();
});

test('ping(callback)', async () => {
  const guest = await new TestClient(cluster.url, {}).connected();
  expect(await new Promise((resolve) => guest.socket.emit('ping', resolve))).toMatchObject({ success: true });
  guest.close();
});

test('update_status reaches the own sockets and the current partner on another worker, and outlives a reconnect', async () => {
  const [ann, bob] = await cluster.strangers(2);
  await ann!.request('user:match');
  await bob!.request('user:match');
  await bob!.next('user:matched');

  ann!.socket.emit('update_status', 'busy');
  expect(await ann!.next('user_updated')).toMatchObject({ userId: ann!.id, status: 'busy' });
  expect(await bob!.next('user_updated')).toMatchObject({ userId: ann!.id, status: 'busy' });

  ann!.socket.emit('update_status', 'offline');
  expect(await bob!.next('user_offline')).toBe(ann!.id);
  ann!.socket.emit('update_status', 'online');
  expect(await bob!.next('user_online')).toBe(ann!.id);

  await ann!.request('update_status', 'away');
  const me = await http(cluster.url, 'GET', '/api/auth/me', { token: ann!.token });
  expect(me.body).toMatchObject({ data: { user: { status: 'away', isOnline: true } } });
  const again = await new TestClient(cluster.url, { auth: { token: ann!.token } }).connected();
  expect((await again.next('connected')).user).toMatchObject({ status: 'away' });
  again.close();
});

test('a partner who goes is told of as offline after five seconds', async () => {
  const [ann, bob] = await cluster.strangers(2);
  await ann!.request('user:match');
  await bob!.request('user:match');
  await bob!.next('user:matched');
  ann!.close();
  await bob!.next('user:partner-away');
  expect(await bob!.next('user_offline')).toBe(ann!.id);
});

test('health checks', async () => {
  expect(await http(cluster.url, 'GET', '/health')).toMatchObject({
    status: 200,
    body: { status: 'healthy' },
  });
  expect(await http(cluster.url, 'GET', '/socket-status')).toMatchObject({
    status: 200,
    body: { connections: expect.any(Number), users: expect.any(Number) },
  });
});
