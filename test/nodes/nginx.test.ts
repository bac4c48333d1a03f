/** Real clients, real Nginx, real nodes. The nodes are independent (embedded), which is all that routing needs. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { installNginx, portsOf, startNginx, withoutNginx, type Nginx } from '../harness/nginx.ts';

const CLIENTS = 100;
const PINGS = 5;
const GUEST_LIMIT = 9;

const transports = {
  polling: ['polling'],
  'polling, then websocket': ['polling', 'websocket'],
  websocket: ['websocket'],
} as const;
type Transports = (typeof transports)[keyof typeof transports];

interface Visit {
  readonly nodeId: string;
  readonly transport: string;
  /** Everything that was not clean: errors, disconnections, missing acknowledgements. */
  readonly troubles: string[];
}

/** A client connects, asks a few times, and leaves. */
async function visit(url: string, wanted: Transports): Promise<Visit> {
  const socket = io(url, { forceNew: true, transports: [...wanted], reconnection: true });
  const troubles: string[] = [];
  socket.on('connect_error', (error) => troubles.push(`connect_error ${error.message}`));
  socket.on('disconnect', (reason) => troubles.push(`disconnect ${reason}`));
  const upgraded = wanted.length === 1 ? Promise.resolve() : upgradeOf(socket);
  const nodeId = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no greeting; ${troubles.join(', ')}`)), 20_000);
    socket.once('connected', (greeting: { nodeId: string }) => {
      clearTimeout(timer);
      resolve(greeting.nodeId);
    });
  });
  await upgraded;
  for (let i = 0; i < PINGS; i++) {
    const answer = await socket
      .timeout(10_000)
      .emitWithAck('ping')
      .catch((error: Error) => error);
    if (answer instanceof Error || !(answer as { success: boolean }).success) troubles.push('no answer');
  }
  const transport = socket.io.engine.transport.name;
  socket.off('disconnect');
  socket.close();
  return { nodeId, transport, troubles };
}

function upgradeOf(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('not upgraded')), 20_000);
    socket.io.once('open', () =>
      socket.io.engine.once('upgrade', () => {
        clearTimeout(timer);
        resolve();
      }),
    );
  });
}

const crowd = (url: string, wanted: Transports) =>
  Promise.all(Array.from({ length: CLIENTS }, () => visit(url, wanted)));

describe.skipIf(withoutNginx)('through Nginx', () => {
  describe('to one node', () => {
    let node: Cluster;
    let nginx: Nginx;
    beforeAll(async () => {
      node = await startCluster({ env: { RATE_LIMIT_GUEST_MAX: String(GUEST_LIMIT) } });
      nginx = await startNginx({ nodes: [portsOf(node)] });
    });
    afterAll(async () => {
      await nginx?.stop();
      expect(await node?.stop()).toBe(0);
    });

    test.each(Object.entries(transports))(`${CLIENTS} clients with %s are clean`, async (_name, wanted) => {
      const visits = await crowd(nginx.url, wanted);
      expect(visits.flatMap(({ troubles }) => troubles)).toEqual([]);
      expect(new Set(visits.map(({ transport }) => transport))).toEqual(new Set([wanted.at(-1)]));
    });

    test("the page's own origin may connect, another may not", async () => {
      const polled = (origin: string) =>
        fetch(`${nginx.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
      expect((await polled(nginx.url)).status).toBe(200);
      expect((await polled('http://evil.example')).status).toBe(403);
      const page = await fetch(nginx.url);
      expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
    });

    test('a forged X-Forwarded-For does not get around a rate limit', async () => {
      const guest = (i: number) =>
        http(nginx.url, 'POST', '/api/auth/guest', {
          body: {},
          headers: {
            'x-forwarded-for': `203.0.113.${i}`,
            'x-real-ip': `203.0.113.${i}`,
            forwarded: `for=203.0.113.${i}`,
          },
        });
      const statuses: number[] = [];
      for (let i = 0; i < GUEST_LIMIT + 2; i++) statuses.push((await guest(i)).status);
      expect(statuses.slice(0, GUEST_LIMIT)).toEqual(Array<number>(GUEST_LIMIT).fill(201));
      expect(statuses.slice(GUEST_LIMIT)).toEqual([429, 429]);
    });

    test('TLS as nginx.conf prepares it: pages, sockets, and http sent there', async () => {
      const home = mkdtempSync(join(tmpdir(), 'realtime-chat-tls-'));
      onTestFinished(() => rmSync(home, { recursive: true }));
      const [certificate, key] = [join(home, 'cert.pem'), join(home, 'key.pem')];
      const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost', '-days', '1'];
      const files = ['-keyout', key, '-out', certificate];
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files], {
        stdio: 'ignore',
      });
      // What the comment in nginx.conf tells to do.
      const edit = (site: string) =>
        site
          .replaceAll('#tls ', '')
          .replace('/etc/ssl/certs/realtime-chat.pem', certificate)
          .replace('/etc/ssl/private/realtime-chat.key', key);
      const installed = await installNginx({ nodes: [portsOf(node)], edit });
      expect(installed.check.output).toMatch(/test is successful/);
      expect(installed.check.output).not.toMatch(/\[warn\]/);
      const secure = await installed.start();
      onTestFinished(() => secure.stop());

      const redirect = await fetch(`${secure.url}/api/ready?x=1`, { redirect: 'manual' });
      expect([redirect.status, redirect.headers.get('location')]).toEqual([
        301,
        `${secure.httpsUrl}/api/ready?x=1`,
      ]);
      const status = await new Promise((resolve, reject) => {
        const asking = request(`${secure.httpsUrl}/api/ready`, { rejectUnauthorized: false }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asking.once('error', reject).end();
      });
      expect(status).toBe(200);
      const socket = io(secure.httpsUrl, {
        forceNew: true,
        transports: ['websocket'],
        rejectUnauthorized: false,
        extraHeaders: { origin: secure.httpsUrl },
      });
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('connect_error', reject);
      });
      socket.close();
    });
  });

  describe('to three nodes', () => {
    let nodes: Cluster[];
    let nginx: Nginx;
    const started: Cluster[] = [];

    async function startNode(nodeId: string, env: Record<string, string> = {}): Promise<Cluster> {
      const node = await startCluster({ workers: 2, env: { NODE_ID: nodeId, ...env } });
      started.push(node);
      return node;
    }
    async function replaceNode(index: number) {
      const { port, httpPort } = portsOf(nodes[index]!);
      nodes[index] = await startNode(`n${index + 1}`, { PORT: String(port), HTTP_PORT: String(httpPort) });
    }

    beforeAll(async () => {
      nodes = await Promise.all(['n1', 'n2', 'n3'].map((nodeId) => startNode(nodeId)));
      nginx = await startNginx({ nodes: nodes.map(portsOf) });
    });
    afterAll(async () => {
      await nginx?.stop();
      await Promise.all(started.map((node) => node.stop()));
    });
    const open: Socket[] = [];
    afterEach(() => open.splice(0).forEach((socket) => socket.close()));

    test.each(Object.entries(transports))(
      `${CLIENTS} clients with %s are clean, and spread`,
      async (_name, wanted) => {
        const visits = await crowd(nginx.url, wanted);
        expect(visits.flatMap(({ troubles }) => troubles)).toEqual([]);
        const counts = ['n1', 'n2', 'n3'].map((id) => visits.filter(({ nodeId }) => nodeId === id).length);
        expect(Math.min(...counts), counts.join(' ')).toBeGreaterThan(CLIENTS / 6);
      },
    );

    test('a node that stops in order refuses nobody: newcomers come to the others', async () => {
      // So many that sending them away takes a while (500 a second), in which newcomers are answered 503.
      await Promise.all(
        Array.from({ length: 400 }, async () => {
          const socket = io(nodes[1]!.url, {
            forceNew: true,
            transports: ['websocket'],
            reconnection: false,
          });
          open.push(socket);
          await new Promise<void>((resolve) => socket.once('connect', resolve));
        }),
      );

      let stopped = false;
      const stopping = nodes[1]!.stop().then((code) => {
        stopped = true;
        return code;
      });
      let newcomers = 0;
      const refused: string[] = [];
      async function keepComing() {
        while (!stopped) {
          const { troubles } = await visit(nginx.url, transports.polling);
          newcomers += 1;
          // A visitor may have been on the node itself and was sent away; nobody may be turned down.
          refused.push(...troubles.filter((what) => what.startsWith('connect_error')));
        }
      }
      await Promise.all(Array.from({ length: 8 }, keepComing));
      expect(await stopping).toBe(0);
      expect(newcomers).toBeGreaterThan(20);
      expect(refused).toEqual([]);
      for (let i = 0; i < 10; i++)
        expect((await visit(nginx.url, transports.websocket)).nodeId).toMatch(/^n[13]$/);
      await replaceNode(1);
    });

    test('a node is killed: its clients come back on the others, everybody else notices nothing', async () => {
      const members = await Promise.all(
        Array.from({ length: 30 }, async () => {
          const socket = io(nginx.url, { forceNew: true, transports: ['polling', 'websocket'] });
          open.push(socket);
          const greetings: string[] = [];
          socket.on('connected', ({ nodeId }: { nodeId: string }) => greetings.push(nodeId));
          await new Promise<void>((resolve) => socket.once('connected', () => resolve()));
          return { socket, greetings };
        }),
      );
      const onThird = members.filter(({ greetings }) => greetings[0] === 'n3');
      const elsewhere = members.filter((member) => !onThird.includes(member));
      expect(onThird.length).toBeGreaterThan(0);

      for (const pid of [...nodes[2]!.workers().values(), nodes[2]!.process.pid!])
        process.kill(pid, 'SIGKILL');
      await expect
        .poll(() => onThird.every(({ greetings }) => greetings.length > 1), { timeout: 20_000 })
        .toBe(true);
      expect(onThird.flatMap(({ greetings }) => greetings.slice(1))).not.toContain('n3');
      expect(elsewhere.filter(({ greetings }) => greetings.length !== 1)).toEqual([]);

      const statuses = new Set<number>();
      for (let i = 0; i < 30; i++) {
        statuses.add((await fetch(`${nginx.url}/api/ready`)).status);
        statuses.add((await http(nginx.url, 'POST', '/api/auth/guest', { body: {} })).status);
      }
      expect([...statuses].sort()).toEqual([200, 201]);
      await replaceNode(2);
    });

    test('with every node gone the API says so in its own words', async () => {
      const alone = await startNginx({ nodes: [] });
      onTestFinished(() => alone.stop());
      const { status, headers, body } = await http(alone.url, 'POST', '/api/auth/guest', { body: {} });
      expect([status, headers.get('retry-after')]).toEqual([503, '1']);
      expect(body).toMatchObject({ success: false, error: { code: 'UNAVAILABLE', retryable: true } });
      expect((await fetch(alone.url)).status).toBe(502);
    });
  });
});
