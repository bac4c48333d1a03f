import type { LimitName } from './schema.ts';

/** What the environment said, parsed, checked and completed; frozen. `loadConfig` makes it. */
export interface Config {
  env: 'development' | 'production' | 'test';
  host: string;
  port: number;
  /** The plain shared port; 0 when `port` is 0. */
  httpPort: number;
  workers: number;
  /** `auto`: the primary leases one. */
  nodeId: string;
  /** Absolute paths; nobody has made them yet. */
  dataDir: string;
  logDir: string;
  uploadDir: string;
  logLevel: 'error' | 'warn' | 'info' | 'debug';
  /** As browsers send them, or `*` (never in production). The own origin is not among them. */
  origins: string[];
  corsCredentials: boolean;
  /** Unset: embedded storage. */
  mongodbUri?: string;
  mongodbTimeoutMs: number;
  /** Unset: embedded state. */
  redisUrl?: string;
  redisPrefix: string;
  jwt: {
    secret: string;
    /** Verified, never signed with. */
    previousSecret?: string;
    refreshSecret: string;
    /** The refresh secret that belonged to `previousSecret`, where both are derived. */
    previousRefreshSecret?: string;
    /** Tokens of the shared secret that are not ours count too (CONTRACT 11). */
    trustExternal: boolean;
    expiresInSeconds: number;
    refreshExpiresInSeconds: number;
  };
  socket: { pingIntervalMs: number; pingTimeoutMs: number; maxHttpBufferBytes: number };
  allowGuests: boolean;
  openRooms: boolean;
  editWindowMs: number;
  /** A value of Express' `trust proxy`. */
  trustProxy: string | boolean | number;
  drainTimeoutMs: number;
  rtc: {
    stunUrls: string[];
    turnUrls: string[];
    turnSecret?: string;
    turnTtlSeconds: number;
    icePolicy: 'all' | 'relay';
  };
  /** Addresses in lower case. */
  admin: { emails: string[]; apiKey?: string };
  rateLimits: Record<LimitName, { max: number; windowMs: number }>;
  uploads: { maxFileBytes: number; maxVoiceSeconds: number };
  /** The first signs URLs, each counts. */
  urlSecrets: readonly [string, ...string[]];
  /** For the log at start: what was ignored or is unwise. Never a secret. */
  warnings: string[];
}
