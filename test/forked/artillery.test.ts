/** The load test itself: against a cluster that works, and against what is broken. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
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
      // Every worker sleeps for most of the time.
      const slow = await startCluster();
      const pids = [...slow.workers().values()];
      const pausing = setInterval(() => {
        for (const pid of pids) process.kill(pid, 'SIGSTOP');
        setTimeout(() => pids.forEach((pid) => process.kill(pid, 'SIGCONT')), 400);
      }, 500);
      const { code, output } = await brief(slow.url);
      clearInterval(pausing);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await slow.stop();
      expect(code).not.toBe(0);
      expect(summary(output)).toMatch(/fail: stranger\.ack_ms\.p95 < 250/);
    });
  },
  SMOKE_MS,
);
