/** The load test itself: against a cluster that works, and against what is broken. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const INSTALL_MS = 300_000;
const SMOKE_MS = 60_000;

interface Run {
  readonly code: number;
  readonly output: string;
}

/** As `loadtests/README.md` says. */
function artillery(...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['loadtests/run.js', ...args], { cwd: root }, (error, stdout, stderr) => {
      const code = typeof error?.code === 'number' ? error.code : error ? 1 : 0;
      resolve({ code, output: stdout + stderr });
    });
  });
}

/** A short one: what fails, fails at once. */
const overrides = JSON.stringify({
  config: {
    phases: [
      { duration: 1, arrivalRate: 4, rampTo: 4 },
      { duration: 1, arrivalRate: 4 },
    ],
  },
});
const brief = (target: string) => artillery('--target', target, '--overrides', overrides);
const summary = (output: string) => output.slice(output.indexOf('Summary report'));

/** The same server, `ms` away in each direction. */
async function delayed(port: number, ms: number) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => setTimeout(() => to.write(chunk), ms));
      from.on('error', () => undefined);
      from.on('close', () => setTimeout(() => to.destroy(), ms));
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = () => {
    server.close();
    sockets.forEach((socket) => socket.destroy());
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}

describe(
  'loadtests/artillery-config.yml',
  () => {
    let cluster: Cluster;
    beforeAll(async () => {
      // Installs Artillery, which takes half a minute once.
      expect((await artillery('--help')).code).toBe(0);
      cluster = await startCluster();
    }, INSTALL_MS);
    afterAll(() => cluster?.stop());

    test(
      'strangers connect, match, chat and call; every threshold is met',
      async () => {
        const startedAt = performance.now();
        const { code, output } = await artillery('--target', cluster.url, '--environment', 'smoke');
        const said = summary(output);
        expect(code, said).toBe(0);
        expect(said).toMatch(/stranger\.done: \.+ \d{2}/);
        expect(said.match(/^ok: /gm)).toHaveLength(7);
        console.log(
          said
            .split('\n')
            .filter((line) => /ms:|p95|done|created:/.test(line))
            .join('\n'),
        );
        expect(performance.now() - startedAt).toBeLessThan(SMOKE_MS);
      },
      SMOKE_MS,
    );

    test('fails where nobody listens', async () => {
      const { code, output } = await brief('http://127.0.0.1:9');
      expect(code).not.toBe(0);
      expect(summary(output)).toMatch(/fail: vusers\.failed < 1/);
    });

    test('fails where somebody else answers', async () => {
      const stranger = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
      await once(stranger, 'listening');
      const { code, output } = await brief(`http://127.0.0.1:${(stranger.address() as AddressInfo).port}`);
      stranger.close();
      stranger.closeAllConnections();
      expect(code).not.toBe(0);
      expect(summary(output)).toMatch(/fail: vusers\.failed < 1/);
    });

    test('fails, and says why, where the rate limits are those of a public site', async () => {
      const limited = await startCluster({ env: { RATE_LIMIT_GUEST_MAX: '2' } });
      const { code, output } = await brief(limited.url);
      await limited.stop();
      expect(code).not.toBe(0);
      expect(output).toMatch(/no guest account: HTTP 429/);
    });

    test('fails where one answers but is slower than the thresholds', async () => {
      const far = await delayed(Number(new URL(cluster.url).port), 150);
      const { code, output } = await brief(far.url);
      far.close();
      expect(code).not.toBe(0);
      expect(summary(output)).toMatch(/fail: stranger\.ack_ms\.p95 < 250/);
    });
  },
  SMOKE_MS,
);
