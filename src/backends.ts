import { setTimeout as delay } from 'node:timers/promises';
import { createAdapter as clusterAdapter } from '@socket.io/cluster-adapter';
import type { Config } from '../config/config.ts';
import type { AppOptions } from './app.ts';
import { openMongo } from './drivers/mongo.ts';
import { adapterClients, redisAdapter, type AdapterClients } from './drivers/redis-adapter.ts';
import { connectRedis, type Redis } from './drivers/redis.ts';
import { redisAttendance } from './features/conversations/attendance.redis.ts';
import { memoryAttendance, type Attendance } from './features/conversations/attendance.ts';
import { memoryMatchPool } from './features/matching/pool.memory.ts';
import { redisMatchPool } from './features/matching/pool.redis.ts';
import { returningMatchPool } from './features/matching/pool.returning.ts';
import type { MatchPool } from './features/matching/pool.ts';
import { diskBlobs } from './features/uploads/blobs.disk.ts';
import type { Blobs } from './features/uploads/blobs.ts';
import { nativeMedia } from './features/uploads/media.native.ts';
import type { Media } from './features/uploads/media.ts';
import { redisRoster } from './features/presence/roster.redis.ts';
import { memoryRoster, type Roster } from './features/presence/roster.ts';
import { remotePorts, type PortMap, type Wire } from './kernel/bridge.ts';
import { redisCensus } from './kernel/census.redis.ts';
import { memoryCensus, type Census } from './kernel/census.ts';
import type { Clock } from './kernel/clock.ts';
import { AppError } from './kernel/errors.ts';
import { redisLeases } from './kernel/leases.redis.ts';
import { memoryLeases, type Leases } from './kernel/leases.ts';
import { redisLimiter } from './kernel/limiter.redis.ts';
import { memoryLimiter, withLocalRefusals, type Limiter } from './kernel/limiter.ts';
import type { Logger } from './kernel/logger.ts';
import { redisNodes } from './kernel/nodes.redis.ts';
import { mongoNodes } from './kernel/nodes.mongo.ts';
import type { Nodes } from './kernel/nodes.ts';
import { redisOwners } from './kernel/owners.redis.ts';
import { memoryOwners, type Owners } from './kernel/owners.ts';
import { mongoStores, prepareMongo } from './mongo-stores.ts';
import { remoteStores, startStorageThread, workerStores, type Stores } from './sqlite-stores.ts';
import { embeddedAccounts } from './storage-copy.ts';

/** The adapter's connections are tried again at least twice a second. */
const ADAPTER_BACK_MS = 2_000;
const ADAPTER_POLL_MS = 20;

/** What workers share and forget. */
export interface StatePorts {
  readonly pool: MatchPool;
  readonly roster: Roster;
  readonly attendance: Attendance;
  readonly limiter: Limiter;
  readonly leases: Leases;
  readonly census: Census;
  readonly owners: Owners;
}

/** What stays on this machine, or in a directory that all nodes see. */
export interface FilePorts {
  readonly blobs: Blobs;
  readonly media: Media;
}

export type Ports = StatePorts & Stores & FilePorts;

/** Which implementation each kind of port has, as the banner, `/api/status` and the other nodes are told. */
export function describeBackends(config: Config): {
  state: 'memory' | 'redis';
  storage: 'sqlite' | 'mongodb';
} {
  return { state: config.redisUrl ? 'redis' : 'memory', storage: config.mongodbUri ? 'mongodb' : 'sqlite' };
}

function memoryState(clock: Clock): StatePorts {
  return {
    pool: memoryMatchPool(clock),
    roster: memoryRoster(clock),
    attendance: memoryAttendance(),
    limiter: memoryLimiter(),
    leases: memoryLeases(clock),
    census: memoryCensus(),
    owners: memoryOwners(clock),
  };
}

const connect = (url: string, config: Config, logger: Logger) =>
  connectRedis({ url, prefix: config.redisPrefix, logger });

