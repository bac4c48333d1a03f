/** `npm run cluster:local`: what it starts works, says what is in its way, and leaves nothing behind. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { whyNoMongo } from '../harness/mongo.ts';
import { withoutNginx } from '../harness/nginx.ts';
import { freePorts } from '../harness/ports.ts';
import { personOf } from '../harness/person.ts';
import { meet, say } from '../harness/match.ts';
import { withoutRedis } from '../harness/redis.ts';

const script = fileURLToPath(new URL('../../scripts/cluster-local.js', import.meta.url));
const START_MS = 120_000;

let child: ChildProcess | undefined;
let output = '';

async function start(...args: string[]) {
  output = '';
  // Elsewhere than in our folder, as nothing of it may depend on that.
  child = spawn(process.execPath, [script, ...args], { cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout!.on('data', (chunk) => (output += String(chunk)));
  child.stderr!.on('data', (chunk) => (output += String(chunk)));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  return { process: child, exited, pid: child.pid! };
}
const isUp = () =>
  expect.poll(() => output, { timeout: START_MS, interval: 100 }).toMatch(/behind Nginx: http/);

/** The process and all that it started, at any depth. */
function familyOf(pid: number): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return [pid, ...children.flatMap((each) => familyOf(Number(each)))];
}
const living = (pids: number[]) =>
  pids.filter(
    (pid) => existsSync(`/proc/${pid}`) && !/State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
  );

afterEach(() => void child?.kill('SIGKILL'));

describe.skipIf(withoutNginx)('scripts/cluster-local.js', () => {
  test('one node: works, and Ctrl-C leaves nothing behind', async () => {
    const [port, firstPort] = (await freePorts(2)) as [number, number];
    const run = await start('--nodes', '1', '--port', `${port}`, '--first-port', `${firstPort}`);
    await isUp();
    expect((await fetch(`http://localhost:${port}/api/ready`)).status).toBe(200);
    expect((await fetch(`http://localhost:${port}/`)).headers.get('content-type')).toContain('text/html');
    const family = familyOf(run.pid);
    // This, the primary, a worker, Nginx, its minder and a worker of its own.
    expect(family.length).toBeGreaterThanOrEqual(6);
    const home = /data +(\/\S+),/.exec(output)![1]!;
    expect(existsSync(home)).toBe(true);

    run.process.kill('SIGINT');
    expect((await run.exited)[0]).toBe(0);
    expect(living(family)).toEqual([]);
    expect(existsSync(home)).toBe(false);
  }, 90_000);

  test('kill -9 of it ends the rest as well', async () => {
    const [port, firstPort] = (await freePorts(2)) as [number, number];
    const run = await start('--nodes', '1', '--port', `${port}`, '--first-port', `${firstPort}`);
    await isUp();
    const family = familyOf(run.pid);
    run.process.kill('SIGKILL');
    await run.exited;
    await expect.poll(() => living(family), { timeout: 20_000 }).toEqual([]);
  }, 90_000);

  test('says which port is in use, and by what it was wanted', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const [nginxPort] = (await freePorts(1)) as [number];
    const run = await start('--nodes', '1', '--port', `${nginxPort}`, '--first-port', `${port}`);
    expect((await run.exited)[0]).toBe(1);
    expect(output).toContain(`Port ${port} is in use (wanted for node n1).`);
    expect(output).toMatch(/--first-port/);
  });

  test('says what it does not understand', async () => {
    const many = await start('--nodes', '7');
    expect((await many.exited)[0]).toBe(1);
    expect(output).toMatch(/--nodes: 1, 2 or 3 \(got "7"\)/);
    const other = await start('--frobnicate');
    expect((await other.exited)[0]).toBe(1);
    expect(output).toMatch(/cluster:local -- \[--nodes/);
  });
});

const missing = withoutNginx ?? withoutRedis ?? (await whyNoMongo('control'));
describe.skipIf(missing)(`scripts/cluster-local.js with three nodes${missing ? ` (${missing})` : ''}`, () => {
  test('strangers on different nodes meet; a killed node is said, and the others go on', async () => {
    const [port, firstPort] = (await freePorts(2)) as [number, number];
    const run = await start('--port', `${port}`, '--first-port', `${firstPort}`);
    await isUp();
    const family = familyOf(run.pid);
    const url = `http://localhost:${port}`;
    const [ann, bob] = [
      await personOf(`http://localhost:${firstPort}`, {}),
      await personOf(`http://localhost:${firstPort + 2}`, {}),
    ];
    expect([ann.workerId.split('.')[0], bob.workerId.split('.')[0]]).toEqual(['n1', 'n3']);
    await meet(ann, bob);
    await say(ann, bob, 'hello over there');
    ann.close();
    bob.close();

    const statusOf = async (at: number) =>
      (await (await fetch(`http://localhost:${at}/api/status`)).json()) as { nodeId: string };
    expect(await statusOf(firstPort + 1)).toMatchObject({ nodeId: 'n2' });
    const second = family.find((pid) =>
      /\0NODE_ID=n2\0/.test(living([pid]).length > 0 ? readFileSync(`/proc/${pid}/environ`, 'utf8') : ''),
    )!;
    process.kill(second, 'SIGKILL');
    await expect.poll(() => output, { timeout: 10_000 }).toMatch(/n2 +│ has ended \(SIGKILL\)/);
    for (let i = 0; i < 10; i++) expect((await fetch(`${url}/api/live`)).status).toBe(200);

    run.process.kill('SIGINT');
    expect((await run.exited)[0]).toBe(0);
    await expect.poll(() => living(family), { timeout: 10_000 }).toEqual([]);
  }, 120_000);
});
