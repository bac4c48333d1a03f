import { Redis as Client } from 'ioredis';
import { AppError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { clockOffset } from './redis-clock.ts';
import type { Script } from './redis-script.ts';

export { defineScript, type Script } from './redis-script.ts';

/** The process of Redis that answers, as it says itself. */
export interface RedisServer {
  /** Another one after each start of Redis, and after a failover. */
  readonly runId: string;
  /** `7.0.15` */
  readonly version: string;
  /** By its own clock: since when all who had something have had the time to say so again. Until then newcomers get nothing. */
  readonly settledAt: number;
}

export interface RedisReturn extends RedisServer {
  /** False: it started anew, or another one took over. What was stored may be gone, or as it was some time ago. */
  readonly sameServer: boolean;
}

/**
 * One connection that mends itself. Every call settles within a second: while Redis is away or does not answer, with UNAVAILABLE.
 * Nothing is sent again by itself, and a script whose caller was told UNAVAILABLE does not run later.
 */
export interface Redis {
  /** For what is asked beside ports and within `command` only: by itself it throws errors of its own kind. */
  readonly client: Client;
  isUp(): boolean;
  /** Of the Redis that answered last. */
  readonly server: RedisServer;
  /** Name of a key. Keys with one `tag` live on one node of a Redis Cluster. */
  key(tag: string, name: string): string;
  run<Reply>(
    script: Script<Reply>,
    keys: readonly string[],
    args?: readonly (string | number)[],
  ): Promise<Reply>;
  command<Reply>(call: (client: Client) => Promise<Reply>): Promise<Reply>;
  onLost(listener: (reason: string) => void): void;
  /** Redis answers again. Calls work from within the listener on. */
  onReturn(listener: (info: RedisReturn) => void): void;
  close(): Promise<void>;
}

export interface RedisConnection {
  readonly url: string;
  /** The name of the variable that has the url, for messages. */
  readonly variable?: string;
  /** In front of every key. */
  readonly prefix: string;
  readonly logger: Logger;
  /** How long after Redis's own start its newcomers wait; a lease. */
  readonly newcomersWaitMs?: number;
  /** How long a Redis that cannot be reached at start is waited for. */
  readonly patienceMs?: number;
  /** A call that has waited so long is answered UNAVAILABLE. */
  readonly answerMs?: number;
  /** For tests: what scripts take for the time instead of Redis's own. */
  readonly now?: () => number;
}

const ANSWER_MS = 800;
/** So much later ioredis gives up, for what goes around `command`, and for the handshake: a paused Redis accepts connections and says nothing. */
const BACKSTOP_AFTER_MS = 150;
const HEARTBEAT_MS = 500;
/** A connection that is silent for so long is given up: the network may have lost it without a word. */
const SILENCE_MS = 3_000;
const PATIENCE_MS = 30_000;
const RETRY_MS = 500;
const NEWCOMERS_WAIT_MS = 12_000;

/** Common to all connections; the address and the credentials come from the url. */
export const connectionOptions = {
  // Jittered, because all workers of all nodes come back at once.
  retryStrategy: (times: number) => Math.min(50 * times, RETRY_MS) * (0.5 + Math.random() / 2),
  connectTimeout: 2_000,
  maxLoadingRetryTime: 200,
  // After a failover the old address may be a replica.
  reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
};

/** @throws Error with a message for the operator: Redis cannot be reached */
export async function connectRedis(connection: RedisConnection): Promise<Redis> {
  const { url, variable = 'REDIS_URL', prefix, logger } = connection;
  const { newcomersWaitMs = NEWCOMERS_WAIT_MS, patienceMs = PATIENCE_MS, answerMs = ANSWER_MS } = connection;
  const client = new Client(url, {
    ...connectionOptions,
    enableOfflineQueue: false,
    commandTimeout: answerMs + BACKSTOP_AFTER_MS,
    // What was in flight when the connection broke fails at once, and is never sent again.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  const where = addressOf(url);
  const offset = clockOffset();
  const lostListeners: ((reason: string) => void)[] = [];
  const returnListeners: ((info: RedisReturn) => void)[] = [];
  /** Calls that wait for an answer, oldest first. */
  const waiting = new Set<() => void>();
  const started = Promise.withResolvers<void>();
  /** Those that ran here, by hash. */
  const scripts = new Map<string, string>();
  let server: RedisServer | undefined;
  let up = false;
  let closed = false;
  let lastAnswerAt = performance.now();
  let lastProblem = 'no answer';

  function lost(reason: string) {
    if (up) {
      up = false;
      if (!closed) logger.error('connection', `Redis at ${where} is lost: ${reason}`);
      for (const listener of lostListeners) listener(reason);
    }
    for (const giveUp of waiting) giveUp();
  }

  /** Settles within `answerMs`, whether Redis is up or not. */
  function answered<Reply>(call: () => Promise<Reply>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        done();
        reject(unavailable());
      };
      const timer = setTimeout(() => {
        // This process may have been busy itself: the answer may lie in the socket, which is read before immediates.
        setImmediate(() => {
          if (waiting.has(giveUp)) lost(`no answer in ${answerMs} ms`);
        });
      }, answerMs).unref();
      const done = () => {
        clearTimeout(timer);
        waiting.delete(giveUp);
      };
      waiting.add(giveUp);
      call().then(
        (reply) => {
          done();
          resolve(reply);
        },
        (error: unknown) => {
          done();
          reject(isAway(error) ? unavailable() : (error as Error));
        },
      );
    });
  }

  async function command<Reply>(call: (client: Client) => Promise<Reply>): Promise<Reply> {
    if (!up) throw unavailable();
    return answered(() => call(client));
  }

  async function tellTime(): Promise<number> {
    const [seconds, microseconds] = (await client.time()).map(Number) as [number, number];
    const now = seconds * 1000 + Math.floor(microseconds / 1000);
    offset.sample(now);
    lastAnswerAt = performance.now();
    return now;
  }

  /** Who answers? Only then it is up. */
  async function greet() {
    const [now, info] = await answered(() => Promise.all([tellTime(), client.info('server')]));
    const before = server;
    server = serverFrom(info, now, newcomersWaitMs);
    if (up || closed) return;
    // Calls run in the order they are made. A script that has to be sent first would come late.
    if (before && before.runId !== server.runId) {
      await answered(() => Promise.all([...scripts.values()].map((lua) => client.script('LOAD', lua))));
    }
    up = true;
    started.resolve();
    if (!before) return;
    const sameServer = before.runId === server.runId;
    logger.info(
      'connection',
      `Redis at ${where} is back${sameServer ? '' : ', as another one: what it stored may be gone'}`,
    );
    for (const listener of returnListeners) listener({ ...server, sameServer });
  }

  let beating = false;
  async function beat() {
    if (client.status !== 'ready' || beating) return;
    beating = true;
    try {
      await (up ? answered(tellTime) : greet());
    } catch {
      // A connection that broke says so itself.
      if (client.status === 'ready' && performance.now() - lastAnswerAt > SILENCE_MS) client.disconnect(true);
    } finally {
      beating = false;
    }
  }

  client.on('error', (error: Error) => (lastProblem = reasonOf(error)));
  client.on('ready', () => {
    lastProblem = 'the connection was closed';
    lastAnswerAt = performance.now();
    void beat();
  });
  client.on('close', () => lost(lastProblem));
  const heart = setInterval(() => void beat(), HEARTBEAT_MS).unref();

  async function close() {
    closed = true;
    clearInterval(heart);
    lost('closed');
    client.disconnect();
  }

  await patiently(started.promise, {
    patienceMs,
    onWait: () =>
      logger.warn(
        'connection',
        `${variable}: Redis at ${where} does not answer yet (${lastProblem}); waiting up to ${patienceMs / 1000} s`,
      ),
  }).catch(async () => {
    await close();
    throw new Error(
      `${variable}: Redis at ${where} cannot be reached (${lastProblem}). Start it, or fix or remove the variable.`,
    );
  });

  return {
    client,
    isUp: () => up,
    get server() {
      return server!;
    },
    key: (tag, name) => `${prefix}:{${tag}}:${name}`,
    run<Reply>(script: Script<Reply>, keys: readonly string[], args: readonly (string | number)[] = []) {
      const now = connection.now?.() ?? '';
      const deadline = connection.now ? '' : Math.floor(offset.now() + answerMs);
      const all = [keys.length, ...keys, ...args, now, deadline] as const;
      return command(async () => {
        scripts.set(script.sha, script.lua);
        try {
          return (await client.evalsha(script.sha, ...all)) as Reply;
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return (await client.eval(script.lua, ...all)) as Reply;
        }
      });
    },
    command,
    onLost: (listener) => void lostListeners.push(listener),
    onReturn: (listener) => void returnListeners.push(listener),
    close,
  };
}

