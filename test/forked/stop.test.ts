import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startCluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { meet, say } from '../harness/match.ts';
import { fairMs } from '../harness/fair-time.ts';

test('SIGTERM: readiness is red, newcomers get 503, clients are closed so that they come back by themselves, exit 0', async () => {
  const cluster = await startCluster({ workers: 2, env: { DRAIN_TIMEOUT_MS: '4000' } });
  const people = await cluster.strangers(6);
  expect(await http(cluster.httpUrl, 'GET', '/api/ready')).toMatchObject({
    status: 200,
    body: { ready: true },
  });

  const reasons = Promise.all(people.map((person) => person.ended()));
  cluster.process.kill('SIGTERM');
  const exited = once(cluster.process, 'exit');
  // A transport that closes, not a server-side disconnect: socket.io-client reconnects after the first only.
  expect(new Set(await reasons)).toEqual(new Set(['transport close']));
  expect(await exited).toEqual([0, null]);
  expect(cluster.output()).toContain('stopped');
  await cluster.stop();
});

test('while it drains, ready and new handshakes answer 503 and live answers', async () => {
  const cluster = await startCluster({ workers: 1, env: { DRAIN_TIMEOUT_MS: '6000' } });
  // Enough of them that the batches take a moment.
  const people = await Promise.all(Array.from({ length: 150 }, () => cluster.person()));
  const first = Promise.race(people.map((person) => person.ended()));
  cluster.process.kill('SIGTERM');
  await first;
  const [ready, live, handshake] = await Promise.all([
    http(cluster.url, 'GET', '/api/ready'),
    http(cluster.url, 'GET', '/api/live'),
    http(cluster.url, 'GET', '/socket.io/?EIO=4&transport=polling'),
  ]);
  expect(ready).toMatchObject({ status: 503, body: { ready: false, reason: 'draining' } });
  expect(live.status).toBe(200);
  expect(handshake).toMatchObject({ status: 503, body: { code: 'UNAVAILABLE' } });
  expect(await cluster.stop()).toBe(1);
});

test('a second signal exits at once', async () => {
  const cluster = await startCluster({ workers: 2, env: { DRAIN_TIMEOUT_MS: '60000' } });
  await Promise.all(Array.from({ length: 100 }, () => cluster.person()));
  const workers = [...cluster.workers().values()];
  cluster.process.kill('SIGTERM');
  await expect.poll(() => cluster.output()).toContain('draining');
  const exited = once(cluster.process, 'exit');
  const askedAt = performance.now();
  cluster.process.kill('SIGTERM');
  await exited;
  expect(performance.now() - askedAt).toBeLessThan(fairMs(1_000));
  // Workers do not outlive their primary.
  await expect.poll(() => workers.filter(isAlive), { timeout: 5_000 }).toEqual([]);
  await cluster.stop();
});

test('a worker that dies is replaced; partners on the other keep talking meanwhile', async () => {
  const cluster = await startCluster({ workers: 2 });
  const [ann, bob, cid] = await cluster.strangers(3);
  expect(cid!.workerId).toBe(ann!.workerId);
  await meet(ann!, cid!);
  process.kill(cluster.workers().get(bob!.workerId)!, 'SIGKILL');
  await bob!.ended();
  await say(ann!, cid!, 'nothing happened here');
  await expect.poll(() => cluster.workers().size, { timeout: 10_000 }).toBe(2);
  await expect
    .poll(async () => (await http(cluster.url, 'GET', '/api/socket/stats')).body, { timeout: 10_000 })
    .toMatchObject({ data: { workers: 2 } });
  await cluster.stop();
});

test('SIGUSR2 replaces every worker without refusing anybody', async () => {
  const cluster = await startCluster({ workers: 2, env: { DRAIN_TIMEOUT_MS: '3000' } });
  const before = [...cluster.workers().keys()];
  const people = await cluster.strangers(10);
  const reasons: string[] = [];
  for (const { socket } of people) socket.on('disconnect', (reason) => reasons.push(reason));
  let refused = 0;
  let asking = true;
  const asked = (async () => {
    while (asking) {
      const { status } = await http(cluster.url, 'GET', '/api/live').catch(() => ({ status: 0 }));
      if (status !== 200) refused += 1;
    }
  })();
  cluster.process.kill('SIGUSR2');
  await expect.poll(() => cluster.output(), { timeout: 20_000 }).toContain('rolled');
  asking = false;
  await asked;
  expect(refused).toBe(0);
  // Each lost its own worker's transport, once, and would come back: nobody was sent away by the server.
  expect(new Set(reasons)).toEqual(new Set(['transport close']));
  expect(reasons).toHaveLength(people.length);
  expect([...cluster.workers().keys()].filter((name) => before.includes(name))).toEqual([]);
  await cluster.stop();
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
