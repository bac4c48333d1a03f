import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { envExample, withEnvTable } from '../config/document.ts';
import { ConfigError, loadConfig, readEnvironment, type Config, type Environment } from '../config/load.ts';

const ROOT = join(import.meta.dirname, '..');
const SECRET = 'f3b1c6c0a7d94e5b8c2f1e0d9a8b7c6d5e4f3a2b';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function load(env: Environment): Config {
  return loadConfig({ DATA_DIR: join(folder, 'data'), ...env });
}

/** The lines of the error that these variables make. */
function problemsOf(env: Environment): readonly string[] {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const production = { NODE_ENV: 'production', JWT_SECRET: SECRET };

describe('each reference document’s variables load as they stand', () => {
  it('A', () => {
    const config = load(
      parseEnv(`
        NODE_ENV=development
        PORT=3001
        FRONTEND_URL=http://localhost:3000
        DB_HOST=localhost
        DB_USER=root
        DB_PASSWORD=password
        DB_NAME=discord_stream
        REDIS_URL=redis://localhost:6379
        DISCORD_BOT_TOKEN=your_discord_bot_token_here
        DISCORD_CLIENT_ID=your_discord_client_id
        DISCORD_CLIENT_SECRET=your_discord_client_secret
        JWT_SECRET=your_super_secret_jwt_key_here
        JWT_EXPIRES_IN=7d
        RATE_LIMIT_WINDOW_MS=60000
        RATE_LIMIT_MAX_REQUESTS=100
        SOCKET_PING_TIMEOUT=60000
        SOCKET_PING_INTERVAL=25000
        SOCKET_MAX_HTTP_BUFFER_SIZE=1000000`),
    );
    expect(config).toMatchObject({
      env: 'development',
      port: 3001,
      origins: ['http://localhost:3000'],
      redisUrl: 'redis://localhost:6379',
      jwt: { secret: 'your_super_secret_jwt_key_here', expiresInSeconds: 604_800 },
      socket: { pingTimeoutMs: 60_000, pingIntervalMs: 25_000, maxHttpBufferBytes: 1_000_000 },
    });
    expect(config.rateLimits.api).toEqual({ max: 100, windowMs: 60_000 });
    expect(config.warnings).toEqual([expect.stringContaining('ignored: storage is embedded')]);
  });

  it('A’s container', () => {
    const config = load({
      ...production,
      DATABASE_URL: 'mysql://postgres:password@db:5432/discord_stream',
      REDIS_URL: 'redis://redis:6379',
    });
    expect(config.redisUrl).toBe('redis://redis:6379');
    expect(config.warnings).toEqual([expect.stringContaining('DATABASE_URL ignored')]);
    expect(config.warnings.join()).not.toContain('password');
  });

  it('B', () => {
    const config = load(
      parseEnv(`
        # Server Configuration
        PORT=3001
        NODE_ENV=development
        CORS_ORIGIN=http://localhost:3000
        # Database
        MONGODB_URI=mongodb://localhost:27017/realtime_chat
        # JWT
        JWT_SECRET=your-super-secret-jwt-key-change-this-in-production
        JWT_EXPIRES_IN=7d
        # Redis (for scaling)
        REDIS_URL=redis://localhost:6379
        # File Upload
        MAX_FILE_SIZE=10485760
        MAX_VOICE_DURATION=300`),
    );
    expect(config).toMatchObject({
      port: 3001,
      origins: ['http://localhost:3000'],
      mongodbUri: 'mongodb://localhost:27017/realtime_chat',
      redisUrl: 'redis://localhost:6379',
      uploads: { maxFileBytes: 10_485_760, maxVoiceSeconds: 300 },
      warnings: [],
    });
  });

  it('C', () => {
    const config = load({
      PORT: '3001',
      NODE_ENV: 'development',
      JWT_ACCESS_TOKEN_SECRET: 'access',
      JWT_REFRESH_TOKEN_SECRET: 'refresh',
      REDIS_HOST: 'localhost',
      REDIS_PORT: '6379',
      ALLOWED_ORIGINS: 'http://localhost:3000',
    });
    expect(config).toMatchObject({
      jwt: { secret: 'access', refreshSecret: 'refresh' },
      redisUrl: 'redis://localhost:6379',
      origins: ['http://localhost:3000'],
      warnings: [],
    });
  });

  it('D', () => {
    const config = load(
      parseEnv(`
        PORT=3000
        HOST=0.0.0.0
        NODE_ENV=development
        DB_HOST=localhost
        DB_PORT=5432
        DB_USERNAME=postgres
        DB_PASSWORD=password
        DB_NAME=chat_service
        DB_SSL=false
        REDIS_HOST=localhost
        REDIS_PORT=6379
        REDIS_PASSWORD=
        REDIS_DB=0
        JWT_SECRET=your-secret-key
        JWT_EXPIRES_IN=24h
        CORS_ORIGIN=http://localhost:3000
        RATE_LIMIT_WINDOW_MS=900000
        RATE_LIMIT_MAX_REQUESTS=100
        WS_CORS_ORIGIN=http://localhost:3000`),
    );
    expect(config).toMatchObject({
      host: '0.0.0.0',
      port: 3000,
      httpPort: 4000,
      nodeId: 'auto',
      redisUrl: 'redis://localhost:6379',
      origins: ['http://localhost:3000'],
      jwt: { expiresInSeconds: 86_400 },
    });
    expect(config.rateLimits.api).toEqual({ max: 100, windowMs: 900_000 });
    expect(config.warnings).toHaveLength(1);
  });

  it('E', () => {
    const config = load(
      parseEnv(`
        SOCKETIO_CORS_ORIGIN=http://localhost:3000,http://localhost:8080
        SOCKETIO_CORS_CREDENTIALS=true
        SOCKETIO_REDIS_ENABLED=true
        SOCKETIO_REDIS_PREFIX=socket.io
        SOCKETIO_RATE_LIMIT_WINDOW_MS=60000
        SOCKETIO_RATE_LIMIT_MAX_REQUESTS=100
        SOCKETIO_PING_TIMEOUT=60000
        SOCKETIO_PING_INTERVAL=25000
        SOCKETIO_MAX_PAYLOAD=1000000`),
    );
    expect(config).toMatchObject({
      origins: ['http://localhost:3000', 'http://localhost:8080'],
      corsCredentials: true,
      mongodbTimeoutMs: 1_800,
      redisUrl: 'redis://localhost:6379',
      redisPrefix: 'socket.io',
      socket: { pingTimeoutMs: 60_000, pingIntervalMs: 25_000, maxHttpBufferBytes: 1_000_000 },
      warnings: [],
    });
    expect(config.rateLimits.socket).toEqual({ max: 100, windowMs: 60_000 });
  });

  it('E’s production', () => {
    const config = load({
      REDIS_HOST: 'your-redis-host',
      REDIS_PORT: '6379',
      REDIS_PASSWORD: 'your-redis-password',
      SOCKETIO_REDIS_ENABLED: 'true',
    });
    expect(config.redisUrl).toBe('redis://:your-redis-password@your-redis-host:6379');
  });
});

describe('defaults', () => {
  it('need no variable at all', () => {
    const { jwt, rateLimits, urlSecrets, ...config } = load({});
    expect(config).toEqual({
      env: 'development',
      host: '0.0.0.0',
      port: 3001,
      httpPort: 4001,
      workers: availableParallelism(),
      nodeId: 'n1',
      dataDir: join(folder, 'data'),
      logDir: join(process.cwd(), 'logs'),
      uploadDir: join(process.cwd(), 'uploads'),
      logLevel: 'info',
      origins: ['http://localhost:3000', 'http://localhost:8080'],
      corsCredentials: true,
      mongodbTimeoutMs: 1_800,
      redisPrefix: 'socket.io',
      socket: { pingIntervalMs: 25_000, pingTimeoutMs: 60_000, maxHttpBufferBytes: 1_000_000 },
      allowGuests: true,
      openRooms: true,
      editWindowMs: 900_000,
      trustProxy: 'loopback',
      drainTimeoutMs: 10_000,
      rtc: { stunUrls: [], turnUrls: [], turnTtlSeconds: 43_200, icePolicy: 'all' },
      admin: { emails: [] },
      uploads: { maxFileBytes: 10_485_760, maxVoiceSeconds: 300 },
      warnings: [],
    });
    expect(jwt).toMatchObject({
      ...{ expiresInSeconds: 7 * 86_400, refreshExpiresInSeconds: 30 * 86_400 },
      trustExternal: false,
    });
    expect(urlSecrets).toHaveLength(1);
    expect(rateLimits).toEqual({
      auth: { max: 5, windowMs: 900_000 },
      guest: { max: 20, windowMs: 900_000 },
      refresh: { max: 60, windowMs: 900_000 },
      api: { max: 100, windowMs: 900_000 },
      upload: { max: 10, windowMs: 3_600_000 },
      socket: { max: 100, windowMs: 60_000 },
      signal: { max: 600, windowMs: 60_000 },
    });
  });

  it('follow the port', () => {
    expect(load({ PORT: '0' })).toMatchObject({ httpPort: 0, nodeId: 'n1' });
    expect(load({ PORT: '3007' })).toMatchObject({ httpPort: 4007, nodeId: 'n7' });
    expect(load({ PORT: '3099' })).toMatchObject({ nodeId: 'n99' });
    expect(load({ PORT: '3100' })).toMatchObject({ nodeId: 'n1' });
    expect(load({ PORT: '8080', NODE_ID: 'auto' })).toMatchObject({ httpPort: 9080, nodeId: 'n1' });
    expect(load({ PORT: '3007', NODE_ID: 'west2', HTTP_PORT: '80' })).toMatchObject({
      httpPort: 80,
      nodeId: 'west2',
    });
  });

  it('know no origin in production', () => {
    expect(load(production).origins).toEqual([]);
  });

  it('are those of .env.example', () => {
    const { jwt: _, ...config } = load(parseEnv(envExample().replace(/^DATA_DIR=.*$/m, '')));
    const { jwt: __, ...bare } = load({});
    expect(config).toEqual(bare);
  });

  it('cannot be changed afterwards', () => {
    const config = load({});
    expect(() => config.origins.push('http://evil.example')).toThrow(TypeError);
    expect(() => Object.assign(config.rateLimits.auth, { max: 1e9 })).toThrow(TypeError);
  });
});

describe('values', () => {
  it.each([
    ['7d', 604_800],
    ['24h', 86_400],
    ['15m', 900],
    ['3600', 3_600],
  ])('JWT_EXPIRES_IN=%s is %d s', (text, seconds) => {
    expect(load({ JWT_EXPIRES_IN: text }).jwt.expiresInSeconds).toBe(seconds);
  });

  it.each([
    ['true', true],
    ['2', 2],
    ['loopback, 10.0.0.0/8', 'loopback, 10.0.0.0/8'],
  ])('TRUST_PROXY=%s', (text, value) => {
    expect(load({ TRUST_PROXY: text }).trustProxy).toBe(value);
  });

  it('unites the origins of all names, as browsers send them', () => {
    const { origins, warnings } = load({
      CORS_ORIGIN: 'https://Chat.example.org/',
      FRONTEND_URL: 'http://localhost:80',
      ALLOWED_ORIGINS: 'https://chat.example.org, capacitor://localhost',
    });
    expect(origins).toEqual(['https://chat.example.org', 'http://localhost', 'capacitor://localhost']);
    expect(warnings).toEqual([]);
  });

  it('compares admins’ addresses in lower case', () => {
    expect(load({ ADMIN_EMAILS: 'Ann@Example.org, bob@example.org' }).admin.emails).toEqual([
      'ann@example.org',
      'bob@example.org',
    ]);
  });

  it('takes an empty value for an unset one, and ignores spaces around one', () => {
    expect(load({ PORT: '', REDIS_URL: ' ', WORKERS: ' 3 ' })).toMatchObject({ port: 3001, workers: 3 });
    expect(load({ REDIS_URL: '' })).not.toHaveProperty('redisUrl');
  });
});

describe('aliases', () => {
  it('lose to the canonical name, with a warning', () => {
    const config = load({
      SOCKET_PING_INTERVAL: '1000',
      SOCKETIO_PING_INTERVAL: '2000',
      RATE_LIMIT_API_MAX: '7',
      RATE_LIMIT_MAX_REQUESTS: '8',
      REDIS_URL: 'redis://one:6379',
      REDIS_HOST: 'two',
    });
    expect(config.socket.pingIntervalMs).toBe(1000);
    expect(config.rateLimits.api.max).toBe(7);
    expect(config.redisUrl).toBe('redis://one:6379');
    expect([...config.warnings].sort()).toEqual([
      'RATE_LIMIT_MAX_REQUESTS is ignored: RATE_LIMIT_API_MAX is set',
      'REDIS_HOST is ignored: REDIS_URL is set',
      'SOCKETIO_PING_INTERVAL is ignored: SOCKET_PING_INTERVAL is set',
    ]);
  });

  it('warn of nothing when they agree', () => {
    expect(load({ SOCKETIO_MAX_PAYLOAD: '5000', SOCKET_MAX_HTTP_BUFFER_SIZE: '5000' }).warnings).toEqual([]);
  });

  it('are named where their value is bad', () => {
    expect(problemsOf({ SOCKETIO_PING_TIMEOUT: 'soon', ALLOWED_ORIGINS: 'nowhere' })).toEqual([
      expect.stringMatching(/^ALLOWED_ORIGINS: must be origins .* \(got "nowhere"\)$/),
      expect.stringMatching(/^SOCKETIO_PING_TIMEOUT: must be a whole number .* \(got "soon"\)$/),
    ]);
  });

  it('of the secret are shared with whoever signs other tokens', () => {
    const trusting = { TRUST_EXTERNAL_JWT: 'true' };
    expect(load({ ...trusting, JWT_ACCESS_TOKEN_SECRET: 'access' }).jwt.trustExternal).toBe(true);
    expect(problemsOf(trusting)).toEqual([
      'TRUST_EXTERNAL_JWT: needs JWT_SECRET; nobody else can sign with one that is made here',
    ]);
    expect(problemsOf({ ...trusting, NODE_ENV: 'production' })).toEqual([
      expect.stringMatching(/^JWT_SECRET: is required/),
    ]);
  });

  it('of the secret must not differ from it', () => {
    expect(problemsOf({ JWT_SECRET: 'one', JWT_ACCESS_TOKEN_SECRET: 'two' })).toEqual([
      'JWT_ACCESS_TOKEN_SECRET: differs from JWT_SECRET; set only one of them',
    ]);
    expect(load({ JWT_SECRET: 'one', JWT_ACCESS_TOKEN_SECRET: 'one' }).jwt.secret).toBe('one');
  });
});

describe('Redis', () => {
  it('is switched on by its host, not by its port or number', () => {
    expect(load({ REDIS_PORT: '6380', REDIS_DB: '2' })).not.toHaveProperty('redisUrl');
    expect(load({ REDIS_HOST: 'cache', REDIS_PORT: '6380', REDIS_DB: '2' }).redisUrl).toBe(
      'redis://cache:6380/2',
    );
    expect(load({ REDIS_HOST: '::1', REDIS_PASSWORD: 'a/b@c' }).redisUrl).toBe(
      'redis://:a%2Fb%40c@[::1]:6379',
    );
  });

  it('is left unused with SOCKETIO_REDIS_ENABLED=false', () => {
    const config = load({ REDIS_URL: 'redis://localhost:6379', SOCKETIO_REDIS_ENABLED: 'false' });
    expect(config).not.toHaveProperty('redisUrl');
    expect(config.warnings).toEqual(['Redis is left unused: SOCKETIO_REDIS_ENABLED is false']);
  });
});

describe('bad values', () => {
  it('are all in one error', () => {
    expect(
      problemsOf({
        PORT: '70000',
        WORKERS: 'many',
        NODE_ENV: 'prod',
        LOG_LEVEL: 'loud',
        JWT_EXPIRES_IN: 'later',
        ALLOW_GUESTS: 'perhaps',
        TRUST_PROXY: '10.0.0.0/40',
        NODE_ID: 'much-too-long',
        RATE_LIMIT_SIGNAL_MAX: '0',
        SOCKET_MAX_HTTP_BUFFER_SIZE: '1000001',
        MONGODB_URI: 'localhost:27017',
      }).map((line) => line.split(':')[0]),
    ).toEqual([
      'NODE_ENV',
      'PORT',
      'WORKERS',
      'NODE_ID',
      'TRUST_PROXY',
      'LOG_LEVEL',
      'MONGODB_URI',
      'JWT_EXPIRES_IN',
      'ALLOW_GUESTS',
      'SOCKET_MAX_HTTP_BUFFER_SIZE',
      'RATE_LIMIT_SIGNAL_MAX',
    ]);
    expect(() => load({ PORT: '70000', WORKERS: 'many' })).toThrow(
      'The configuration cannot be used:\n' +
        '  PORT: must be a whole number from 0 to 65535 (got "70000")\n' +
        '  WORKERS: must be a whole number from 1 to 64 (got "many")',
    );
  });

  it('include what does not go together', () => {
    expect(problemsOf({ PORT: '65000' })).toEqual(['HTTP_PORT: PORT + 1000 is above 65535; set it']);
    expect(problemsOf({ HTTP_PORT: '3001' })).toEqual(['HTTP_PORT: must differ from PORT (got "3001")']);
    expect(problemsOf({ RTC_ICE_POLICY: 'relay' })).toEqual([
      expect.stringContaining('relay needs TURN_URLS'),
    ]);
    expect(problemsOf({ TURN_URLS: 'turn:turn.example.org' })).toEqual([
      expect.stringMatching(/^TURN_SECRET: /),
    ]);
  });

  it.each(['', '/files', '/../data/files'])('include an UPLOAD_DIR inside DATA_DIR: data%s', (path) => {
    expect(problemsOf({ UPLOAD_DIR: join(folder, 'data') + path })).toEqual([
      expect.stringMatching(/^UPLOAD_DIR: must not be inside DATA_DIR/),
    ]);
  });

  it.each(['/data-2', '/..data', ''])('do not include one beside it: %s', (path) => {
    expect(problemsOf({ UPLOAD_DIR: `${folder}${path}` })).toEqual([]);
  });

  it('never show a secret', () => {
    const secrets = {
      REDIS_URL: 'SECRET-1:6379',
      MONGODB_URI: 'user:SECRET-2@host',
      JWT_SECRET: 'SECRET-3',
      JWT_ACCESS_TOKEN_SECRET: 'SECRET-4',
      JWT_SECRET_PREVIOUS: 'SECRET-5',
      JWT_REFRESH_TOKEN_SECRET: 'SECRET-6',
      TURN_SECRET: 'SECRET-7',
      ADMIN_API_KEY: 'SECRET-8',
      REDIS_PASSWORD: 'SECRET-9',
    };
    const problems = problemsOf({ ...secrets, NODE_ENV: 'production', PORT: 'x' });
    expect(problems.length).toBeGreaterThan(5);
    expect(problems.join('\n')).not.toMatch(/SECRET-\d/);
    const { warnings } = load({
      ...production,
      TURN_SECRET: 'SECRET-7',
      ADMIN_API_KEY: 'SECRET-8',
      REDIS_HOST: 'a',
      REDIS_PASSWORD: 'SECRET-9',
      REDIS_URL: 'redis://:SECRET-1@b',
    });
    expect(warnings.length).toBe(3);
    expect(warnings.join('\n')).not.toMatch(/SECRET-\d/);
  });
});

describe('production refuses', () => {
  it.each([
    ['a missing secret', {}, /^JWT_SECRET: is required in production; make one with: openssl rand -hex 32$/],
    ['a short one', { JWT_SECRET: SECRET.slice(0, 31) }, /^JWT_SECRET: must have at least 32 characters; /],
    ['A’s sample', { JWT_SECRET: 'your_super_secret_jwt_key_here' }, /^JWT_SECRET: is a sample value/],
    [
      'B’s sample',
      { JWT_SECRET: 'your-super-secret-jwt-key-change-this-in-production' },
      /^JWT_SECRET: is a sample/,
    ],
    [
      'D’s sample',
      { JWT_ACCESS_TOKEN_SECRET: 'your-secret-key' },
      /^JWT_ACCESS_TOKEN_SECRET: is a sample value/,
    ],
    [
      'a weak previous secret',
      { JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: 'x' },
      /^JWT_SECRET_PREVIOUS: must have/,
    ],
    ['every origin', { JWT_SECRET: SECRET, CORS_ORIGIN: '*' }, /^CORS_ORIGIN: \* is refused in production/],
  ])('%s', (_, env, line) => {
    expect(problemsOf({ NODE_ENV: 'production', ...env })).toEqual([expect.stringMatching(line)]);
  });

  it('nothing else that development takes', () => {
    expect(load({ CORS_ORIGIN: '*' }).origins).toEqual(['*']);
    expect(load({ ...production, CORS_ORIGIN: 'https://chat.example.org' }).jwt.secret).toBe(SECRET);
  });
});

describe('secrets', () => {
  it('are made once outside production, for the owner’s eyes only', () => {
    const dataDir = join(folder, 'kept');
    const { secret } = load({ DATA_DIR: dataDir }).jwt;
    expect(secret).toMatch(/^[0-9a-f]{64}$/);
    expect(load({ DATA_DIR: dataDir, NODE_ENV: 'test' }).jwt.secret).toBe(secret);
    expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(dataDir, 'jwt-secret'), 'utf8').trim()).toBe(secret);
  });

  it('are the same for processes that start at once', async () => {
    const env = { PATH: process.env['PATH'], DATA_DIR: join(folder, 'raced') };
    const script = `import { loadConfig } from ${JSON.stringify(join(ROOT, 'config/load.ts'))};
      console.log(loadConfig(process.env).jwt.secret);`;
    const secrets = Array.from({ length: 4 }, async () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env });
      const [[output]] = await Promise.all([once(child.stdout, 'data'), once(child, 'exit')]);
      return String(output);
    });
    const distinct = new Set(await Promise.all(secrets));
    expect(distinct.size).toBe(1);
    expect([...distinct][0]).toMatch(/^[0-9a-f]{64}\n$/);
  });

  it('that cannot be kept stop the start', () => {
    const file = join(folder, 'a-file');
    writeFileSync(file, '');
    expect(problemsOf({ DATA_DIR: file })).toEqual([
      expect.stringMatching(/^JWT_SECRET: is not set, and none can be kept/),
    ]);
  });

  it('of signed URLs follow the token secret', () => {
    const { urlSecrets, jwt } = load({ JWT_SECRET: SECRET });
    expect(urlSecrets).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(urlSecrets).not.toContain(jwt.refreshSecret);
    const rotated = load({ JWT_SECRET: 'another', JWT_SECRET_PREVIOUS: SECRET }).urlSecrets;
    expect(rotated).toEqual([expect.any(String), urlSecrets[0]]);
    expect(rotated[0]).not.toBe(urlSecrets[0]);
  });

  it('of refresh tokens are their own, or follow the token secret', () => {
    const derived = load({ JWT_SECRET: SECRET }).jwt;
    expect(derived.refreshSecret).toMatch(/^[0-9a-f]{64}$/);
    expect(derived.refreshSecret).not.toBe(SECRET);
    const rotated = load({ JWT_SECRET: 'another', JWT_SECRET_PREVIOUS: SECRET }).jwt;
    expect(rotated).toMatchObject({ previousSecret: SECRET, previousRefreshSecret: derived.refreshSecret });
    expect(rotated.refreshSecret).not.toBe(derived.refreshSecret);
    expect(load({ JWT_SECRET: SECRET, JWT_REFRESH_TOKEN_SECRET: 'own' }).jwt.refreshSecret).toBe('own');
  });
});