function redisState(redis: Redis, logger: Logger) {
  return {
    pool: redisMatchPool({ redis }),
    roster: redisRoster(redis),
    attendance: redisAttendance(redis),
    limiter: redisLimiter(redis, logger),
    leases: redisLeases(redis),
    census: redisCensus(redis),
    owners: redisOwners(redis),
  } satisfies StatePorts;
}

/** Gives back on every port what an owner had that is gone. */
export async function dropOwner(state: StatePorts, owner: string): Promise<void> {
  const { pool, roster, attendance, leases, census } = state;
  await Promise.all([pool, roster, attendance, leases, census].map((port) => port.dropOwner(owner)));
  await state.owners.dropOwner(owner);
}

/** The primary's own access to what workers share. */
export interface HostState {
  readonly ports: StatePorts;
  /** Undefined where no other node can see it. */
  readonly nodes: Nodes | undefined;
  /** What workers ask for over the bridge. */
  readonly hosted: PortMap;
  close(): Promise<void>;
}

/** @throws Error with a message for the operator */
export async function openHostState(config: Config, clock: Clock, logger: Logger): Promise<HostState> {
  if (config.redisUrl === undefined) {
    const ports = memoryState(clock);
    return { ports, nodes: undefined, hosted: { ...ports }, close: async () => {} };
  }
  const redis = await connect(config.redisUrl, config, logger);
  return {
    ports: redisState(redis, logger),
    nodes: redisNodes(redis),
    hosted: {},
    close: () => redis.close(),
  };
}

/** The one writer of the embedded storage, or a connection to MongoDB with its collections prepared. */
export interface HostStorage {
  readonly stores: Stores;
  /** Undefined where no other node can see it. */
  readonly nodes: Nodes | undefined;
  readonly hosted: PortMap;
  /** How many accounts there are in the embedded storage of DATA_DIR, when another one is in use that has none. */
  leftBehind(): Promise<number>;
  close(): Promise<void>;
}

/**
 * @param onLost the embedded storage ended by itself: nothing can be stored any more
 * @throws Error with a message for the operator
 */
export async function openHostStorage(
  config: Config,
  logger: Logger,
  owner: string,
  onLost: () => void = () => {},
): Promise<HostStorage> {
  if (config.mongodbUri !== undefined) {
    const mongo = await openMongo({ uri: config.mongodbUri, answerMs: config.mongodbTimeoutMs, logger });
    await prepareMongo(mongo, owner, logger);
    const stores = mongoStores(mongo);
    return {
      stores,
      nodes: mongoNodes(mongo),
      hosted: {},
      leftBehind: async () => ((await stores.accounts.count()) === 0 ? embeddedAccounts(config.dataDir) : 0),
      close: () => mongo.close(),
    };
  }
  const thread = await startStorageThread({
    dataDir: config.dataDir,
    onUnexpected: (error, what) => logger.error('error', `${what} failed in the storage`, { error }),
  });
  let closing = false;
  thread.wire.onClose(() => {
    if (!closing) onLost();
  });
  const stores = remoteStores(thread.wire);
  return {
    stores,
    nodes: undefined,
    hosted: { ...stores },
    leftBehind: async () => 0,
    close() {
      closing = true;
      return thread.close();
    },
  };
}

/** A worker's access to state and storage. */
export interface WorkerBackends extends Pick<AppOptions, 'adapter' | 'adapterIsUp'> {
  readonly ports: Ports;
  /** Configured backends that do not answer at this moment. */
  lost(): readonly string[];
  /** Shared state that this process must keep alive and say again; undefined where the primary sees to it. */
  readonly shared:
    | undefined
    | {
        /**
         * Says again everything but what features have, after the state was away or has forgotten the owner. Answers the names of
         * slots that somebody else has by now: this worker must not go on.
         */
        restate(owner: string): Promise<readonly string[]>;
        onReturn(listener: () => void): void;
      };
  close(): Promise<void>;
}

