import { expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import { startCluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';

test('no connection hangs: what a client sends right after its upgrade reaches the worker', async () => {
  const cluster = await startCluster({ workers: 2 });
  const token = (await cluster.person()).token;
  for (let i = 0; i < 300; i++) {
    const client = await new TestClient(cluster.url, { auth: { token }, timeout: 5_000 }).connected();
    client.close();
  }
  await cluster.stop();
});

test('a long body arrives whole, relayed through the primary in many chunks', async () => {
  const cluster = await startCluster({ workers: 2 });
  const body = JSON.stringify({ refreshToken: 'x'.repeat(90_000) });
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => http(cluster.url, 'POST', '/api/auth/refresh', { body })),
  );
  // Read to its end and parsed: the token alone is wrong.
  expect(
    answers.map(({ body: { error } }: { body: { error: { fields: object } } }) => Object.keys(error.fields)),
  ).toEqual(Array.from({ length: 10 }, () => ['refreshToken']));
  await cluster.stop();
});

test('while every worker is dead, connections are held until one is ready', async () => {
  const cluster = await startCluster({ workers: 2 });
  for (const pid of cluster.workers().values()) process.kill(pid, 'SIGKILL');
  // What was under way to them is closed; this is about what comes from now on.
  await expect.poll(() => cluster.output().match(/another follows/g)).toHaveLength(2);
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => http(cluster.url, 'GET', '/socket.io/?EIO=4&transport=polling')),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  await cluster.stop();
});
