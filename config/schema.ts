/**
 * Every variable the server reads: its type, default, unit and one line of documentation.
 * `.env.example` and the table in README.md are generated from this file: `npm run env`.
 */
import {
  addresses,
  boolean,
  duration,
  emails,
  integer,
  milliseconds,
  nodeId,
  oneOf,
  origins,
  text,
  trustProxy,
  url,
  type Parser,
} from './values.ts';

export interface Variable<T = unknown> {
  group: string;
  doc: string;
  type: Parser<T>;
  /** What an unset variable means, in the notation of the environment. */
  default?: string;
  /** In words, where the default is not one text: shown in the documents only. */
  defaultDoc?: string;
  /** What `.env.example` shows, commented out, for a variable without a default. */
  sample?: string;
  unit?: string;
  /** Other names of the same thing, from the reference documents. This name wins over them. */
  aliases?: readonly string[];
  /** The value appears in no message. */
  secret?: true;
}

type WithDefault<T> = Variable<T> & { default: string };

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/** The largest packet the server ever takes (CONTRACT 8): it can be lowered, never raised. */
export const MAX_PACKET_BYTES = 1_000_000;

export const LIMIT_NAMES = ['auth', 'guest', 'refresh', 'api', 'upload', 'socket', 'signal'] as const;
export type LimitName = (typeof LIMIT_NAMES)[number];
export type LimitVariable = `RATE_LIMIT_${Uppercase<LimitName>}_${'MAX' | 'WINDOW_MS'}`;

/** The two variables of one rate limit: how many in one window, and how long it is. */
function limit<N extends LimitName>(
  name: N,
  max: number,
  windowMs: number,
  counted: string,
  aliases: { max?: string[]; windowMs?: string[] } = {},
) {
  const bucket = name.toUpperCase();
  const group = 'Rate limits';
  const pair: Record<string, WithDefault<number>> = {
    [`RATE_LIMIT_${bucket}_MAX`]: {
      group,
      doc: `${counted}: how many in one window`,
      type: integer(1, 1_000_000_000),
      default: String(max),
      ...(aliases.max && { aliases: aliases.max }),
    },
    [`RATE_LIMIT_${bucket}_WINDOW_MS`]: {
      group,
      doc: `${counted}: the window`,
      type: milliseconds(100),
      default: String(windowMs),
      unit: 'ms',
      ...(aliases.windowMs && { aliases: aliases.windowMs }),
    },
  };
  return pair as Record<`RATE_LIMIT_${Uppercase<N>}_${'MAX' | 'WINDOW_MS'}`, WithDefault<number>>;
}

