import type { Census, ProcessReport } from '../../kernel/census.ts';
import type { NodeState } from '../../kernel/node-state.ts';

export interface OpsNeeds {
  readonly census: Census;
  /** Brings this worker's own report up to date. */
  readonly reporting: { now(): Promise<void> };
  readonly node: NodeState;
  readonly roster: { counts(): Promise<{ users: number; connections: number }> };
  readonly matches: { counts(): Promise<{ waiting: number; matches: number }> };
  readonly clock: { now(): number };
}

const megabytes = (bytes: number) => `${Math.round(bytes / 1024 / 1024)}MB`;
const sum = (reports: readonly ProcessReport[], of: (report: ProcessReport) => number) =>
  reports.reduce((total, report) => total + of(report), 0);

export function createOps({ census, reporting, node, roster, matches, clock }: OpsNeeds) {
  const timestamp = () => new Date(clock.now()).toISOString();

  async function reports() {
    await reporting.now();
    const all = await census.reports();
    return { all, workers: all.filter(({ role }) => role === 'worker') };
  }

  const connectionsOf = (workers: readonly ProcessReport[]) => ({
    total: sum(workers, (report) => report.connections),
    discord: sum(workers, (report) => report.discord),
  });

  const performanceOf = (workers: readonly ProcessReport[]) => ({
    eventLoopDelay: Math.max(0, ...workers.map((report) => report.eventLoopDelayNs)),
    cpuUsage: {
      user: sum(workers, (report) => report.cpu.user),
      system: sum(workers, (report) => report.cpu.system),
    },
  });

  function status(): 'healthy' | 'degraded' | 'draining' {
    if (node.phase === 'draining') return 'draining';
    return node.lost().length > 0 ? 'degraded' : 'healthy';
  }

  async function health() {
    const { all, workers } = await reports();
    const own = all.filter(({ nodeId }) => nodeId === node.nodeId);
    return {
      status: status(),
      timestamp: timestamp(),
      uptime: Math.floor((clock.now() - node.startedAt) / 1000),
      connections: connectionsOf(workers),
      memory: {
        used: megabytes(sum(own, (report) => report.heapUsedBytes)),
        total: megabytes(sum(own, (report) => report.heapTotalBytes)),
      },
      environment: node.environment,
    };
  }

  return {
    timestamp,
    health,

    readiness(): { ready: boolean; reason?: string } {
      if (node.phase !== 'ready') return { ready: false, reason: node.phase };
      const lost = node.lost();
      return lost.length > 0
        ? { ready: false, reason: `${lost.join(', ')} cannot be reached` }
        : { ready: true };
    },

    async status() {
      const [base, { workers }, matching] = await Promise.all([health(), reports(), matches.counts()]);
      return {
        ...base,
        nodeId: node.nodeId,
        version: node.version,
        workers: workers.length,
        ...node.backends,
        rooms: { total: sum(workers, (report) => report.rooms) },
        matching,
        performance: performanceOf(workers),
      };
    },

    async metrics() {
      const { workers } = await reports();
      return {
        connections: connectionsOf(workers),
        rooms: { total: sum(workers, (report) => report.rooms), channels: 0, activeChannels: [] },
        performance: performanceOf(workers),
      };
    },

    async socketStats() {
      const [{ workers }, users, matching] = await Promise.all([
        reports(),
        roster.counts(),
        matches.counts(),
      ]);
      return {
        connections: connectionsOf(workers).total,
        users: users.users,
        guests: sum(workers, (report) => report.guests),
        ...matching,
        workers: workers.length,
        nodes: new Set(workers.map(({ nodeId }) => nodeId)).size,
        timestamp: timestamp(),
      };
    },
  };
}