interface WorkerNeeds {
  readonly wire: Wire;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** @throws Error with a message for the operator */
export async function openWorkerBackends(config: Config, needs: WorkerNeeds): Promise<WorkerBackends> {
  const [state, storage] = await Promise.all([workerState(config, needs), workerStorage(config, needs)]);
  const { limiter } = state.ports;
  const files = { blobs: diskBlobs(config.uploadDir), media: nativeMedia() };
  return {
    ports: { ...state.ports, limiter: withLocalRefusals(limiter, needs.clock), ...storage.stores, ...files },
    adapter: state.adapter,
    adapterIsUp: state.adapterIsUp,
    shared: state.shared,
    lost: () => [...state.lost(), ...storage.lost()],
    async close() {
      await Promise.all([state.close(), storage.close(), files.media.close()]);
    },
  };
}

type WorkerState = Omit<WorkerBackends, 'ports'> & { readonly ports: StatePorts };

async function workerState(config: Config, { wire, logger }: WorkerNeeds): Promise<WorkerState> {
  if (config.redisUrl === undefined) {
    const port = remotePorts(wire);
    return {
      ports: {
        pool: port('pool'),
        roster: port('roster'),
        attendance: port('attendance'),
        limiter: port('limiter'),
        leases: port('leases'),
        census: port('census'),
        owners: port('owners'),
      },
      adapter: clusterAdapter(),
      adapterIsUp: () => process.connected,
      lost: () => (process.connected ? [] : ['the primary']),
      shared: undefined,
      close: async () => {},
    };
  }
  const redis = await connect(config.redisUrl, config, logger);
  const clients = await adapterClients(redis, config.redisUrl, logger);
  const ports = redisState(redis, logger);
  return {
    ports: { ...ports, pool: returningMatchPool(ports.pool, (listener) => redis.onReturn(listener)) },
    adapter: redisAdapter(clients, { prefix: config.redisPrefix, serverVersion: redis.server.version }),
    adapterIsUp: () => clients.isUp(),
    lost: () => (redis.isUp() ? [] : ['Redis']),
    shared: {
      async restate(owner) {
        await ports.roster.restate();
        await ports.attendance.restate();
        const lost = await ports.leases.restate(owner);
        await reachesOthers(clients);
        return lost;
      },
      onReturn: (listener) => redis.onReturn(listener),
    },
    async close() {
      await clients.close();
      await redis.close();
    },
  };
}

/**
 * What comes of the features' claims is pushed to other workers, and what comes of theirs to this one: each claims when both get
 * through, so that whoever claims last reaches the other. The connections come back one by one.
 * @throws UNAVAILABLE when they take too long
 */
async function reachesOthers({ isUp, sub }: AdapterClients): Promise<void> {
  const endsAt = performance.now() + ADAPTER_BACK_MS;
  const late = () => new AppError('UNAVAILABLE', 'The adapter has not come back yet.');
  while (!isUp()) {
    if (performance.now() > endsAt) throw late();
    await delay(ADAPTER_POLL_MS);
  }
  // Answered after the subscriptions, which were sent before. Without Redis it waits for ever, and the lease is not renewed meanwhile.
  const answered = await Promise.race([
    sub.ping(),
    delay(endsAt - performance.now(), undefined, { ref: false }),
  ]);
  if (answered === undefined) throw late();
}

async function workerStorage(config: Config, { wire, logger }: WorkerNeeds) {
  if (config.mongodbUri === undefined) {
    const { stores, close } = workerStores(config.dataDir, remoteStores(wire));
    return { stores, lost: () => [], close: async () => close() };
  }
  const mongo = await openMongo({ uri: config.mongodbUri, answerMs: config.mongodbTimeoutMs, logger });
  return {
    stores: mongoStores(mongo),
    lost: () => (mongo.isUp() ? [] : ['MongoDB']),
    close: () => mongo.close(),
  };
}
