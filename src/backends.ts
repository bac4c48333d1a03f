import type { Config } from '../config/config.ts';
import { memoryMatchPool } from './features/matching/pool.memory.ts';
import type { MatchPool } from './features/matching/pool.ts';
import { memoryRoster, type Roster } from './features/presence/roster.ts';
import { remotePorts, type PortMap, type Wire } from './kernel/bridge.ts';
import { memoryCensus, type Census } from './kernel/census.ts';
import type { Clock } from './kernel/clock.ts';
import { memoryLeases, type Leases } from './kernel/leases.ts';
import { memoryLimiter, withLocalRefusals, type Limiter } from './kernel/limiter.ts';
import type { Logger } from './kernel/logger.ts';
import { remoteStores, startStorageThread, workerStores, type Stores } from './sqlite-stores.ts';

/** What workers share and forget: lives in the host's memory. */
export interface StatePorts {
  readonly pool: MatchPool;
  readonly roster: Roster;
  readonly limiter: Limiter;
  readonly leases: Leases;
  readonly census: Census;
}

export type Ports = StatePorts & Stores;

/** Which implementation each kind of port has, as the banner and `/api/status` say it. */
export function describeBackends(_config: Config): { state: 'memory'; storage: 'sqlite' } {
  return { state: 'memory', storage: 'sqlite' };
}

/** @throws Error when a backend is configured that this release does not have: it must never be replaced quietly */
function refuseUnknown(config: Config): void {
  const asked = [config.redisUrl && 'REDIS_URL', config.mongodbUri && 'MONGODB_URI'].filter(Boolean);
  if (asked.length > 0) {
    throw new Error(
      `${asked.join(' and ')}: this release has only the embedded backends. Remove it to start on this node alone.`,
    );
  }
}

function memoryState(clock: Clock): StatePorts {
  return {
    pool: memoryMatchPool(clock),
    roster: memoryRoster(clock),
    limiter: memoryLimiter(),
    leases: memoryLeases(clock),
    census: memoryCensus(),
  };
}

/** What the primary hosts for its workers. */
export interface Host {
  /** By the names that `workerPorts` asks for. */
  readonly ports: PortMap;
  readonly stores: Stores;
  readonly state: StatePorts;
  /** Gives back everything that a worker held which is gone. */
  dropOwner(owner: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * @param onLost the storage ended by itself: nothing can be stored any more
 * @throws Error with a message for the operator
 */
export async function hostPorts(
  config: Config,
  clock: Clock,
  logger: Logger,
  onLost: () => void = () => {},
): Promise<Host> {
  refuseUnknown(config);
  const thread = await startStorageThread({
    dataDir: config.dataDir,
    onUnexpected: (error, what) => logger.error('error', `${what} failed in the storage`, { error }),
  });
  let closing = false;
  thread.wire.onClose(() => {
    if (!closing) onLost();
  });
  const state = memoryState(clock);
  const stores = remoteStores(thread.wire);
  return {
    ports: { ...state, ...stores },
    stores,
    state,
    async dropOwner(owner) {
      const { pool, roster, leases, census } = state;
      await Promise.all([pool, roster, leases, census].map((port) => port.dropOwner(owner)));
    },
    close() {
      closing = true;
      return thread.close();
    },
  };
}

/** A worker's ports: state is asked of the primary; storage is read here and written there. */
export function workerPorts(config: Config, wire: Wire, clock: Clock): Ports & { close(): void } {
  const port = remotePorts(wire);
  const { stores, close } = workerStores(config.dataDir, remoteStores(wire));
  return {
    ...stores,
    pool: port('pool'),
    roster: port('roster'),
    limiter: withLocalRefusals(port('limiter'), clock),
    leases: port('leases'),
    census: port('census'),
    close,
  };
}
