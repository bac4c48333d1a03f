import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';

/** E's `node test/socket-client.js [url] [token]`. */
const script = fileURLToPath(new URL('../socket-client.js', import.meta.url));
const run = (...args: string[]) => promisify(execFile)(process.execPath, [script, ...args]);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster?.stop());

test('walks through the guide as a guest', async () => {
  const { stdout } = await run(cluster.url);
  expect(stdout).toMatch(/✓ everything in the guide works/);
  expect(stdout).toMatch(/← room_message .*Hello everyone!/);
});

test('walks through it as a user, and does not print the token', async () => {
  const { token } = await cluster.person();
  const { stdout } = await run(cluster.url, token);
  expect(stdout).toMatch(/→ update_status "online"/);
  expect(stdout).not.toContain(token);
});

test('fails, and says why, with a bad token and where nobody listens', async () => {
  await expect(run(cluster.url, 'bad')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/authenticate: UNAUTHENTICATED/),
  });
  await expect(run('http://127.0.0.1:9')).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/cannot connect to http:\/\/127\.0\.0\.1:9/),
  });
});
