import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { startCluster } from '../harness/topology.ts';
import { http } from '../harness/http.ts';

/** The authentication examples of reference/D-chat-service-backend.md, word for word, on two workers. */

const isoDate = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

let cluster: Cluster;
let token: string;
let userId: number;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
});
afterAll(() => cluster.stop());

test('POST /api/v1/auth/register', async () => {
  const { status, body } = await http(cluster.url, 'POST', '/api/v1/auth/register', {
    body: { username: 'johndoe', email: 'john@example.com', password: 'password123' },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    success: true,
    data: {
      user: {
        id: expect.any(Number),
        username: 'johndoe',
        email: 'john@example.com',
        avatar: null,
        createdAt: isoDate,
      },
      token: expect.stringMatching(/^eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\./),
    },
  });
  expect(body).not.toHaveProperty('message');
  userId = (body as { data: { user: { id: number } } }).data.user.id;
});

test('POST /api/v1/auth/login, and the same account on the other prefix with a string id', async () => {
  const credentials = { email: 'john@example.com', password: 'password123' };
  const { status, body } = await http(cluster.url, 'POST', '/api/v1/auth/login', { body: credentials });
  expect(status).toBe(200);
  expect(body).toMatchObject({ success: true, data: { user: { id: userId, username: 'johndoe' } } });
  token = (body as { data: { token: string } }).data.token;
  expect((await http(cluster.url, 'GET', '/api/v1/auth/me', { token })).body).toMatchObject({
    data: { user: { id: userId } },
  });
  expect((await http(cluster.url, 'GET', '/api/auth/me', { token })).body).toMatchObject({
    data: { user: { id: String(userId) } },
  });
});

test('authenticate upgrades a socket that came without a token', async () => {
  const client = await new TestClient(cluster.url, {}).connected();
  expect(await client.next('connected')).toMatchObject({ user: null, guest: { guest: true } });
  expect(await client.raw('update_status', 'away')).toMatchObject({
    success: false,
    error: { code: 'UNAUTHENTICATED' },
  });
  client.socket.emit('authenticate', { token });
  expect(await client.next('authenticated')).toEqual({ userId });
  expect(await client.raw('update_status', 'away')).toMatchObject({ success: true });
  client.close();
});

test('error has a message', async () => {
  const client = await new TestClient(cluster.url, {}).connected();
  client.socket.emit('authenticate', { token: 'your-jwt-token' });
  expect(await client.next('error')).toMatchObject({
    message: expect.any(String),
    code: 'UNAUTHENTICATED',
    event: 'authenticate',
  });
  client.close();
});
