import { vi } from 'vitest';
import { connectRedis } from '../../src/drivers/redis.ts';
import { redisAttendance } from '../../src/features/conversations/attendance.redis.ts';
import { memoryAttendance, type Attendance } from '../../src/features/conversations/attendance.ts';
import { redisRoster } from '../../src/features/presence/roster.redis.ts';
import { memoryRoster, type Roster } from '../../src/features/presence/roster.ts';
import { redisCensus } from '../../src/kernel/census.redis.ts';
import { memoryCensus, type Census } from '../../src/kernel/census.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { redisLeases } from '../../src/kernel/leases.redis.ts';
import { memoryLeases, type Leases } from '../../src/kernel/leases.ts';
import { redisLimiter } from '../../src/kernel/limiter.redis.ts';
import { memoryLimiter, type Limiter } from '../../src/kernel/limiter.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { redisNodes } from '../../src/kernel/nodes.redis.ts';
import { memoryNodes, type Nodes } from '../../src/kernel/nodes.ts';
import { redisOwners } from '../../src/kernel/owners.redis.ts';
import { memoryOwners, type Owners } from '../../src/kernel/owners.ts';
import { redisForTests, withoutRedis } from '../harness/redis.ts';
import { bridged } from './bridged.ts';

export interface StatePortsUnderTest {
  readonly roster: Roster;
  readonly attendance: Attendance;
  readonly leases: Leases;
  readonly limiter: Limiter;
  readonly census: Census;
  readonly owners: Owners;
  readonly nodes: Nodes;
}

export interface StateUnderTest {
  readonly ports: StatePortsUnderTest;
  /** The ports' time. */
  now(): number;
  /** Lets `ms` pass for the ports; nothing else moves their time. */
  advance(ms: number): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface StateBackend {
  readonly name: string;
  /** Why its tests cannot run here. */
  readonly missing?: string | undefined;
  /** Empty ports. */
  open(): Promise<StateUnderTest>;
}

/**
 * The limiter's library takes its time from Date and from timers, so these are what stands still here, for all ports alike;
 * messages and immediates travel as ever.
 */
async function memory(): Promise<StateUnderTest> {
  vi.useFakeTimers({
    now: Date.UTC(2026, 0, 1),
    toFake: ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'],
  });
  return {
    ports: {
      roster: memoryRoster(systemClock),
      attendance: memoryAttendance(),
      leases: memoryLeases(systemClock),
      limiter: memoryLimiter(),
      census: memoryCensus(),
      owners: memoryOwners(systemClock),
      nodes: memoryNodes(systemClock),
    },
    now: () => Date.now(),
    advance: (ms) => void vi.advanceTimersByTime(ms),
    close: () => void vi.useRealTimers(),
  };
}

/** As a worker sees what its primary hosts. */
async function behindBridge(): Promise<StateUnderTest> {
  const inner = await memory();
  const { ports, close } = bridged({ ...inner.ports });
  return {
    ...inner,
    ports,
    async close() {
      close();
      await inner.close();
    },
  };
}

/**
 * Its scripts take the time from the test; it stands still in this process as well, for what counts here. `isCluster`: as one node
 * of a Redis Cluster, which refuses keys that may live on different nodes.
 */
async function redis(isCluster: boolean): Promise<StateUnderTest> {
  const { url, prefix, empty } = await redisForTests(isCluster);
  const start = Date.UTC(2026, 0, 1);
  const connection = await connectRedis({
    ...{ url, prefix, logger: silentLogger, newcomersWaitMs: Number.MIN_SAFE_INTEGER },
    now: () => Date.now(),
  });
  vi.useFakeTimers({ now: start, toFake: ['Date'] });
  return {
    ports: {
      roster: redisRoster(connection),
      attendance: redisAttendance(connection),
      leases: redisLeases(connection),
      limiter: redisLimiter(connection, silentLogger),
      census: redisCensus(connection),
      owners: redisOwners(connection),
      nodes: redisNodes(connection),
    },
    now: () => Date.now(),
    advance: (ms) => void vi.setSystemTime(Date.now() + ms),
    async close() {
      vi.useRealTimers();
      await connection.close();
      await empty();
    },
  };
}

/** Every home of the shared state: a new one passes the suites of all its ports by being added here. */
export const stateBackends: readonly StateBackend[] = [
  { name: 'memory', open: memory },
  { name: 'bridged', open: behindBridge },
  { name: 'Redis', missing: withoutRedis, open: () => redis(false) },
  { name: 'Redis Cluster', missing: withoutRedis, open: () => redis(true) },
];
