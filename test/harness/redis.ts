import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { accessSync, constants, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { Redis as Client } from 'ioredis';
import { freePorts } from './ports.ts';
import { leftOut, shared } from './shared.ts';

const START_MS = 30_000;

/** Tests that are interrupted leave none behind. */
const running = new Set<ChildProcess>();
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** Path of the program, undefined where there is none. */
export const redisServer: string | undefined = process.env['TEST_REDIS_SERVER'] || onPath('redis-server');
/** Why suites that need a Redis are skipped; undefined where they are not. */
export const withoutRedis: string | undefined =
  leftOut ??
  (redisServer || process.env['TEST_REDIS_URL']
    ? undefined
    : 'redis-server is missing (apt-get install redis-server, or set TEST_REDIS_URL)');

export interface TestRedis {
  readonly url: string;
  /** It keeps its connections and answers nothing. */
  pause(): void;
  resume(): void;
  /** Without a farewell: what it had since the last `snapshot` is gone. */
  kill(): Promise<void>;
  /** Path of a copy of what it has now. */
  snapshot(): Promise<string>;
  /** On the same port. Keeps what it has when it runs, unless told otherwise. */
  restart(how?: { empty?: boolean; snapshot?: string }): Promise<void>;
  stop(): Promise<void>;
}

/** A Redis of its own, which tests may break. */
export async function startRedis({ args = [] }: { args?: readonly string[] } = {}): Promise<TestRedis> {
  if (!redisServer) throw new Error(withoutRedis ?? 'this test needs a redis-server of its own');
  const program = redisServer;
  const [port] = (await freePorts(1)) as [number];
  const url = `redis://127.0.0.1:${port}`;
  const directory = mkdtempSync(join(tmpdir(), 'chat-redis-'));
  const dump = join(directory, 'dump.rdb');
  let snapshots = 0;
  let child: ChildProcess | undefined;

  async function start() {
    const options = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', ''];
    const started = spawn(program, [...options, '--appendonly', 'no', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child = started;
    running.add(started);
    let output = '';
    started.stdout.on('data', (chunk) => (output += String(chunk)));
    started.stderr.on('data', (chunk) => (output += String(chunk)));
    const end = performance.now() + START_MS;
    while (!output.includes('Ready to accept connections')) {
      if (started.exitCode !== null || performance.now() > end)
        throw new Error(`redis-server does not start:\n${output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
  async function kill() {
    const victim = child;
    child = undefined;
    if (!victim || victim.exitCode !== null || victim.signalCode !== null) return;
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
    running.delete(victim);
  }
  async function save() {
    const client = new Client(url);
    await client.save();
    client.disconnect();
  }

  await start();
  return {
    url,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    kill,
    async snapshot() {
      await save();
      const copy = join(directory, `snapshot-${++snapshots}.rdb`);
      copyFileSync(dump, copy);
      return copy;
    },
    async restart({ empty = false, snapshot } = {}) {
      if (child && !empty && snapshot === undefined) await save();
      await kill();
      if (empty) rmSync(dump, { force: true });
      else if (snapshot !== undefined) copyFileSync(snapshot, dump);
      await start();
    },
    async stop() {
      await kill();
      rmSync(directory, { recursive: true });
    },
  };
}

/**
 * A Redis to store things in, which all suites share: the one of `TEST_REDIS_URL`, else one that is started for them. Each call
 * gives a prefix of its own. `isCluster`: it is the only node of a Redis Cluster.
 */
export async function redisForTests(isCluster = false) {
  const given = isCluster ? undefined : process.env['TEST_REDIS_URL'];
  const url = given ?? (await shared(isCluster ? 'redis-cluster' : 'redis'));
  const prefix = `test-${randomBytes(6).toString('hex')}`;
  async function empty() {
    const client = new Client(url);
    for await (const keys of client.scanStream({ match: `${prefix}:*`, count: 1000 })) {
      for (const key of keys as string[]) await client.unlink(key);
    }
    client.disconnect();
  }
  return { url, prefix, empty };
}

/** The only node of a Redis Cluster. */
export async function startRedisCluster(): Promise<TestRedis> {
  const server = await startRedis({ args: ['--cluster-enabled', 'yes'] });
  const client = new Client(server.url);
  await client.cluster('ADDSLOTSRANGE', 0, 16383);
  while (!String(await client.cluster('INFO')).includes('cluster_state:ok'))
    await new Promise((resolve) => setTimeout(resolve, 50));
  client.disconnect();
  return server;
}

function onPath(program: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, program));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
