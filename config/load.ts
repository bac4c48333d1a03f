/** The environment becomes one frozen Config, or one error that lists every bad variable. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative, resolve, sep } from 'node:path';
import { parseEnv } from 'node:util';
import { canonicalNames, redisAddress } from './aliases.ts';
import type { Config } from './config.ts';
import {
  LIMIT_NAMES,
  variables,
  type LimitName,
  type LimitVariable,
  type Values,
  type Variable,
  type VariableName,
} from './schema.ts';
import { keptSecret, MISSING_SECRET, refreshSecretOf, urlSecretOf, weakness } from './secrets.ts';

export type { Config } from './config.ts';
export type Environment = Record<string, string | undefined>;

/** Some variables cannot be used; the message has one line for each, and never a secret's value. */
export class ConfigError extends Error {
  override name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.problems = problems;
  }
}

/**
 * `.env` of the directory under the process' own variables: the process' win, also where they are empty
 * (`REDIS_URL= npm start` runs without the Redis that `.env` names).
 */
export function readEnvironment(directory: string = process.cwd()): Environment {
  return { ...readEnvFile(resolve(directory, '.env')), ...process.env };
}

function readEnvFile(file: string): Environment {
  try {
    return parseEnv(readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'EISDIR') return {};
    throw new ConfigError([`.env: cannot be read (${String(code)})`]);
  }
}

/**
 * Parses, checks and completes the variables. An empty value is an unset one. Outside production a missing
 * JWT_SECRET is made and kept in DATA_DIR; nothing else is written. Throws ConfigError.
 */
export function loadConfig(environment: Environment): Config {
  const problems: string[] = [];
  const warnings: string[] = [];
  const { env, nameOf } = canonicalNames(withoutEmpty(environment), problems, warnings);
  const values = parseAll(env, nameOf, problems);

  const production = values.NODE_ENV === 'production';
  const redisUrl = redisAddress(values, warnings);
  const directories = directoriesOf(values, problems);
  checkTogether(values, problems, warnings);
  if (production) checkForProduction(values, nameOf, problems, warnings);
  if (problems.length > 0) throw new ConfigError(problems);

  const jwt = tokensOf(values, directories.dataDir);
  return deepFreeze({
    env: values.NODE_ENV,
    host: values.HOST,
    port: values.PORT,
    httpPort: values.HTTP_PORT ?? defaultHttpPort(values.PORT),
    workers: values.WORKERS ?? availableParallelism(),
    nodeId: nodeIdOf(values, redisUrl !== undefined),
    ...directories,
    logLevel: values.LOG_LEVEL,
    origins: values.CORS_ORIGIN ?? (production ? [] : DEVELOPMENT_ORIGINS),
    corsCredentials: values.SOCKETIO_CORS_CREDENTIALS,
    ...(values.MONGODB_URI !== undefined && { mongodbUri: values.MONGODB_URI }),
    mongodbTimeoutMs: values.MONGODB_TIMEOUT_MS,
    ...(redisUrl !== undefined && { redisUrl }),
    redisPrefix: values.SOCKETIO_REDIS_PREFIX,
    jwt,
    socket: {
      pingIntervalMs: values.SOCKET_PING_INTERVAL,
      pingTimeoutMs: values.SOCKET_PING_TIMEOUT,
      maxHttpBufferBytes: values.SOCKET_MAX_HTTP_BUFFER_SIZE,
    },
    allowGuests: values.ALLOW_GUESTS,
    openRooms: values.OPEN_ROOMS,
    editWindowMs: values.EDIT_WINDOW_MS,
    trustProxy: values.TRUST_PROXY,
    drainTimeoutMs: values.DRAIN_TIMEOUT_MS,
    rtc: {
      stunUrls: values.STUN_URLS ?? [],
      turnUrls: values.TURN_URLS ?? [],
      ...(values.TURN_SECRET !== undefined && { turnSecret: values.TURN_SECRET }),
      turnTtlSeconds: values.TURN_TTL_SECONDS,
      icePolicy: values.RTC_ICE_POLICY,
    },
    admin: {
      emails: values.ADMIN_EMAILS ?? [],
      ...(values.ADMIN_API_KEY !== undefined && { apiKey: values.ADMIN_API_KEY }),
    },
    rateLimits: rateLimitsOf(values),
    uploads: { maxFileBytes: values.MAX_FILE_SIZE, maxVoiceSeconds: values.MAX_VOICE_DURATION },
    urlSecrets: urlSecretsOf(jwt),
    warnings,
  });
}

