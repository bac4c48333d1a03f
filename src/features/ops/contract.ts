import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Timestamp } from '../../kernel/schemas.ts';

const open = { access: 'anyone', bucket: 'exempt' } as const;
const bare = { ...open, bare: true } as const;

const Connections = z.object({ total: z.number(), discord: z.number() });

/** A's health body; `degraded` means that a configured backend is away. */
export const Health = z.object({
  status: z.enum(['healthy', 'degraded', 'draining']),
  timestamp: Timestamp,
  /** Whole seconds since the primary started. */
  uptime: z.number(),
  connections: Connections,
  /** Of all the node's processes together. */
  memory: z.object({ used: z.string(), total: z.string() }),
  environment: z.string(),
});

const Readiness = z.object({ ready: z.boolean(), reason: z.string().optional() });

/** One cluster-wide snapshot, rendered by every statistics route. Only counts. */
export const SocketStats = z.object({
  connections: z.number(),
  users: z.number(),
  guests: z.number(),
  waiting: z.number(),
  matches: z.number(),
  workers: z.number(),
  nodes: z.number(),
  timestamp: Timestamp,
});

const CpuUsage = z.object({ user: z.number(), system: z.number() });

const Metrics = z.object({
  connections: Connections,
  rooms: z.object({
    total: z.number(),
    channels: z.number(),
    activeChannels: z.array(z.object({ channelId: z.string(), userCount: z.number() })),
  }),
  /** `eventLoopDelay`: p99 of the worst worker in ns; `cpuUsage`: µs of all workers together. */
  performance: z.object({ eventLoopDelay: z.number(), cpuUsage: CpuUsage }),
});

export const opsContract = contractOf({
  name: 'ops',
  requests: {
    ping: request({ args: [], ack: z.object({ serverTime: Timestamp }), access: 'anyone' }),
  },
  pushes: {
    /** Failure of an event that was sent without a callback. */
    error: z.object({
      code: z.string(),
      message: z.string(),
      event: z.string(),
      fields: z.record(z.string(), z.string()).optional(),
    }),
    /** Once per window. */
    rate_limit_exceeded: z.object({ event: z.string(), retryAfterMs: z.number() }),
  },
  routes: {
    'GET /health': route({ data: Health, ...bare, prefixes: ['', '/api'] }),
    'GET /live': route({ data: z.object({ status: z.literal('alive') }), ...bare }),
    'GET /ready': route({ data: Readiness, ...bare }),
    'GET /status': route({
      data: Health.extend({
        nodeId: z.string(),
        version: z.string(),
        workers: z.number(),
        state: z.string(),
        storage: z.string(),
        rooms: z.object({ total: z.number() }),
        matching: z.object({ waiting: z.number(), matches: z.number() }),
        performance: Metrics.shape.performance,
      }),
      ...bare,
    }),
    'GET /metrics': route({ data: Metrics, ...bare }),
    'GET /socket/stats': route({ data: SocketStats, ...open }),
    'GET /socket-status': route({ data: SocketStats, ...bare, prefixes: [''] }),
    'GET /ws/stats': route({ data: SocketStats, bucket: 'exempt', prefixes: ['/api/v1'] }),
  },
});
