/** ecosystem.config.js with a real PM2, started by this machine's Node and by ours. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { io, type Socket } from 'socket.io-client';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { say } from '../harness/match.ts';
import { startOwnMongo } from '../harness/mongod.ts';
import { startNginx, withoutNginx } from '../harness/nginx.ts';
import { freePorts, isFree } from '../harness/ports.ts';
import { personOf } from '../harness/person.ts';
import { nodes, preparePm2, withoutPm2, type Pm2, type Pm2Options } from '../harness/pm2.ts';
import { startRedis, withoutRedis } from '../harness/redis.ts';

const secret = randomBytes(32).toString('hex');
const PROD = 'realtime-chat-prod';
const BALANCED = 'realtime-chat-load-balanced';

let pm2: Pm2 | undefined;
const sockets: Socket[] = [];
function prepare(options: Pm2Options): Pm2 {
  pm2 = preparePm2(options);
  return pm2;
}
afterEach(async () => {
  sockets.splice(0).forEach((socket) => socket.close());
  await pm2?.stop();
  pm2 = undefined;
});

const versionOf = (node: string) => execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();

async function ready(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/api/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** A client that counts how often it was greeted. */
async function greeted(port: number) {
  const socket = io(`http://127.0.0.1:${port}`, {
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: 100,
  });
  sockets.push(socket);
  const reasons: string[] = [];
  let greetings = 0;
  socket.on('connected', () => (greetings += 1));
  socket.on('disconnect', (reason) => reasons.push(reason));
  await expect.poll(() => greetings, { timeout: 10_000 }).toBe(1);
  return { reasons, greetings: () => greetings };
}

const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean);

/** Stands in for the server: says what it was told; where a file `slow` is, it drains for longer than PM2 waits by itself. */
const echo = `
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
const { PORT, NODE_ID, HTTP_PORT, HOST, NODE_ENV, WORKERS } = process.env;
createServer((_request, response) => response.end(JSON.stringify({ PORT, NODE_ID, HTTP_PORT, HOST, NODE_ENV, WORKERS })))
  .listen(Number(PORT), HOST, () => process.send('ready'))
  .on('error', () => process.exit(1));
process.on('SIGINT', () => void sleep(existsSync('slow') ? 2500 : 0).then(() => process.exit(0)));
`;