describe('readEnvironment', () => {
  it('puts .env under the environment, which wins even where it is empty', () => {
    writeFileSync(
      join(folder, '.env'),
      '\uFEFFAPP_A=file\r\nAPP_B="in quotes" # said\nHOME=file\nAPP_C=file\n',
    );
    process.env['APP_C'] = '';
    try {
      const env = readEnvironment(folder);
      expect(env).toMatchObject({ APP_A: 'file', APP_B: 'in quotes', APP_C: '' });
      expect(env['HOME']).toBe(process.env['HOME']);
    } finally {
      delete process.env['APP_C'];
    }
  });

  it('needs no .env', () => {
    expect(readEnvironment(join(folder, 'nowhere'))['PATH']).toBe(process.env['PATH']);
  });
});

describe('generated documents (npm run env makes them anew)', () => {
  it('.env.example is that of the schema', () => {
    expect(readFileSync(join(ROOT, '.env.example'), 'utf8')).toBe(envExample());
  });

  it('.env.example has no quotes and no trailing comments', () => {
    const active = envExample()
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(active.length).toBeGreaterThan(10);
    for (const line of active) expect(line).toMatch(/^[A-Z_]+=[^\s"'#]*$/);
  });

  it('README.md has the schema’s table', () => {
    const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
    expect(readme).toBe(withEnvTable(readme));
  });
});
