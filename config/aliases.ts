/** Names that the reference documents use for the same thing (CONTRACT 9, 11, 13). */
import { variables, type Values, type Variable, type VariableName } from './schema.ts';

type Given = Record<string, string>;

export interface Renamed {
  /** Canonical names only; aliases are folded in. */
  env: Given;
  /** The name under which a variable was really given, for messages. */
  nameOf: (name: VariableName) => string;
}

/**
 * Folds aliases into their canonical names. The canonical one wins over a different alias, with a warning;
 * two different secrets are a problem, because tokens would be signed with one and expected with the other.
 */
export function canonicalNames(given: Given, problems: string[], warnings: string[]): Renamed {
  const env = { ...given };
  const givenAs: Partial<Record<string, string>> = {};
  for (const [name, variable] of Object.entries(variables) as [VariableName, Variable][]) {
    if (name === 'CORS_ORIGIN') continue;
    for (const alias of variable.aliases ?? []) {
      const value = given[alias];
      if (value === undefined || value === env[name]) continue;
      if (env[name] === undefined) {
        env[name] = value;
        givenAs[name] = alias;
      } else if (variable.secret) problems.push(`${alias}: differs from ${name}; set only one of them`);
      else warnings.push(`${alias} is ignored: ${name} is set`);
    }
  }
  const allOrigins = ORIGIN_NAMES.filter((name) => given[name] !== undefined);
  if (allOrigins.length > 0) {
    env['CORS_ORIGIN'] = allOrigins.map((name) => given[name]).join(',');
    givenAs['CORS_ORIGIN'] = allOrigins.join(', ');
  }
  warnAboutDatabases(given, warnings);
  return { env, nameOf: (name) => givenAs[name] ?? name };
}

const ORIGIN_NAMES: readonly string[] = ['CORS_ORIGIN', ...variables.CORS_ORIGIN.aliases];

function warnAboutDatabases(given: Given, warnings: string[]): void {
  const ignored = Object.keys(given).filter((name) => name.startsWith('DB_') || name === 'DATABASE_URL');
  if (ignored.length === 0) return;
  warnings.push(`${ignored.join(', ')} ignored: storage is embedded, or MongoDB with MONGODB_URI`);
}

/**
 * The one address of Redis, or undefined when Redis is not used. REDIS_HOST alone switches it on, its port,
 * password and number do not; SOCKETIO_REDIS_ENABLED has the last word.
 */
export function redisAddress(values: Values, warnings: string[]): string | undefined {
  const { REDIS_URL: url, REDIS_HOST: host, SOCKETIO_REDIS_ENABLED: enabled } = values;
  if (enabled === false) {
    if (url !== undefined || host !== undefined) {
      warnings.push('Redis is left unused: SOCKETIO_REDIS_ENABLED is false');
    }
    return undefined;
  }
  const fromParts = host !== undefined || enabled === true ? assembled(values) : undefined;
  if (url === undefined) return fromParts;
  if (host !== undefined && url !== fromParts) warnings.push('REDIS_HOST is ignored: REDIS_URL is set');
  return url;
}

function assembled({ REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DB }: Values): string {
  const host = REDIS_HOST ?? 'localhost';
  const password = REDIS_PASSWORD === undefined ? '' : `:${encodeURIComponent(REDIS_PASSWORD)}@`;
  const database = REDIS_DB === undefined || REDIS_DB === 0 ? '' : `/${REDIS_DB}`;
  return `redis://${password}${host.includes(':') ? `[${host}]` : host}:${REDIS_PORT ?? 6379}${database}`;
}