const DEVELOPMENT_ORIGINS = ['http://localhost:3000', 'http://localhost:8080'];

/** Spaces around a value are never meant (Docker's --env-file keeps them), except in a secret. */
function withoutEmpty(environment: Environment): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value.trim() !== '') kept[name] = value;
  }
  return kept;
}

function parseAll(
  env: Record<string, string>,
  nameOf: (name: VariableName) => string,
  problems: string[],
): Values {
  const values: Record<string, unknown> = {};
  for (const [name, variable] of Object.entries(variables) as [VariableName, Variable][]) {
    const given = env[name] ?? variable.default;
    if (given === undefined) continue;
    const parsed = variable.type.safeParse(variable.secret ? given : given.trim());
    if (parsed.success) values[name] = parsed.data;
    else problems.push(problem(nameOf(name), variable, parsed.error.issues[0]?.message ?? 'is wrong', given));
    // What depends on a bad value is judged by its default, so that one mistake makes one line.
    if (!parsed.success && variable.default !== undefined)
      values[name] = variable.type.parse(variable.default);
  }
  // Every name of `variables` was parsed by its own type just above.
  return values as Values;
}

const LONGEST_SHOWN = 80;

function problem(name: string, variable: Variable, reason: string, given: string): string {
  if (variable.secret) return `${name}: ${reason}`;
  const shown = given.length > LONGEST_SHOWN ? `${given.slice(0, LONGEST_SHOWN)}…` : given;
  return `${name}: ${reason} (got ${JSON.stringify(shown)})`;
}

function directoriesOf(values: Values, problems: string[]) {
  const dataDir = resolve(values.DATA_DIR);
  const uploadDir = resolve(values.UPLOAD_DIR);
  const path = relative(dataDir, uploadDir);
  if (path !== '..' && !path.startsWith(`..${sep}`) && resolve(path) !== path) {
    problems.push(`UPLOAD_DIR: must not be inside DATA_DIR (got ${JSON.stringify(values.UPLOAD_DIR)})`);
  }
  return { dataDir, uploadDir, logDir: resolve(values.LOG_DIR) };
}

/** Port 0 asks for any free port, and then both are. */
function defaultHttpPort(port: number): number {
  return port === 0 ? 0 : port + 1000;
}

/** `auto` leases a name where nodes share a Redis; alone there is nobody to share names with. */
function nodeIdOf(values: Values, hasRedis: boolean): string {
  if (values.NODE_ID !== undefined && (values.NODE_ID !== 'auto' || hasRedis)) return values.NODE_ID;
  const byPort = values.PORT - 3000;
  if (byPort >= 1 && byPort <= 99) return `n${byPort}`;
  return hasRedis ? 'auto' : 'n1';
}

