/** nginx.conf, installed as document B says, in front of doubles of the nodes that say what reached them. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { variables } from '../../config/schema.ts';
import { installNginx, ourSite, startNginx, withoutNginx, type Nginx } from '../harness/nginx.ts';

interface Arrival {
  /** `n2`, and `n2+1000` on its plain port. */
  readonly at: string;
  readonly request: IncomingMessage;
  readonly bytes: number;
}

/** A node's port; what it gets is answered 200 with its own name, unless a test says otherwise. */
interface Double {
  readonly port: number;
  readonly server: Server;
  answer: Parameters<typeof createServer>[1] | undefined;
}

const arrivals: Arrival[] = [];
const doubles: Double[] = [];
let nginx: Nginx;

async function startDouble(name: string): Promise<Double> {
  const server = createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk: Buffer) => (bytes += chunk.length));
    request.once('end', () => {
      arrivals.push({ at: name, request, bytes });
      const { answer } = double as { answer?: (...args: unknown[]) => void };
      if (answer) answer(request, response);
      else response.end(name);
    });
  });
  server.on('upgrade', (request, socket) => {
    arrivals.push({ at: name, request, bytes: 0 });
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const double: Double = { server, port: (server.address() as AddressInfo).port, answer: undefined };
  return double;
}

const portsOfDoubles = () =>
  [0, 1, 2].map((node) => ({ port: doubles[2 * node]!.port, httpPort: doubles[2 * node + 1]!.port }));

async function reach(path: string, init?: RequestInit): Promise<{ at: string; status: number }> {
  const response = await fetch(nginx.url + path, init);
  const at = await response.text();
  return { at, status: response.status };
}

const sid = (nodeId: string) => `${nodeId}-`.padEnd(20, 'x');

describe.skipIf(withoutNginx)('nginx.conf', () => {
  beforeAll(async () => {
    for (const node of ['n1', 'n2', 'n3'])
      doubles.push(await startDouble(node), await startDouble(`${node}+1000`));
    nginx = await startNginx({ nodes: portsOfDoubles() });
  });
  beforeEach(() => void (arrivals.length = 0));
  afterEach(() => doubles.forEach((double) => (double.answer = undefined)));
  afterAll(async () => {
    await nginx?.stop();
    for (const { server } of doubles) {
      server.close();
      server.closeAllConnections();
    }
  });

  describe('as document B installs it', () => {
    test('nginx -t accepts it beside the default site, without a warning', async () => {
      const installed = await installNginx({ nodes: [] });
      expect(installed.check.output).toMatch(/test is successful/);
      expect(installed.check.output.split('\n').filter((line) => /\[(warn|emerg)\]/.test(line))).toEqual([]);
      installed.remove();
    });

    test("B's own upstream block can be put in", async () => {
      const block =
        'upstream realtime_chat_backend {\n    server localhost:3001;\n    server localhost:3002;\n    server localhost:3003;\n    least_conn;\n}';
      const edit = (site: string) => site.replace(/upstream realtime_chat_backend \{[^}]*\}/, block);
      expect(edit(ourSite)).toContain(block);
      const edited = await startNginx({ nodes: portsOfDoubles(), edit });
      onTestFinished(() => edited.stop());
      const response = await fetch(`${edited.url}/socket.io/?EIO=4&transport=polling`);
      expect(await response.text()).toMatch(/^n[123]$/);
    });

    test('waits longer for a silent socket than a heartbeat takes', () => {
      const seconds = Number(/location \/socket\.io\/[^}]*proxy_read_timeout (\d+)s/.exec(ourSite)?.[1]);
      const heartbeatMs =
        Number(variables.SOCKET_PING_INTERVAL.default) + Number(variables.SOCKET_PING_TIMEOUT.default);
      expect(seconds * 1000).toBeGreaterThan(heartbeatMs);
    });
  });

  describe('routes', () => {
    test.each(['n1', 'n2', 'n3'])('a session of %s to that node, every time', async (node) => {
      for (let i = 0; i < 6; i++) {
        expect(await reach(`/socket.io/?EIO=4&transport=polling&sid=${sid(node)}`)).toMatchObject({
          at: node,
        });
        expect(
          await reach(`/socket.io/?sid=${sid(node)}&EIO=4`, { method: 'POST', body: 'x' }),
        ).toMatchObject({ at: node });
      }
    });

    test('newcomers, and sessions of nodes that it does not know, to each node in turn', async () => {
      const paths = ['/socket.io/?EIO=4&transport=polling', `/socket.io/?EIO=4&sid=${sid('n10')}`];
      for (const path of paths) {
        const seen = new Set<string>();
        for (let i = 0; i < 9; i++) seen.add((await reach(path)).at);
        expect([...seen].sort(), path).toEqual(['n1', 'n2', 'n3']);
      }
    });

    test('API, uploads and page to the plain ports, on connections that are kept', async () => {
      const paths = [
        '/',
        '/assets/app.js',
        '/api/ready',
        '/health',
        '/uploads/17',
        '/socket-status',
        '/api/v1/auth/me',
      ];
      for (let i = 0; i < 5; i++) {
        for (const path of paths) expect((await reach(path)).at, path).toMatch(/^n[123]\+1000$/);
      }
      expect(new Set(arrivals.map(({ at }) => at))).toEqual(new Set(['n1+1000', 'n2+1000', 'n3+1000']));
      const connections = new Set(arrivals.map(({ request }) => request.socket));
      // Two worker processes, three nodes.
      expect(connections.size).toBeLessThanOrEqual(6);
      expect(arrivals.length).toBe(35);
    });

    test('an upgrade to the sticky port of its session, with the headers of one', async () => {
      const { port } = new URL(nginx.url);
      const upgrade = request({
        host: 'localhost',
        port,
        path: `/socket.io/?EIO=4&transport=websocket&sid=${sid('n3')}`,
        headers: { connection: 'Upgrade', upgrade: 'WebSocket', 'sec-websocket-version': '13' },
      });
      upgrade.end();
      const [response] = (await once(upgrade, 'upgrade')) as [IncomingMessage];
      response.socket.destroy();
      expect(arrivals[0]).toMatchObject({ at: 'n3' });
      expect(arrivals[0]!.request.headers).toMatchObject({ upgrade: 'websocket', connection: 'upgrade' });
    });

    test('no upgrade but WebSocket: curl --http2 asks for h2c', async () => {
      const { port } = new URL(nginx.url);
      const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'x' };
      const asking = request({ host: 'localhost', port, path: '/api/ready', headers }).end();
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(200);
      expect(arrivals[0]!.request.headers.upgrade).toBeUndefined();
    });

    test.each([
      '/metrics',
      '/metrics/',
      '/METRICS',
      '//metrics',
      '/%6detrics',
      '/metrics?x=1',
      '/x/../metrics',
    ])('%s to nobody', async (path) => {
      // fetch() would tidy the path up.
      const { port } = new URL(nginx.url);
      const asking = request({ host: 'localhost', port, path }).end();
      const [response] = (await once(asking, 'response')) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(404);
      expect(arrivals).toEqual([]);
      expect((await reach('/api/metrics')).status).toBe(200);
    });
  });

  describe('headers', () => {
    test('what a client says about addresses is overwritten', async () => {
      const forged = {
        'x-forwarded-for': '203.0.113.9',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'evil.example',
      };
      for (const path of ['/api/ready', '/socket.io/?EIO=4', '/', '/api/upload/file'])
        await reach(path, { headers: forged });
      expect(arrivals).toHaveLength(4);
      for (const { request } of arrivals) {
        expect(request.headers['x-forwarded-for']).toMatch(/^(127\.0\.0\.1|::1)$/);
        expect(request.headers['x-forwarded-proto']).toBe('http');
        expect(request.headers['x-forwarded-host']).toBeUndefined();
        expect(request.headers.host).toBe(new URL(nginx.url).host);
      }
    });
  });

  describe('bodies', () => {
    test('an upload reaches the plain port in one go, however slow its sender is', async () => {
      const { port } = new URL(nginx.url);
      const sender = connect(Number(port), 'localhost');
      await once(sender, 'connect');
      sender.write(
        'POST /api/upload/file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n',
      );
      let isSent = false;
      const reached = new Promise<boolean>((resolve) => {
        for (const { server } of doubles) server.once('request', () => resolve(isSent));
      });
      const half = 'x'.repeat(100_000);
      await new Promise<void>((resolve) => sender.write(half, () => resolve()));
      // What would be relayed at once has a second to arrive.
      await Promise.race([reached, new Promise((resolve) => setTimeout(resolve, 1_000))]);
      isSent = true;
      sender.write(half);
      expect(await reached).toBe(true);
      sender.resume();
      await once(sender, 'close');
      expect(arrivals.filter(({ bytes }) => bytes === 200_000).map(({ at }) => at)).toEqual([
        expect.stringMatching(/\+1000$/) as string,
      ]);
    });

    test.each([
      ['/api/upload/file', Number(variables.MAX_FILE_SIZE.default) + 100_000, 12_000_000],
      ['/api/v1/upload/voice', Number(variables.MAX_FILE_SIZE.default) + 100_000, 12_000_000],
      ['/api/auth/register', 1_000_000, 1_100_000],
      [`/socket.io/?EIO=4&sid=${sid('n2')}`, 1_000_000, 1_100_000],
    ])('%s takes %i bytes and not %i', async (path, fits, tooLarge) => {
      const post = (bytes: number) =>
        fetch(nginx.url + path, { method: 'POST', body: new Uint8Array(bytes) });
      expect((await post(fits)).status).toBe(200);
      const refused = await post(tooLarge);
      expect(refused.status).toBe(413);
      expect(arrivals.map(({ bytes }) => bytes)).toEqual([fits]);
      if (!path.startsWith('/api/')) return;
      expect(await refused.json()).toMatchObject({
        success: false,
        error: { code: 'TOO_LARGE', retryable: false },
      });
    });

    test("what a session's client does not read waits at its node, which can see that, and not here", async () => {
      const megabytes = 20;
      let isTaken = false;
      doubles[0]!.answer = (_request, response) => {
        response.once('finish', () => (isTaken = true));
        response.end(Buffer.alloc(megabytes * 1_000_000));
      };
      const { port } = new URL(nginx.url);
      const reader = connect(Number(port), 'localhost');
      await once(reader, 'connect');
      reader.write(
        `GET /socket.io/?EIO=4&sid=${sid('n1')} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      );
      await expect.poll(() => arrivals.length).toBe(1);
      // Taking it all in needs 50 ms.
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(isTaken).toBe(false);
      reader.resume();
      await once(reader, 'close');
      expect(isTaken).toBe(true);
    });
  });

  describe('a node that fails', () => {
    test('a newcomer whose node is stopping (503) comes to the next one', async () => {
      doubles[0]!.answer = doubles[2]!.answer = (_request, response) => void response.writeHead(503).end();
      for (let i = 0; i < 10; i++)
        expect(await reach('/socket.io/?EIO=4&transport=polling')).toEqual({ at: 'n3', status: 200 });
    });

    test('a node that was away takes part again soon: a roll over all of them leaves somebody', async () => {
      const destroy: Double['answer'] = (request) => void request.socket.destroy();
      doubles[0]!.answer = doubles[2]!.answer = destroy;
      for (let i = 0; i < 20; i++) expect((await reach('/socket.io/?EIO=4')).at).toBe('n3');
      doubles[0]!.answer = doubles[2]!.answer = undefined;
      // About as long as a node takes to start. Nginx counts whole seconds: fail_timeout=1s may last for almost two.
      await new Promise((resolve) => setTimeout(resolve, 2_100));
      doubles[4]!.answer = destroy;
      for (let i = 0; i < 20; i++) expect((await reach('/socket.io/?EIO=4')).at).toMatch(/^n[12]$/);
    });

    test('a session is not sent to another node', async () => {
      doubles[2]!.answer = (_request, response) => void response.writeHead(503).end();
      expect((await reach(`/socket.io/?EIO=4&sid=${sid('n2')}`)).status).toBe(503);
      expect(arrivals.map(({ at }) => at)).toEqual(['n2']);
    });

    test("an answer of the API's own (503) is passed on as it is", async () => {
      for (const index of [1, 3, 5])
        doubles[index]!.answer = (_request, response) => void response.writeHead(503).end('mine');
      for (let i = 0; i < 20; i++)
        expect(await reach('/api/users/online')).toEqual({ at: 'mine', status: 503 });
      expect(arrivals).toHaveLength(20);
    });

    test('a request that may have been carried out is not repeated', async () => {
      for (const index of [1, 3, 5]) doubles[index]!.answer = (request) => void request.socket.destroy();
      const response = await fetch(`${nginx.url}/api/auth/register`, { method: 'POST', body: '{}' });
      expect(response.status).toBe(503);
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await response.json()).toMatchObject({
        success: false,
        error: { code: 'UNAVAILABLE', retryable: true },
      });
      expect(arrivals).toHaveLength(1);
    });

    test('a read-only one is', async () => {
      const separate = await startNginx({ nodes: portsOfDoubles() });
      onTestFinished(() => separate.stop());
      doubles[1]!.answer = doubles[3]!.answer = (request) => void request.socket.destroy();
      for (let i = 0; i < 10; i++) {
        const response = await fetch(`${separate.url}/api/users/online`);
        expect(await response.text()).toBe('n3+1000');
      }
    });
  });
});
