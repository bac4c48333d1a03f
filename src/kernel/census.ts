import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from './clock.ts';

/** What one process says of itself. Counts and sizes only. */
export interface ProcessReport {
  readonly nodeId: string;
  readonly role: 'primary' | 'worker';
  readonly connections: number;
  /** Connections in the namespace `/discord`. */
  readonly discord: number;
  /** Sockets without a token. */
  readonly guests: number;
  readonly rooms: number;
  readonly heapUsedBytes: number;
  readonly heapTotalBytes: number;
  /** p99 of the last minute or so, nanoseconds. */
  readonly eventLoopDelayNs: number;
  /** Microseconds since the process started. */
  readonly cpu: { readonly user: number; readonly system: number };
}

/** The processes' newest reports, cluster-wide. A report ends with its process. */
export interface Census {
  report(owner: string, report: ProcessReport): Promise<void>;
  reports(): Promise<readonly ProcessReport[]>;
  dropOwner(owner: string): Promise<void>;
}

export function memoryCensus(): Census {
  const byOwner = new Map<string, ProcessReport>();
  return {
    async report(owner, report) {
      byOwner.set(owner, report);
    },
    async reports() {
      return [...byOwner.values()];
    },
    async dropOwner(owner) {
      byOwner.delete(owner);
    },
  };
}

type Counts = Pick<ProcessReport, 'connections' | 'discord' | 'guests' | 'rooms'>;

const REPORT_MS = 1_000;
const DELAY_WINDOW_MS = 60_000;
/** The histogram counts its own pauses as delay; they are taken off. */
const DELAY_RESOLUTION_MS = 10;

export interface Reporting {
  /** Resolves when the census knows how things are now. */
  now(): Promise<void>;
  /** Counts changed: reports at the end of the tick, once for all changes in it. */
  changed(): void;
  stop(): void;
}

/** Reports once a second, and when something changed. */
export function startReporting(deps: {
  census: Census;
  clock: Clock;
  owner: string;
  nodeId: string;
  role: ProcessReport['role'];
  counts: () => Counts;
}): Reporting {
  const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS });
  delay.enable();
  let soon: NodeJS.Immediate | undefined;

  const now = () => {
    const { heapUsed, heapTotal } = process.memoryUsage();
    return deps.census.report(deps.owner, {
      nodeId: deps.nodeId,
      role: deps.role,
      ...deps.counts(),
      heapUsedBytes: heapUsed,
      heapTotalBytes: heapTotal,
      eventLoopDelayNs: Math.max(0, delay.percentile(99) - DELAY_RESOLUTION_MS * 1e6),
      cpu: process.cpuUsage(),
    });
  };

  const report = () => {
    soon = undefined;
    now().catch(() => {
      // The next one says the same.
    });
  };
  const endWindow = deps.clock.every(DELAY_WINDOW_MS, () => delay.reset());
  const end = deps.clock.every(REPORT_MS, report);
  return {
    now,
    changed: () => void (soon ??= setImmediate(report)),
    stop() {
      end();
      endWindow();
      clearImmediate(soon);
      delay.disable();
    },
  };
}