describe.skipIf(withoutPm2)('ecosystem.config.js', () => {
  describe.each(nodes().map((node) => [versionOf(node), node] as const))(
    'with PM2 on Node %s',
    (_version, node) => {
      test('one node: start, a client, reload, roll, stop', async () => {
        const [port, httpPort] = (await freePorts(2)) as [number, number];
        // NODE_ENV is set by the file, whatever .env says.
        const dotenv = {
          JWT_SECRET: secret,
          PORT: `${port}`,
          HTTP_PORT: `${httpPort}`,
          WORKERS: '2',
          NODE_ENV: 'development',
        };
        const { run, list, log, folder } = prepare({ node, dotenv });

        const said = await run('start', 'ecosystem.config.js', '--env', 'production');
        expect(said).not.toMatch(/not defined|rror|not built/);
        expect(await ready(port), 'serves as soon as pm2 start is done').toBe(true);
        const health = (await (await fetch(`http://127.0.0.1:${httpPort}/api/status`)).json()) as object;
        expect(health).toMatchObject({ environment: 'production', workers: 2, status: 'healthy' });
        expect((await fetch(`http://127.0.0.1:${port}/`)).headers.get('content-type')).toContain('text/html');
        const outside = Object.values(networkInterfaces())
          .flat()
          .find((each) => each?.family === 'IPv4' && !each.internal);
        if (outside) await expect(fetch(`http://${outside.address}:${port}/health`)).rejects.toThrow();
        expect(existsSync(join(folder, 'data')), 'data stay in the folder').toBe(true);

        const client = await greeted(port);
        const [before] = await list();
        expect(before).toMatchObject({ name: PROD, status: 'online', restarts: 0 });
        const workers = childrenOf(before!.pid);
        expect(workers).toHaveLength(2);

        await run('reload', PROD);
        expect(await ready(port)).toBe(true);
        await expect.poll(client.greetings, { timeout: 10_000 }).toBe(2);
        const [after] = await list();
        expect(after!.pid).not.toBe(before!.pid);
        expect(workers.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);

        const firstWorkers = childrenOf(after!.pid);
        await run('sendSignal', 'SIGUSR2', PROD);
        await expect
          .poll(
            async () => {
              expect(await ready(port)).toBe(true);
              return childrenOf(after!.pid).filter((pid) => firstWorkers.includes(pid)).length;
            },
            { timeout: 20_000 },
          )
          .toBe(0);
        await expect.poll(client.greetings, { timeout: 10_000 }).toBeGreaterThan(2);

        await run('stop', PROD);
        expect((await list())[0]).toMatchObject({ status: 'stopped' });
        expect(existsSync(`/proc/${after!.pid}`)).toBe(false);
        // Closed by the server, not cut off by the end of its process.
        expect(new Set(client.reasons)).toEqual(new Set(['transport close']));
        expect(log().match(/exited with code \[\d+\]/g)).toEqual(Array(2).fill('exited with code [0]'));
        // The primary alone was told to stop.
        expect(log().match(/process tree killed \(\d+ pids\)/g)).toEqual(
          Array(2).fill('process tree killed (1 pids)'),
        );
        const lines = readFileSync(join(folder, 'logs/combined.log'), 'utf8');
        expect(lines.match(/"message":"stopped"/g)).toHaveLength(2);
      });

      test('without a JWT_SECRET pm2 logs says what to do', async () => {
        const [port, httpPort] = (await freePorts(2)) as [number, number];
        const { run } = prepare({ node, dotenv: { PORT: `${port}`, HTTP_PORT: `${httpPort}` } });
        await run('start', 'ecosystem.config.js');
        await expect
          .poll(() => run('logs', '--nostream', '--lines', '20'), { timeout: 10_000 })
          .toMatch(/JWT_SECRET: is required in production; make one with: openssl rand -hex 32/);
        expect(await ready(port)).toBe(false);
      });

      test('three nodes keep their ports and names, whatever is done to them', async () => {
        const firstPort = await threeInARow();
        const ports = [0, 1, 2].map((i) => firstPort + i);
        // What .env says for one node must not make three of the same.
        const dotenv = { PORT: '3001', NODE_ID: 'n1', HTTP_PORT: '4001', DRAIN_TIMEOUT_MS: '3000' };
        const { run, list, log, folder } = prepare({ node, dotenv, firstPort, mainFile: echo });
        const told = () =>
          Promise.all(
            ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}`)).json() as Promise<object>),
          );
        const wanted = ports.map((port) => ({
          PORT: `${port}`,
          NODE_ID: '',
          HTTP_PORT: '',
          HOST: '127.0.0.1',
          NODE_ENV: 'production',
        }));

        const only = ['ecosystem.config.js', '--only', BALANCED];
        await run('start', ...only);
        expect(await told()).toMatchObject(wanted);
        await run('start', ...only);
        await run('reload', ...only);
        await run('reload', BALANCED, '--parallel', '1');
        writeFileSync(join(folder, 'slow'), '');
        await run('restart', '1');
        expect(await told()).toMatchObject(wanted);
        expect((await list()).map(({ name, status }) => `${name} ${status}`)).toEqual(
          Array(3).fill(`${BALANCED} online`),
        );
        expect(
          (await list()).map(({ killTimeoutMs }) => killTimeoutMs),
          'above DRAIN_TIMEOUT_MS',
        ).toEqual([8000, 8000, 8000]);
        // None was killed, the last one neither, which took 2.5 s.
        expect(log().match(/exited with code \[\d+\] via signal \[\w+\]/g)).toEqual(
          Array(10).fill('exited with code [0] via signal [SIGINT]'),
        );
      }, 120_000);

      test('a plain start runs one app, and --only either', async () => {
        const firstPort = await threeInARow();
        const { run, list } = prepare({ node, dotenv: { PORT: '3001' }, firstPort, mainFile: echo });
        const names = async () => (await list()).map(({ name }) => name);
        await run('start', 'ecosystem.config.js', '--only', BALANCED);
        expect(await names()).toEqual([BALANCED, BALANCED, BALANCED]);
        await run('delete', 'all');
        await run('start', 'ecosystem.config.js', '--only', PROD);
        expect(await names()).toEqual([PROD]);
        await run('delete', 'all');
        await run('start', 'ecosystem.config.js');
        expect(await names()).toEqual([PROD]);
      });
    },
  );
});

describe.skipIf(withoutPm2 ?? withoutNginx ?? withoutRedis)('realtime-chat-load-balanced', () => {
  test('three real nodes behind Nginx: strangers meet across them, and a rolling reload turns nobody away', async () => {
    const [redis, mongo] = await Promise.all([startRedis(), startOwnMongo()]);
    onTestFinished(async () => void (await Promise.all([redis.stop(), mongo.close()])));
    const firstPort = await threeInARow();
    const ports = [0, 1, 2].map((i) => firstPort + i);
    const dotenv = {
      ...{ JWT_SECRET: secret, REDIS_URL: redis.url, MONGODB_URI: mongo.uri, WORKERS: '1' },
      ...{ RATE_LIMIT_GUEST_MAX: '100000', RATE_LIMIT_SOCKET_MAX: '100000' },
    };
    const { run, list } = prepare({ node: nodes().at(-1)!, dotenv, firstPort });
    await run('start', 'ecosystem.config.js', '--only', BALANCED);
    expect(await Promise.all(ports.map(ready)), await run('logs', '--nostream')).toEqual([true, true, true]);

    const statuses = await Promise.all(
      ports.map(
        async (port) =>
          (await (await fetch(`http://127.0.0.1:${port}/api/status`)).json()) as { nodeId: string },
      ),
    );
    // By their ports they would be these in this order; other ports take what is free.
    const ids = statuses.map(({ nodeId }) => nodeId);
    expect([...ids].sort()).toEqual(['n1', 'n2', 'n3']);
    const nginx = await startNginx({
      // In the order of their names, as nginx.conf wants them.
      nodes: ['n1', 'n2', 'n3'].map((id) => {
        const port = ports[ids.indexOf(id)]!;
        return { port, httpPort: port + 1000 };
      }),
    });
    onTestFinished(() => nginx.stop());

    const people = await Promise.all(Array.from({ length: 12 }, () => personOf(nginx.url, {})));
    onTestFinished(() => people.forEach((person) => person.close()));
    expect(new Set(people.map(({ workerId }) => workerId.split('.')[0]))).toEqual(new Set(ids));
    await Promise.all(people.map((person) => person.request('user:match')));
    const partners = await Promise.all(
      people.map(async (person) => (await person.next('user:matched')).matchedUser.id),
    );
    for (const [i, person] of people.entries()) {
      const partner = people.find(({ id }) => id === partners[i])!;
      await say(person, partner, `from ${person.id}`);
    }

    let isRolling = true;
    const reloading = run('reload', BALANCED, '--parallel', '1').finally(() => (isRolling = false));
    const failures: string[] = [];
    let newcomers = 0;
    while (isRolling) {
      newcomers += 1;
      const { status } = await fetch(`${nginx.url}/health`);
      if (status !== 200) failures.push(`/health ${status}`);
      const newcomer = io(nginx.url, { forceNew: true, transports: ['polling'], reconnectionDelay: 50 });
      newcomer.on('connect_error', (error) => failures.push(error.message));
      await expect.poll(() => newcomer.connected, { timeout: 3_000 }).toBe(true);
      newcomer.close();
    }
    await reloading;
    expect(newcomers).toBeGreaterThan(20);
    // Everybody came in; at most one for each node was half way into it when it stopped, and had to ask again.
    expect(failures.filter((what) => what !== 'xhr poll error')).toEqual([]);
    expect(failures.length).toBeLessThanOrEqual(3);
    await expect
      .poll(async () => (await list()).map(({ status, restarts }) => [status, restarts]))
      .toEqual(Array(3).fill(['online', 1]));
  }, 180_000);
});

/** The first of three free ports in a row, whose plain ports are free as well. */
async function threeInARow(): Promise<number> {
  for (;;) {
    const [first] = (await freePorts(1)) as [number];
    const others = [1, 2, 1000, 1001, 1002].map((more) => first + more);
    const areFree = await Promise.all(others.map(isFree));
    if (areFree.every(Boolean)) return first;
  }
}