const unavailable = () => new AppError('UNAVAILABLE', 'The shared state is away. Try again.');

/** What Redis says when it is there and cannot serve. */
const AWAY = /^(LATE|LOADING|READONLY|MASTERDOWN|MISCONF|NOREPLICAS|OOM|BUSY|CLUSTERDOWN|TRYAGAIN)\b/;

/** Everything that is not Redis's own answer is a matter of the connection. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === 'ReplyError' ? AWAY.test(error.message) : !(error instanceof TypeError);
}

function serverFrom(info: string, now: number, newcomersWaitMs: number): RedisServer {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  return {
    runId: field('run_id'),
    version: field('redis_version'),
    // The uptime is rounded down: this is up to a second late.
    settledAt: now - Number(field('uptime_in_seconds')) * 1000 + newcomersWaitMs,
  };
}

/** `host:port`, without credentials. */
export function addressOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
}

/** An address with two families fails with a list of reasons and no message. */
export function reasonOf(error: Error & { code?: string }): string {
  return error.message || error.code || error.name;
}

/** Says once a second in that it waits. @throws when the patience is at its end */
async function patiently(
  done: Promise<void>,
  { patienceMs, onWait }: { patienceMs: number; onWait: () => void },
): Promise<void> {
  const saying = setTimeout(onWait, Math.min(1_000, patienceMs / 2));
  let ending: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_, reject) => {
    ending = setTimeout(() => reject(new Error('patience')), patienceMs);
  });
  try {
    await Promise.race([done, end]);
  } finally {
    clearTimeout(saying);
    clearTimeout(ending);
  }
}
