import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';

let cluster: Cluster;
const get = (path: string, options = {}) => http(cluster.url, 'GET', path, options);

beforeAll(async () => {
  cluster = await startCluster({ workers: 2, env: { ADMIN_API_KEY: 'an-api-key-of-these-tests-only' } });
});
afterAll(() => cluster.stop());

describe("health, in the shapes of A's document", () => {
  const megabytes = expect.stringMatching(/^\d+MB$/);

  test.each(['/health', '/api/health'])('%s', async (path) => {
    const { status, body } = await get(path);
    expect(status).toBe(200);
    expect(body).toEqual({
      status: 'healthy',
      timestamp: expect.stringMatching(/Z$/),
      uptime: expect.any(Number),
      connections: { total: 0, discord: 0 },
      memory: { used: megabytes, total: megabytes },
      environment: 'development',
    });
    expect(Number.isInteger((body as { uptime: number }).uptime)).toBe(true);
  });

  test('/api/metrics', async () => {
    expect((await get('/api/metrics')).body).toEqual({
      connections: { total: 0, discord: 0 },
      rooms: { total: 0, channels: 0, activeChannels: [] },
      performance: {
        eventLoopDelay: expect.any(Number),
        cpuUsage: { user: expect.any(Number), system: expect.any(Number) },
      },
    });
  });

  test('/api/status tells which backends are in use', async () => {
    expect((await get('/api/status')).body).toMatchObject({
      status: 'healthy',
      nodeId: 'n1',
      workers: 2,
      state: 'memory',
      storage: 'sqlite',
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
  });

  test('/api/ready and /api/live, on both ports', async () => {
    for (const url of [cluster.url, cluster.httpUrl]) {
      expect(await http(url, 'GET', '/api/ready')).toMatchObject({ status: 200, body: { ready: true } });
      expect(await http(url, 'GET', '/api/live')).toMatchObject({ status: 200, body: { status: 'alive' } });
    }
  });
});

test('statistics count the whole cluster, whichever worker is asked', async () => {
  const [ann, bob] = await cluster.strangers(2);
  const guest = await new TestClient(cluster.url, {}).connected();
  await guest.next('connected');
  await ann!.request('user:match');
  for (let asked = 0; asked < 6; asked++) {
    expect((await get('/api/socket/stats')).body).toMatchObject({
      success: true,
      data: { connections: 3, users: 2, guests: 1, waiting: 1, matches: 0, workers: 2, nodes: 1 },
    });
  }
  expect((await get('/socket-status')).body).toMatchObject({ connections: 3, users: 2 });
  expect((await get('/api/v1/ws/stats')).status).toBe(401);
  expect((await get('/api/v1/ws/stats', { token: bob!.token })).body).toMatchObject({
    success: true,
    data: { connections: 3 },
  });
  for (const client of [ann!, bob!, guest]) client.close();
});

test('every answer has the security headers; scripts may only come from here', async () => {
  for (const path of ['/', '/api/health', '/api/nothing', '/socket.io/?EIO=4&transport=polling']) {
    const { headers } = await get(path);
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('content-security-policy')).not.toContain('unsafe-inline');
    expect(headers.get('x-powered-by')).toBeNull();
  }
});

test('a client that stops reading is closed before it fills the memory', async () => {
  const [ann, bob] = await cluster.strangers(2);
  await ann!.request('user:match');
  await bob!.request('user:match');
  const { ws } = bob!.socket.io.engine.transport as unknown as { ws: { _socket: { pause(): void } } };
  ws._socket.pause();
  const content = 'x'.repeat(4000);
  // Until the server has closed bob and says so.
  let told = false;
  const away = ann!.next('user:partner-away', undefined, 25_000).then(() => (told = true));
  while (!told) {
    await Promise.all(
      Array.from({ length: 200 }, () => ann!.request('chat:message', { type: 'text', content })),
    );
  }
  await away;
  ann!.close();
  bob!.close();
});
