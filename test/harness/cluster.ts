import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { personOf, type Person, type PersonOptions } from './person.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const START_MS = 60_000;
const STOP_MS = 30_000;

/** So high that only tests about limits meet them: what else runs on this machine makes it slow. */
const generousLimits = {
  MONGODB_TIMEOUT_MS: '4000',
  ...Object.fromEntries(
    ['AUTH', 'GUEST', 'REFRESH', 'API', 'UPLOAD', 'SOCKET', 'SIGNAL'].map((bucket) => [
      `RATE_LIMIT_${bucket}_MAX`,
      '1000000',
    ]),
  ),
};

export interface ClusterOptions {
  readonly workers?: number;
  readonly env?: Record<string, string>;
}

export interface Cluster {
  /** The sticky port: everything works here. */
  readonly url: string;
  /** The plain port: no Socket.IO. */
  readonly httpUrl: string;
  readonly process: ChildProcess;
  readonly dataDir: string;
  readonly logDir: string;
  /** What it has printed so far. */
  output(): string;
  /** Living workers, `n1.2` → process id. */
  workers(): Map<string, number>;
  /** A guest account with a connected socket. */
  person(options?: PersonOptions): Promise<Person>;
  /** So many persons, each on another worker than the one before. */
  strangers(count: number, options?: PersonOptions): Promise<Person[]>;
  /** SIGTERM; resolves with the exit code. Cleans up after the test. */
  stop(): Promise<number | null>;
}

/** The real server, as `npm start` runs it, in a directory of its own. */
export async function startCluster({ workers = 2, env = {} }: ClusterOptions = {}): Promise<Cluster> {
  const home = mkdtempSync(join(tmpdir(), 'realtime-chat-'));
  const dataDir = join(home, 'data');
  const logDir = join(home, 'logs');
  const child = spawn(process.execPath, [join(root, 'src/main.ts')], {
    cwd: home,
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      NODE_ENV: 'development',
      PORT: '0',
      NODE_ID: 'n1',
      HOST: '127.0.0.1',
      WORKERS: String(workers),
      DATA_DIR: dataDir,
      LOG_DIR: logDir,
      UPLOAD_DIR: join(home, 'uploads'),
      ...generousLimits,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += String(chunk)));
  child.stderr.on('data', (chunk) => (output += String(chunk)));
  const exited = once(child, 'exit') as Promise<[number | null]>;

  const urls = await new Promise<{ url: string; httpUrl: string }>((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`the cluster ${why}:\n${output}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail(`was not ready within ${START_MS} ms`);
    }, START_MS);
    void exited.then(([code]) => fail(`ended with code ${code} before it was ready`));
    child.stdout.on('data', () => {
      const url = /ready on (http:\S+)/.exec(output)?.[1];
      const httpUrl = /plain +(http:\S+)/.exec(output)?.[1];
      if (!url || !httpUrl) return;
      clearTimeout(timer);
      resolve({ url, httpUrl });
    });
  });

  const persons: Person[] = [];
  async function person(options: PersonOptions = {}): Promise<Person> {
    const made = await personOf(urls.url, options);
    persons.push(made);
    return made;
  }

  return {
    ...urls,
    process: child,
    dataDir,
    logDir,
    output: () => output,
    workers: () => workersOf(child.pid!),
    person,
    async strangers(count, options) {
      const made: Person[] = [];
      while (made.length < count) {
        const next = await person(options);
        if (workers > 1 && next.workerId === made.at(-1)?.workerId) await next.moveAway();
        made.push(next);
      }
      return made;
    },
    async stop() {
      for (const each of persons) each.close();
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      const [code] = await exited;
      clearTimeout(timer);
      rmSync(home, { recursive: true, force: true });
      return code;
    },
  };
}

/** From /proc: every worker was told its name in its environment. */
function workersOf(primary: number): Map<string, number> {
  const children = readFileSync(`/proc/${primary}/task/${primary}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return new Map(
    children.flatMap((pid): [string, number][] => {
      const name = workerNameOf(pid);
      return name === undefined ? [] : [[name, Number(pid)]];
    }),
  );
}

/** Undefined for what is no worker, and for one that ends while it is looked at. */
function workerNameOf(pid: string): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
    return /REALTIME_CHAT_WORKER=\{"owner":"[^"]*","name":"([^"]*)"/.exec(environment)?.[1];
  } catch (error) {
    // Not there any more, or there no more while it was read.
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
