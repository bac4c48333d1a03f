import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter';
import { Redis as Client } from 'ioredis';
import type { Logger } from '../kernel/logger.ts';
import { addressOf, connectionOptions, reasonOf, type Redis } from './redis.ts';

/** The two connections of Socket.IO's adapter. */
export interface AdapterClients {
  readonly pub: Client;
  readonly sub: Client;
  /** What is pushed reaches other workers. */
  isUp(): boolean;
  close(): Promise<void>;
}

/** A publish that waits so long has failed; the sharded adapter delivers here only afterwards. */
const PUBLISH_MS = 500;
/** Once Redis answers again, a subscriber that does not within this time has lost its connection without a word. */
const PING_MS = 1_000;
/** From here on Redis has sharded channels. */
const SHARDED_SINCE = 7;

const SUBSCRIPTIONS = [
  'subscribe',
  'psubscribe',
  'ssubscribe',
  'unsubscribe',
  'punsubscribe',
  'sunsubscribe',
] as const;

/**
 * Both are ready when this resolves. While Redis is away a publish counts as done at once, so that what is pushed still reaches
 * the sockets of this worker, in order; the others miss it.
 */
export async function adapterClients(redis: Redis, url: string, logger: Logger): Promise<AdapterClients> {
  const pub = new Client(url, {
    ...connectionOptions,
    enableOfflineQueue: false,
    commandTimeout: PUBLISH_MS,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
  });
  // Its subscriptions wait for Redis as long as it takes.
  const sub = new Client(url, { ...connectionOptions, maxRetriesPerRequest: null });
  const clients = [pub, sub];
  let closed = false;

  for (const client of clients) {
    client.on('error', (error: Error) => {
      if (!closed) logger.debug('connection', `adapter: ${addressOf(url)}: ${reasonOf(error)}`);
    });
  }

  /** Publishes that wait for their answer, oldest first. */
  const waiting = new Set<() => void>();
  const giveUpAll = () => {
    for (const giveUp of waiting) giveUp();
  };
  for (const name of ['publish', 'spublish'] as const) {
    const original = pub[name].bind(pub) as (...args: unknown[]) => Promise<number>;
    const publish = (...args: unknown[]) =>
      new Promise<number>((resolve) => {
        const settle = (receivers: number) => {
          waiting.delete(giveUp);
          resolve(receivers);
        };
        const giveUp = () => settle(0);
        if (!isUp()) {
          giveUpAll();
          return giveUp();
        }
        waiting.add(giveUp);
        original(...args).then(settle, giveUp);
      });
    Object.assign(pub, { [name]: publish });
  }
  for (const name of SUBSCRIPTIONS) {
    const original = sub[name].bind(sub) as (...args: unknown[]) => Promise<unknown>;
    // Fails only when the connection is closed for good; nobody in the adapter would catch it.
    Object.assign(sub, { [name]: (...args: unknown[]) => original(...args).catch(() => undefined) });
  }

  const isUp = () => redis.isUp() && pub.status === 'ready' && sub.status === 'ready';
  redis.onLost(giveUpAll);
  redis.onReturn(() => {
    for (const client of clients) {
      if (client.status === 'ready') void reconnectUnlessAlive(client);
    }
  });

  try {
    await Promise.all(clients.map(ready));
  } catch (error) {
    await close();
    throw error;
  }

  async function close() {
    closed = true;
    for (const client of clients) client.disconnect();
  }
  return { pub, sub, isUp, close };
}

/** For `io.adapter`. @param prefix of the channels */
export function redisAdapter(
  { pub, sub }: AdapterClients,
  options: { prefix: string; serverVersion: string },
) {
  const isSharded = Number.parseInt(options.serverVersion, 10) >= SHARDED_SINCE;
  return isSharded
    ? createShardedAdapter(pub, sub, { channelPrefix: options.prefix, subscriptionMode: 'dynamic' })
    : createAdapter(pub, sub, { key: options.prefix });
}

async function ready(client: Client): Promise<void> {
  if (client.status === 'ready') return;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the adapter cannot reach Redis')), 10_000);
    client.once('ready', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function reconnectUnlessAlive(client: Client): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(() => resolve(false), PING_MS).unref()));
  const alive = client.ping().then(
    () => true,
    () => false,
  );
  if (!(await Promise.race([alive, late])) && client.status === 'ready') client.disconnect(true);
  clearTimeout(timer);
}