export const variables = {
  NODE_ENV: {
    group: 'Server',
    doc: 'Mode; production logs JSON and demands a real JWT_SECRET',
    type: oneOf('development', 'production', 'test'),
    default: 'development',
  },
  HOST: { group: 'Server', doc: 'Address both ports are bound to', type: text, default: '0.0.0.0' },
  PORT: {
    group: 'Server',
    doc: 'Public port; sticky sessions, works for everything',
    type: integer(0, 65_535),
    default: '3001',
  },
  HTTP_PORT: {
    group: 'Server',
    doc: 'Plain port for /api, /uploads and the page, which a proxy should prefer',
    type: integer(0, 65_535),
    defaultDoc: 'PORT + 1000',
    sample: '4001',
  },
  WORKERS: {
    group: 'Server',
    doc: 'Worker processes of this node',
    type: integer(1, 64),
    defaultDoc: 'one per core',
    sample: '2',
  },
  NODE_ID: {
    group: 'Server',
    doc: 'Name of this node, unique among nodes that work together',
    type: nodeId,
    defaultDoc: 'n1 on port 3001, n2 on 3002, …; elsewhere auto with Redis, which leases a free one',
    sample: 'n1',
  },
  TRUST_PROXY: {
    group: 'Server',
    doc: 'Proxies whose X-Forwarded-For is believed, as Express has it',
    type: trustProxy,
    default: 'loopback',
  },
  DRAIN_TIMEOUT_MS: {
    group: 'Server',
    doc: 'At a stop, clients get this long to move elsewhere',
    type: milliseconds(0),
    default: '10000',
    unit: 'ms',
  },
  CORS_ORIGIN: {
    group: 'Origins',
    doc: 'Other origins whose pages may use the API and sockets, separated by commas; all names of it add up',
    type: origins,
    defaultDoc: 'http://localhost:3000,http://localhost:8080; none in production',
    sample: 'http://localhost:3000,http://localhost:8080',
    aliases: ['FRONTEND_URL', 'ALLOWED_ORIGINS', 'WS_CORS_ORIGIN', 'SOCKETIO_CORS_ORIGIN'],
  },
  SOCKETIO_CORS_CREDENTIALS: {
    group: 'Origins',
    doc: 'Pages of those origins may send cookies and Authorization',
    type: boolean,
    default: 'true',
  },
  DATA_DIR: {
    group: 'Files',
    doc: 'Embedded database and generated secret; used by one node at a time',
    type: text,
    default: './data',
  },
  UPLOAD_DIR: {
    group: 'Files',
    doc: 'Uploaded files; shared by nodes, never inside DATA_DIR',
    type: text,
    default: './uploads',
  },
  LOG_DIR: { group: 'Files', doc: 'combined.log and error.log', type: text, default: './logs' },
  LOG_LEVEL: {
    group: 'Files',
    doc: 'Least important lines to write',
    type: oneOf('error', 'warn', 'info', 'debug'),
    default: 'info',
  },
  MONGODB_URI: {
    group: 'Backends',
    doc: 'MongoDB for storage',
    type: url('mongodb://localhost:27017/realtime_chat', 'mongodb', 'mongodb\\+srv'),
    defaultDoc: 'unset: embedded SQLite',
    sample: 'mongodb://localhost:27017/realtime_chat',
    secret: true,
  },
  MONGODB_TIMEOUT_MS: {
    group: 'Backends',
    doc: 'What MongoDB does not answer for so long is UNAVAILABLE',
    type: integer(500, 4_000),
    default: '1800',
    unit: 'ms',
  },
  REDIS_URL: {
    group: 'Backends',
    doc: 'Redis for state shared by several nodes',
    type: url('redis://localhost:6379', 'redis', 'rediss'),
    defaultDoc: 'unset: memory of the primary process',
    sample: 'redis://localhost:6379',
    secret: true,
  },
  REDIS_HOST: { group: 'Backends', doc: 'Alternative to REDIS_URL', type: text, sample: 'localhost' },
  REDIS_PORT: {
    group: 'Backends',
    doc: 'With REDIS_HOST',
    type: integer(1, 65_535),
    defaultDoc: '6379',
    sample: '6379',
  },
  REDIS_PASSWORD: { group: 'Backends', doc: 'With REDIS_HOST', type: text, secret: true },
  REDIS_DB: {
    group: 'Backends',
    doc: 'With REDIS_HOST',
    type: integer(0, 65_535),
    defaultDoc: '0',
    sample: '0',
  },
  SOCKETIO_REDIS_ENABLED: {
    group: 'Backends',
    doc: 'false leaves Redis unused; true without an address means redis://localhost:6379',
    type: boolean,
    defaultDoc: 'Redis is used when it has an address',
    sample: 'true',
  },
  SOCKETIO_REDIS_PREFIX: {
    group: 'Backends',
    doc: 'Prefix of the Socket.IO channels in Redis',
    type: text,
    default: 'socket.io',
  },
  JWT_SECRET: {
    group: 'Accounts',
    doc: 'Signs tokens; at least 32 characters in production (openssl rand -hex 32)',
    type: text,
    defaultDoc: 'made once and kept in DATA_DIR; production demands it',
    aliases: ['JWT_ACCESS_TOKEN_SECRET'],
    secret: true,
  },
  JWT_SECRET_PREVIOUS: {
    group: 'Accounts',
    doc: 'Still accepted, never signed with, so that JWT_SECRET can be changed',
    type: text,
    secret: true,
  },
  JWT_EXPIRES_IN: { group: 'Accounts', doc: 'Life of a token', type: duration, default: '7d' },
  JWT_REFRESH_TOKEN_SECRET: {
    group: 'Accounts',
    doc: 'Signs refresh tokens',
    type: text,
    defaultDoc: 'derived from JWT_SECRET',
    secret: true,
  },
  JWT_REFRESH_EXPIRES_IN: {
    group: 'Accounts',
    doc: 'Life of a refresh token',
    type: duration,
    default: '30d',
  },
  TRUST_EXTERNAL_JWT: {
    group: 'Accounts',
    doc: 'Tokens that another service signs with JWT_SECRET make users here',
    type: boolean,
    default: 'false',
  },
  ALLOW_GUESTS: {
    group: 'Accounts',
    doc: 'Sockets without a token may join',
    type: boolean,
    default: 'true',
  },
  OPEN_ROOMS: {
    group: 'Accounts',
    doc: 'Joining an unknown room makes it',
    type: boolean,
    default: 'true',
  },
  EDIT_WINDOW_MS: {
    group: 'Accounts',
    doc: 'How long authors may edit a message; 0 forbids it',
    type: milliseconds(0),
    default: `${15 * MINUTE_MS}`,
    unit: 'ms',
  },
  ADMIN_EMAILS: {
    group: 'Accounts',
    doc: 'Addresses of admins, once confirmed by npm run admin or the API key',
    type: emails,
    sample: 'admin@example.org',
  },
  ADMIN_API_KEY: { group: 'Accounts', doc: 'X-API-Key of the admin routes', type: text, secret: true },
  SOCKET_PING_INTERVAL: {
    group: 'Sockets',
    doc: 'Between two heartbeats',
    type: milliseconds(100),
    default: '25000',
    unit: 'ms',
    aliases: ['SOCKETIO_PING_INTERVAL'],
  },
  SOCKET_PING_TIMEOUT: {
    group: 'Sockets',
    doc: 'A heartbeat unanswered for so long ends the connection',
    type: milliseconds(100),
    default: '60000',
    unit: 'ms',
    aliases: ['SOCKETIO_PING_TIMEOUT'],
  },
  SOCKET_MAX_HTTP_BUFFER_SIZE: {
    group: 'Sockets',
    doc: 'Largest packet; a larger one ends its connection',
    type: integer(1_000, MAX_PACKET_BYTES),
    default: String(MAX_PACKET_BYTES),
    unit: 'bytes',
    aliases: ['SOCKETIO_MAX_PAYLOAD'],
  },
  STUN_URLS: {
    group: 'Calls',
    doc: 'STUN servers told to clients',
    type: addresses('stun:stun.example.org:3478', 'stun', 'stuns'),
    defaultDoc: 'none: calls connect within one network only, unless TURN_URLS is set',
    sample: 'stun:stun.example.org:3478',
  },
  TURN_URLS: {
    group: 'Calls',
    doc: 'TURN servers told to clients, with credentials made from TURN_SECRET',
    type: addresses('turn:turn.example.org:3478', 'turn', 'turns'),
    sample: 'turn:turn.example.org:3478',
  },
  TURN_SECRET: { group: 'Calls', doc: "coturn's static-auth-secret", type: text, secret: true },
  TURN_TTL_SECONDS: {
    group: 'Calls',
    doc: 'Life of TURN credentials',
    type: integer(60, 604_800),
    default: '43200',
    unit: 's',
  },
  RTC_ICE_POLICY: {
    group: 'Calls',
    doc: 'relay: calls go through TURN only, and strangers never see an address',
    type: oneOf('all', 'relay'),
    default: 'all',
  },
  MAX_FILE_SIZE: {
    group: 'Uploads',
    doc: 'Largest upload',
    type: integer(1, Number.MAX_SAFE_INTEGER),
    default: '10485760',
    unit: 'bytes',
  },
  MAX_VOICE_DURATION: {
    group: 'Uploads',
    doc: 'Longest voice message',
    type: integer(1, 86_400),
    default: '300',
    unit: 's',
  },
  ...limit('auth', 5, 15 * MINUTE_MS, 'Register, login and password change, by address'),
  ...limit('guest', 20, 15 * MINUTE_MS, 'New guest accounts, by address'),
  ...limit('refresh', 60, 15 * MINUTE_MS, 'Token refreshes, by user'),
  ...limit('api', 100, 15 * MINUTE_MS, 'HTTP requests, by address (signed in: by user, ten times that)', {
    max: ['RATE_LIMIT_MAX_REQUESTS'],
    windowMs: ['RATE_LIMIT_WINDOW_MS'],
  }),
  ...limit('upload', 10, HOUR_MS, 'Uploads, by address'),
  ...limit('socket', 100, MINUTE_MS, 'Socket events, by user (guest sockets: by address)', {
    max: ['SOCKETIO_RATE_LIMIT_MAX_REQUESTS'],
    windowMs: ['SOCKETIO_RATE_LIMIT_WINDOW_MS'],
  }),
  ...limit('signal', 600, MINUTE_MS, 'Call signaling events, by user'),
} satisfies Record<string, Variable>;

type Variables = typeof variables;
export type VariableName = keyof Variables;

type Parsed<V> = V extends Variable<infer T> ? (V extends { default: string } ? T : T | undefined) : never;

/** One parsed value for each variable; those without a default may be undefined. */
export type Values = { [N in VariableName]: Parsed<Variables[N]> };
