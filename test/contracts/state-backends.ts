import { vi } from 'vitest';
import { memoryRoster, type Roster } from '../../src/features/presence/roster.ts';
import { memoryCensus, type Census } from '../../src/kernel/census.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { memoryLeases, type Leases } from '../../src/kernel/leases.ts';
import { memoryLimiter, type Limiter } from '../../src/kernel/limiter.ts';
import { bridged } from './bridged.ts';

export interface StatePortsUnderTest {
  readonly roster: Roster;
  readonly leases: Leases;
  readonly limiter: Limiter;
  readonly census: Census;
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
      leases: memoryLeases(systemClock),
      limiter: memoryLimiter(),
      census: memoryCensus(),
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

/** Every home of the shared state: a new one passes the suites of all its ports by being added here. */
export const stateBackends: readonly StateBackend[] = [
  { name: 'memory', open: memory },
  { name: 'bridged', open: behindBridge },
];