/** Rules between variables. */
function checkTogether(values: Values, problems: string[], warnings: string[]): void {
  const httpPort = values.HTTP_PORT ?? defaultHttpPort(values.PORT);
  if (httpPort > 65_535) problems.push(`HTTP_PORT: PORT + 1000 is above 65535; set it`);
  if (httpPort === values.PORT && httpPort !== 0) {
    problems.push(`HTTP_PORT: must differ from PORT (got "${httpPort}")`);
  }
  const hasTurn = values.TURN_URLS !== undefined && values.TURN_URLS.length > 0;
  if (hasTurn && values.TURN_SECRET === undefined) {
    problems.push('TURN_SECRET: is required with TURN_URLS (static-auth-secret of coturn)');
  }
  if (!hasTurn && values.TURN_SECRET !== undefined) warnings.push('TURN_SECRET is unused without TURN_URLS');
  if (!hasTurn && values.RTC_ICE_POLICY === 'relay') {
    problems.push('RTC_ICE_POLICY: relay needs TURN_URLS, no call could connect (got "relay")');
  }
  // Production says the same of JWT_SECRET alone.
  if (values.TRUST_EXTERNAL_JWT && values.JWT_SECRET === undefined && values.NODE_ENV !== 'production') {
    problems.push('TRUST_EXTERNAL_JWT: needs JWT_SECRET; nobody else can sign with one that is made here');
  }
  if (values.TRUST_PROXY === true) {
    warnings.push('TRUST_PROXY=true believes any X-Forwarded-For: a forged one evades the rate limits');
  }
}

function checkForProduction(
  values: Values,
  nameOf: (name: VariableName) => string,
  problems: string[],
  warnings: string[],
): void {
  if (values.JWT_SECRET === undefined) problems.push(`JWT_SECRET: ${MISSING_SECRET}`);
  for (const name of ['JWT_SECRET', 'JWT_SECRET_PREVIOUS', 'JWT_REFRESH_TOKEN_SECRET'] as const) {
    const reason = values[name] === undefined ? undefined : weakness(values[name]);
    if (reason !== undefined) problems.push(`${nameOf(name)}: ${reason}`);
  }
  if (values.CORS_ORIGIN?.includes('*')) {
    problems.push(`${nameOf('CORS_ORIGIN')}: * is refused in production; list the origins (got "*")`);
  }
  if (values.ADMIN_API_KEY !== undefined && weakness(values.ADMIN_API_KEY) !== undefined) {
    warnings.push(`ADMIN_API_KEY ${weakness(values.ADMIN_API_KEY)}`);
  }
}

function urlSecretsOf({ secret, previousSecret }: Config['jwt']): Config['urlSecrets'] {
  const former = previousSecret === undefined ? [] : [urlSecretOf(previousSecret)];
  return [urlSecretOf(secret), ...former];
}

function tokensOf(values: Values, dataDir: string): Config['jwt'] {
  const secret = values.JWT_SECRET ?? generatedSecret(dataDir);
  const previous = values.JWT_SECRET_PREVIOUS;
  const ownRefreshSecret = values.JWT_REFRESH_TOKEN_SECRET;
  return {
    secret,
    ...(previous !== undefined && { previousSecret: previous }),
    refreshSecret: ownRefreshSecret ?? refreshSecretOf(secret),
    ...(previous !== undefined &&
      ownRefreshSecret === undefined && { previousRefreshSecret: refreshSecretOf(previous) }),
    trustExternal: values.TRUST_EXTERNAL_JWT,
    expiresInSeconds: values.JWT_EXPIRES_IN,
    refreshExpiresInSeconds: values.JWT_REFRESH_EXPIRES_IN,
  };
}

function generatedSecret(dataDir: string): string {
  try {
    return keptSecret(dataDir);
  } catch (error) {
    throw new ConfigError([`JWT_SECRET: is not set, and none can be kept: ${(error as Error).message}`]);
  }
}

function rateLimitsOf(values: Values): Config['rateLimits'] {
  const entries = LIMIT_NAMES.map((name) => {
    const bucket = name.toUpperCase() as Uppercase<LimitName>;
    const max: LimitVariable = `RATE_LIMIT_${bucket}_MAX`;
    const windowMs: LimitVariable = `RATE_LIMIT_${bucket}_WINDOW_MS`;
    return [name, { max: values[max], windowMs: values[windowMs] }] as const;
  });
  return Object.fromEntries(entries) as Config['rateLimits'];
}

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value) as unknown[]) {
    if (typeof inner === 'object' && inner !== null) deepFreeze(inner);
  }
  return Object.freeze(value);
}
