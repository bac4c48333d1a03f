import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request as send, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import type { Authenticator } from '../../src/kernel/auth.ts';
import type { UserIdentity } from '../../src/kernel/connection.ts';
import { contractOf, route, type Failure } from '../../src/kernel/contract.ts';
import { AppError, errorTable, type ErrorCode } from '../../src/kernel/errors.ts';
import { bind, featureOf, Paged, Reply } from '../../src/kernel/feature.ts';
import { createHttpApp, type HttpOptions } from '../../src/kernel/http.ts';
import type { Limiter } from '../../src/kernel/limiter.ts';
import { silentLogger } from '../../src/kernel/logger.ts';

const PAGE = 'https://page.example';
const WINDOW_MS = 900_000;
const API_KEY = 'the-api-key';

const userOf = (id: string): UserIdentity => ({
  ...{ kind: 'user', id, username: id, avatar: null, guest: false },
  ...{ status: 'online', sessionId: `s-${id}`, expiresAt: 0 },
});

const shopContract = contractOf({
  name: 'shop',
  routes: {
    'GET /things': route({
      data: z.object({ things: z.array(z.string()) }),
      access: 'anyone',
      message: 'Here they are',
    }),
    'POST /things': route({
      body: z.object({ name: z.string().min(2), count: z.number().default(1) }),
      data: z.object({ made: z.unknown() }),
      access: 'anyone',
      status: 201,
      prefixes: ['/api', '/api/v1'],
    }),
    'GET /things/:id': route({
      params: z.object({ id: z.string().regex(/^[0-9]+$/) }),
      query: z.object({ limit: z.coerce.number().max(100).default(50) }),
      data: z.object({ id: z.union([z.string(), z.number()]), limit: z.number() }),
      access: 'anyone',
      prefixes: ['/api', '/api/v1'],
    }),
    'GET /pages': route({
      query: z.object({ after: z.coerce.number().default(0) }),
      data: z.array(z.string()),
      pagination: z.object({ after: z.number(), hasMore: z.boolean() }),
      access: 'anyone',
      prefixes: ['/api', '/api/v1'],
    }),
    'GET /bare': route({
      data: z.object({ status: z.string() }),
      access: 'anyone',
      bare: true,
      bucket: 'exempt',
      prefixes: ['', '/api'],
    }),
    'GET /ready': route({
      data: z.object({ ready: z.boolean() }),
      access: 'anyone',
      bare: true,
      bucket: 'exempt',
    }),
    'DELETE /things': route({ access: 'anyone' }),
    'GET /fail/:how': route({ params: z.object({ how: z.string() }), access: 'anyone', bucket: 'exempt' }),
    'GET /text/:length': route({
      params: z.object({ length: z.coerce.number() }),
      data: z.object({ text: z.string() }),
      access: 'anyone',
      bucket: 'exempt',
    }),
    'GET /me': route({ data: z.object({ id: z.string() }), bucket: 'exempt' }),
    'GET /admin': route({ data: z.object({ caller: z.string() }), access: 'admin', bucket: 'exempt' }),
    'GET /caller': route({ data: z.unknown(), access: 'anyone', bucket: 'exempt' }),
    'POST /login': route({ access: 'anyone', bucket: 'auth', prefixes: ['/api', '/api/v1'] }),
    'POST /register': route({ access: 'anyone', bucket: 'auth' }),
    'POST /refresh': route({ body: z.looseObject({}), access: 'anyone', bucket: 'refresh' }),
  },
});

const shopFeature = featureOf(shopContract)((_needs: object) => ({
  requests: {},
  routes: {
    'GET /things': () => ({ things: ['chair'] }),
    'POST /things': ({ body }) => ({ made: body }),
    'GET /things/:id': ({ params, query, renderId }) => ({ id: renderId(params.id), limit: query.limit }),
    'GET /pages': ({ query: { after } }) => new Paged(['chair'], { after, hasMore: false }),
    'GET /bare': () => ({ status: 'healthy' }),
    'GET /ready': () => new Reply(503, { ready: false }),
    'DELETE /things': () => {},
    'GET /fail/:how'({ params: { how } }) {
      if (how in errorTable)
        throw new AppError(
          how as ErrorCode,
          `It is ${how}.`,
          how === 'CONFLICT' ? { name: 'is taken' } : undefined,
        );
      if (how === 'text') throw 'hunter2'; // eslint-disable-line @typescript-eslint/only-throw-error
      if (how === 'status') throw Object.assign(new Error('hunter2'), { status: 503 });
      return Promise.reject(new Error('hunter2'));
    },
    'GET /text/:length': ({ params }) => ({ text: 'x'.repeat(params.length) }),
    'GET /me': ({ identity }) => ({ id: identity!.id }),
    'GET /admin': ({ identity }) => ({ caller: identity?.id ?? 'the key' }),
    'GET /caller': ({ ip, userAgent, identity }) => ({ ip, userAgent, id: identity?.id ?? null }),
    'POST /login': () => {},
    'POST /register': () => {},
    'POST /refresh': () => {},
  },
}));

const auth: Authenticator = {
  async verify(token) {
    if (token === 'ann' || token === 'bob' || token === 'root') return userOf(token);
    if (token === 'away') throw new AppError('UNAVAILABLE', 'The storage is away.');
    if (token === 'broken') throw new Error('hunter2');
    throw new AppError('UNAUTHENTICATED', 'This token is not valid.');
  },
  subjectOfRefreshToken: (token) => /^refresh-(.+)$/.exec(token)?.[1],
  isAdmin: async ({ apiKey, identity }) => apiKey === API_KEY || identity?.id === 'root',
};

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: never;
}

describe('the HTTP road', () => {
  let url: URL;
  let server: Server;
  let limiterFails: AppError | undefined;
  const hits: string[] = [];
  const errors: { text: string; error: unknown }[] = [];

  const limiter: Limiter = {
    async hit(bucket, key, { max }) {
      if (limiterFails) throw limiterFails;
      const name = `${bucket} ${key}`;
      hits.push(name);
      const used = hits.filter((hit) => hit === name).length;
      return { allowed: used <= max, remaining: Math.max(max - used, 0), resetMs: WINDOW_MS, used };
    },
    async refund() {},
  };

  /** Signed is what ends so. */
  const signedUrls = { isSigned: (_: string, query: object) => 'signature' in query };
  const nowhere = {
    path(): string {
      throw new Error('nothing is received here');
    },
    async discard() {},
  };

  async function start(options: Partial<HttpOptions> = {}) {
    const limit = (max: number) => ({ max, windowMs: WINDOW_MS });
    server = createServer(
      createHttpApp(
        bind([shopFeature], {}),
        {
          auth,
          limiter,
          logger: {
            ...silentLogger,
            error: (_, text, details) => void errors.push({ text, error: details?.['error'] }),
          },
          signedUrls,
          files: { workspace: async () => nowhere, maxBytes: 1_000 },
        },
        {
          origins: [PAGE],
          corsCredentials: true,
          trustProxy: 'loopback',
          pageDir: undefined,
          limits: {
            ...{ auth: limit(2), guest: limit(9), refresh: limit(2), api: limit(3) },
            ...{ upload: limit(9), socket: limit(9), signal: limit(9) },
          },
          plainPort: () => undefined,
          ...options,
        },
      ),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };

  /** express-rate-limit says on the console what it thinks is set up wrongly. */
  const complaints = vi.spyOn(console, 'error');

  beforeEach(async () => {
    hits.length = errors.length = 0;
    limiterFails = undefined;
    complaints.mockClear();
    await start();
  });
  afterEach(() => {
    stop();
    expect(complaints).not.toHaveBeenCalled();
  });

  /** As it stands: `fetch` would forbid some of these headers, and decode the body. */
  async function ask(
    method: string,
    path: string,
    { body, token, headers = {} }: { body?: unknown; token?: string; headers?: Record<string, string> } = {},
  ): Promise<Answer> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const sent = send({
      ...{ host: url.hostname, port: url.port, method, path, agent: false },
      headers: {
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...headers,
      },
    });
    sent.end(text);
    const [response] = (await once(sent, 'response')) as [
      { statusCode: number; headers: IncomingHttpHeaders } & AsyncIterable<Buffer>,
    ];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const answer = Buffer.concat(chunks).toString();
    const isJson =
      response.headers['content-type']?.startsWith('application/json') &&
      !response.headers['content-encoding'];
    return {
      status: response.statusCode,
      headers: response.headers,
      text: answer,
      body: (isJson && answer !== '' ? JSON.parse(answer) : undefined) as never,
    };
  }
  const failure = async (asked: Promise<Answer>): Promise<[number, string]> => {
    const { status, body } = await asked;
    const { success, message, error } = body as Failure;
    expect(success).toBe(false);
    expect(error.message).toBe(message);
    return [status, error.code];
  };
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

  describe('answers', () => {
    it('under /api carry a message, under /api/v1 none and ids as numbers', async () => {
      expect((await ask('GET', '/api/things')).body).toEqual({
        ...{ success: true, message: 'Here they are', data: { things: ['chair'] } },
      });
      expect((await ask('GET', '/api/things/7')).body).toEqual({
        ...{ success: true, message: 'OK', data: { id: '7', limit: 50 } },
      });
      expect((await ask('GET', '/api/v1/things/7?limit=10')).body).toEqual({
        success: true,
        data: { id: 7, limit: 10 },
      });
    });

    it('have the route’s status, or the one the handler chose', async () => {
      const made = await ask('POST', '/api/v1/things', { body: { name: 'chair' } });
      expect([made.status, made.body]).toEqual([
        201,
        { success: true, data: { made: { name: 'chair', count: 1 } } },
      ]);
      const ready = await ask('GET', '/api/ready');
      expect([ready.status, ready.body]).toEqual([503, { ready: false }]);
    });

    it('have pagination beside data in both envelopes', async () => {
      expect((await ask('GET', '/api/v1/pages?after=3')).body).toEqual({
        success: true,
        data: ['chair'],
        pagination: { after: 3, hasMore: false },
      });
      expect((await ask('GET', '/api/pages')).body).toEqual({
        success: true,
        message: 'OK',
        data: ['chair'],
        pagination: { after: 0, hasMore: false },
      });
    });

    it('that are bare have no envelope, under every prefix', async () => {
      expect((await ask('GET', '/bare')).body).toEqual({ status: 'healthy' });
      expect((await ask('GET', '/api/bare')).body).toEqual({ status: 'healthy' });
    });

    it('of handlers with nothing to say have empty data', async () => {
      expect((await ask('DELETE', '/api/things')).body).toEqual({ success: true, message: 'OK', data: {} });
    });

    it('are stored by nobody on the way', async () => {
      expect((await ask('GET', '/api/things')).headers['cache-control']).toBe('no-store');
    });
  });

  describe('failures', () => {
    it.each(Object.entries(errorTable))(
      '%s has its status and one shape',
      async (code, { status, retryable }) => {
        const answer = await ask('GET', `/api/fail/${code}`);
        expect(answer.status).toBe(status);
        expect(answer.body).toEqual({
          success: false,
          message: `It is ${code}.`,
          error: {
            code,
            message: `It is ${code}.`,
            retryable,
            ...(code === 'CONFLICT' && { fields: { name: 'is taken' } }),
          },
        });
      },
    );

    it('of our own are INTERNAL, told in full to the log only', async () => {
      for (const how of ['error', 'text', 'status']) {
        const answer = await ask('GET', `/api/fail/${how}`);
        expect([answer.status, (answer.body as Failure).error.code]).toEqual([500, 'INTERNAL']);
        expect(answer.text).not.toContain('hunter2');
      }
      expect(errors.map(({ error }) => String(error))).toEqual([
        'Error: hunter2',
        'hunter2',
        'Error: hunter2',
      ]);
      expect(errors[0]?.text).toBe('GET /api/fail/error failed');
      await ask('GET', '/api/fail/CONFLICT');
      expect(errors).toHaveLength(3);
    });

    it('name the fields that are wrong', async () => {
      const token = 'ann';
      const { status, body } = await ask('POST', '/api/things', {
        body: { name: 'x', count: 'many' },
        token,
      });
      expect(status).toBe(400);
      expect(Object.keys((body as Failure).error.fields ?? {})).toEqual(['name', 'count']);
      expect(await failure(ask('GET', '/api/things/abc', { token }))).toEqual([400, 'BAD_INPUT']);
      expect(await failure(ask('GET', '/api/things/7?limit=101', { token }))).toEqual([400, 'BAD_INPUT']);
      expect(await failure(ask('GET', '/api/things/7?limit=1&limit=2', { token }))).toEqual([
        400,
        'BAD_INPUT',
      ]);
      const operator = await ask('GET', '/api/things/7?limit[$gt]=1', { token });
      expect(operator.body).toMatchObject({ data: { limit: 50 } });
    });

    it.each([
      ['is not JSON', '{"name":'],
      ['is a text', '"chair"'],
      ['is a list', '["chair"]'],
      ['is null', 'null'],
      ['has another shape', '{"name":{"$gt":""}}'],
    ])('a body that %s is BAD_INPUT', async (_what, body) => {
      expect(await failure(ask('POST', '/api/things', { body }))).toEqual([400, 'BAD_INPUT']);
    });

    it('a body that pollutes prototypes does not', async () => {
      const { body } = await ask('POST', '/api/things', {
        body: '{"name":"chair","__proto__":{"polluted":true}}',
      });
      expect(body).toMatchObject({ data: { made: { name: 'chair', count: 1 } } });
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

    it('a missing body, or one of another type, lacks its fields', async () => {
      expect(await failure(ask('POST', '/api/things'))).toEqual([400, 'BAD_INPUT']);
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/xml', 'nonsense']) {
        const headers = { 'content-type': type };
        const answer = ask('POST', '/api/things', { body: { name: 'chair' }, headers, token: 'ann' });
        expect(await failure(answer)).toEqual([400, 'BAD_INPUT']);
      }
    });

    it('a body in a charset or an encoding that nobody speaks is UNSUPPORTED_MEDIA', async () => {
      for (const headers of [
        { 'content-type': 'application/json; charset=klingon' },
        { 'content-encoding': 'rot13' },
      ] as Record<string, string>[]) {
        const answer = ask('POST', '/api/things', { body: { name: 'chair' }, headers });
        expect(await failure(answer)).toEqual([415, 'UNSUPPORTED_MEDIA']);
      }
    });

    it('a body above the limit is TOO_LARGE, and one below it is read', async () => {
      expect((await ask('POST', '/api/things', { body: { name: 'x'.repeat(100_000) } })).status).toBe(201);
      const large = ask('POST', '/api/things', { body: { name: 'x'.repeat(103_000) } });
      expect(await failure(large)).toEqual([413, 'TOO_LARGE']);
    });

    it('an address that cannot be decoded is BAD_INPUT where it is a parameter', async () => {
      expect(await failure(ask('GET', '/api/things/%ff'))).toEqual([400, 'BAD_INPUT']);
      expect(await failure(ask('GET', '/api/%ff'))).toEqual([404, 'NOT_FOUND']);
      expect(errors).toEqual([]);
    });

    it.each([
      ['GET', '/api/nothing'],
      ['GET', '/'],
      ['GET', '/api'],
      ['PUT', '/api/things'],
      ['POST', '/api/bare'],
      ['GET', '/api/v1/bare'],
      ['GET', '/api/v2/things'],
    ])('%s %s is NOT_FOUND, in the same shape', async (method, path) => {
      expect(await failure(ask(method, path))).toEqual([404, 'NOT_FOUND']);
    });
  });

  describe('access', () => {
    it('needs a valid token where the contract says so', async () => {
      expect((await ask('GET', '/api/me', { token: 'ann' })).body).toMatchObject({ data: { id: 'ann' } });
      expect(await failure(ask('GET', '/api/me'))).toEqual([401, 'UNAUTHENTICATED']);
      expect((await ask('GET', '/api/me')).body).toMatchObject({ message: 'A token is required.' });
      expect((await ask('GET', '/api/me', { token: 'forged' })).body).toMatchObject({
        message: 'This token is not valid.',
      });
      for (const authorization of ['ann', 'Basic ann', 'Bearer', 'Bearer ann bob', 'Bearer  ']) {
        expect(await failure(ask('GET', '/api/me', { headers: { authorization } }))).toEqual([
          401,
          'UNAUTHENTICATED',
        ]);
      }
      expect((await ask('GET', '/api/me', { headers: { authorization: 'bearer   ann' } })).status).toBe(200);
    });

    it('says whether to come again when the storage is away', async () => {
      expect((await ask('GET', '/api/me', { token: 'away' })).body).toMatchObject({
        error: { code: 'UNAVAILABLE', retryable: true },
      });
      expect(await failure(ask('GET', '/api/me', { token: 'broken' }))).toEqual([500, 'INTERNAL']);
    });

    it('for anyone does not insist on a token being good, but knows whose it is', async () => {
      const callerOf = async (token?: string) =>
        (
          (await ask('GET', '/api/caller', token === undefined ? {} : { token })).body as {
            data: { id: string };
          }
        ).data.id;
      expect(await callerOf('ann')).toBe('ann');
      expect(await callerOf('forged')).toBeNull();
      expect(await callerOf('away')).toBeNull();
      expect(await failure(ask('GET', '/api/caller', { token: 'broken' }))).toEqual([500, 'INTERNAL']);
      expect(await callerOf()).toBeNull();
    });

    it('for admins takes the API key or an admin’s token', async () => {
      const keyed = (key: string) => ({ headers: { 'X-API-Key': key } });
      expect((await ask('GET', '/api/admin', keyed(API_KEY))).body).toMatchObject({
        data: { caller: 'the key' },
      });
      expect((await ask('GET', '/api/admin', { token: 'root' })).body).toMatchObject({
        data: { caller: 'root' },
      });
      expect((await ask('GET', '/api/admin', { token: 'ann', ...keyed(API_KEY) })).status).toBe(200);
      expect((await ask('GET', '/api/admin', { token: 'forged', ...keyed(API_KEY) })).status).toBe(200);
      expect(await failure(ask('GET', '/api/admin', { token: 'ann' }))).toEqual([403, 'FORBIDDEN']);
      expect(await failure(ask('GET', '/api/admin', { token: 'ann', ...keyed('wrong') }))).toEqual([
        403,
        'FORBIDDEN',
      ]);
      expect(await failure(ask('GET', '/api/admin', keyed('wrong')))).toEqual([401, 'UNAUTHENTICATED']);
      expect(await failure(ask('GET', '/api/admin', keyed('')))).toEqual([401, 'UNAUTHENTICATED']);
      expect(await failure(ask('GET', '/api/admin', { token: 'forged' }))).toEqual([401, 'UNAUTHENTICATED']);
      expect(await failure(ask('GET', '/api/admin'))).toEqual([401, 'UNAUTHENTICATED']);
    });

    it('is decided before the input is judged', async () => {
      hits.length = 0;
      expect(await failure(ask('GET', '/api/me?what[$ne]=1'))).toEqual([401, 'UNAUTHENTICATED']);
    });
  });

  describe('limits', () => {
    it('count down in the headers of draft 8, and refuse with a time to come again', async () => {
      const first = await ask('GET', '/api/things');
      expect(first.headers['ratelimit-policy']).toMatch(/^"api"; q=3; w=900/);
      expect(first.headers['ratelimit']).toMatch(/^"api"; r=2; t=(900|899)$/);
      expect(first.headers).not.toHaveProperty('x-ratelimit-limit');
      await ask('GET', '/api/things');
      expect((await ask('GET', '/api/things')).headers['ratelimit']).toContain('r=0');
      const refused = await ask('GET', '/api/things');
      expect(refused.status).toBe(429);
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(895);
      expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(900);
      expect(refused.body).toMatchObject({
        success: false,
        error: { code: 'RATE_LIMITED', retryable: true },
      });
      expect(errors).toEqual([]);
    });

    it('leave exempt routes alone', async () => {
      for (let n = 0; n < 10; n++) expect((await ask('GET', '/bare')).status).toBe(200);
      expect((await ask('GET', '/bare')).headers).not.toHaveProperty('ratelimit');
      expect(hits).toEqual([]);
    });

    it('count a signed-in user by id, with ten times the room', async () => {
      for (let n = 0; n < 3; n++) await ask('GET', '/api/things');
      expect((await ask('GET', '/api/things')).status).toBe(429);
      const first = await ask('GET', '/api/things', { token: 'ann' });
      expect(first.headers['ratelimit-policy']).toContain('q=30');
      for (let n = 1; n < 30; n++)
        expect((await ask('GET', '/api/things', { token: 'ann' })).status).toBe(200);
      expect((await ask('GET', '/api/things', { token: 'ann' })).status).toBe(429);
      expect((await ask('GET', '/api/things', { token: 'bob' })).status).toBe(200);
      expect(new Set(hits)).toEqual(new Set(['api ip:127.0.0.1', 'api user:ann', 'api user:bob']));
    });

    it('count whoever has a bad token by address', async () => {
      for (let n = 0; n < 3; n++) await ask('GET', '/api/things', { token: `forged-${n}` });
      expect((await ask('GET', '/api/things', { token: 'forged-9' })).status).toBe(429);
    });

    it('count sign-ins by address, whoever asks, and both prefixes and all such routes together', async () => {
      expect((await ask('POST', '/api/login', { token: 'ann' })).status).toBe(200);
      expect((await ask('POST', '/api/v1/login', { token: 'bob' })).status).toBe(200);
      expect((await ask('POST', '/api/register')).status).toBe(429);
      expect((await ask('POST', '/api/login', from('203.0.113.9'))).status).toBe(200);
    });

    it('count refreshes by the user whose token it is, from wherever it comes', async () => {
      const refresh = (refreshToken: unknown, address = '203.0.113.1') =>
        ask('POST', '/api/refresh', { body: { refreshToken }, ...from(address) });
      await refresh('refresh-ann', '203.0.113.1');
      await refresh('refresh-ann', '203.0.113.2');
      expect((await refresh('refresh-ann', '203.0.113.3')).status).toBe(429);
      expect((await refresh('refresh-bob')).status).toBe(200);
      for (const forged of ['forged', 7]) expect((await refresh(forged)).status).toBe(200);
      expect((await refresh(null)).status).toBe(429);
      expect(hits).toContain('refresh user:ann');
      expect(hits).toContain('refresh ip:203.0.113.1');
    });

    it('take a /64 for one address', async () => {
      for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:ffff::2', '2001:DB8:1:2::3']) {
        expect((await ask('GET', '/api/things', from(address))).status).toBe(200);
      }
      expect((await ask('GET', '/api/things', from('2001:db8:1:2:a:b:c:d'))).status).toBe(429);
      expect((await ask('GET', '/api/things', from('2001:db8:1:3::1'))).status).toBe(200);
      expect(new Set(hits)).toEqual(new Set(['api ip:2001:db8:1:2::/64', 'api ip:2001:db8:1:3::/64']));
    });

    it('that cannot be asked refuse', async () => {
      limiterFails = new AppError('UNAVAILABLE', 'The server is restarting.');
      expect(await failure(ask('GET', '/api/things'))).toEqual([503, 'UNAVAILABLE']);
      expect((await ask('GET', '/bare')).status).toBe(200);
    });
  });

  describe('the caller’s address', () => {
    const ipOf = async (forwarded?: string) => {
      const { body } = await ask('GET', '/api/caller', forwarded === undefined ? {} : from(forwarded));
      return (body as { data: { ip: string } }).data.ip;
    };

    it('is what a proxy on this machine says', async () => {
      expect(await ipOf()).toBe('127.0.0.1');
      expect(await ipOf('203.0.113.9')).toBe('203.0.113.9');
      expect(await ipOf('203.0.113.9, 127.0.0.1')).toBe('203.0.113.9');
    });

    it('is never what a client wrote in front of what the proxy saw', async () => {
      expect(await ipOf('1.2.3.4, 203.0.113.9')).toBe('203.0.113.9');
      expect(await ipOf('127.0.0.1, 203.0.113.9')).toBe('203.0.113.9');
      expect(await ipOf('1.2.3.4, 10.0.0.1, 203.0.113.9, ::1')).toBe('203.0.113.9');
      for (const forged of ['1.1.1.1', '2.2.2.2', '3.3.3.3'])
        await ask('GET', '/api/things', from(`${forged}, 203.0.113.9`));
      expect((await ask('GET', '/api/things', from('4.4.4.4, 203.0.113.9'))).status).toBe(429);
    });

    it('is the connection’s where no proxy is trusted', async () => {
      stop();
      await start({ trustProxy: false });
      expect(await ipOf('203.0.113.9')).toBe('127.0.0.1');
    });

    it('comes with a browser’s name of bounded length', async () => {
      const { body } = await ask('GET', '/api/caller', { headers: { 'user-agent': 'x'.repeat(2_000) } });
      expect((body as { data: { userAgent: string } }).data.userAgent).toHaveLength(512);
    });
  });

  describe('headers', () => {
    it('tell a browser what not to do', async () => {
      for (const path of ['/bare', '/api/nothing']) {
        const { headers } = await ask('GET', path);
        expect(headers).toMatchObject({
          'x-content-type-options': 'nosniff',
          'x-frame-options': 'DENY',
          'referrer-policy': 'no-referrer',
          'cross-origin-opener-policy': 'same-origin',
        });
        // For whoever ends TLS in front to say.
        expect(headers).not.toHaveProperty('strict-transport-security');
        expect(headers).not.toHaveProperty('x-powered-by');
        const policy = headers['content-security-policy'] as string;
        expect(policy).toContain("default-src 'self'");
        expect(policy).toContain("frame-ancestors 'none'");
        expect(policy).toContain("object-src 'none'");
        expect(policy).toContain("base-uri 'none'");
        expect(policy).not.toContain('unsafe');
        expect(policy).not.toContain('*');
      }
    });

    it('keep connections only on the plain port', async () => {
      stop();
      await start({ plainPort: () => Number(url.port) });
      const { headers } = await ask('GET', '/bare', { headers: { connection: 'keep-alive' } });
      expect(headers['connection']).not.toBe('close');
    });

    it.each([
      ['gzip', 2_000, 'gzip'],
      ['br, gzip', 2_000, 'br'],
      ['gzip', 900, undefined],
      ['identity', 2_000, undefined],
    ])('with Accept-Encoding %s compress %i bytes as %s', async (accepted, length, encoding) => {
      const { headers } = await ask('GET', `/api/text/${length}`, {
        headers: { 'accept-encoding': accepted },
      });
      expect(headers['content-encoding']).toBe(encoding);
    });

    it.each([
      { who: 'our own page', origin: () => url.origin, allowed: true },
      { who: 'a listed page', origin: () => PAGE, allowed: true },
      { who: 'a foreign page', origin: () => 'https://evil.example', allowed: false },
      { who: 'a sandboxed page', origin: () => 'null', allowed: false },
    ])('let $who read: $allowed', async ({ origin, allowed }) => {
      const { headers, status } = await ask('GET', '/bare', { headers: { origin: origin() } });
      expect(status).toBe(200);
      expect(headers['access-control-allow-origin']).toBe(allowed ? origin() : undefined);
      expect(headers['access-control-allow-credentials']).toBe(allowed ? 'true' : undefined);
      if (allowed) expect(headers['access-control-expose-headers']).toContain('Retry-After');

      const preflight = await ask('OPTIONS', '/api/things', {
        headers: {
          origin: origin(),
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'authorization,content-type',
        },
      });
      expect(preflight.status).toBe(allowed ? 204 : 404);
      expect(preflight.headers['access-control-allow-headers']).toBe(
        allowed ? 'authorization,content-type' : undefined,
      );
    });

    it('say nothing of credentials where pages may send none', async () => {
      stop();
      await start({ corsCredentials: false });
      const { headers } = await ask('GET', '/bare', { headers: { origin: PAGE } });
      expect(headers['access-control-allow-origin']).toBe(PAGE);
      expect(headers).not.toHaveProperty('access-control-allow-credentials');
    });
  });

  describe('the page', () => {
    let dir: string;
    beforeEach(async () => {
      dir = mkdtempSync(join(tmpdir(), 'chat-page-'));
      mkdirSync(join(dir, 'assets'));
      writeFileSync(join(dir, 'index.html'), '<!doctype html><title>chat</title>');
      writeFileSync(join(dir, 'assets', 'app-1234.js'), 'export {};');
      stop();
      await start({ pageDir: dir });
    });
    afterEach(() => rmSync(dir, { recursive: true }));

    it('is served, its named files for ever, unlimited', async () => {
      for (let n = 0; n < 10; n++) {
        const page = await ask('GET', '/');
        expect([page.status, page.text]).toEqual([200, '<!doctype html><title>chat</title>']);
      }
      const script = await ask('GET', '/assets/app-1234.js');
      expect(script.headers['cache-control']).toContain('immutable');
      expect((await ask('GET', '/')).headers['cache-control']).not.toContain('immutable');
    });

    it('leaves no way out of its folder', async () => {
      for (const path of [
        '/../package.json',
        '/%2e%2e/package.json',
        '/assets/..%2f..%2fpackage.json',
        '/.env',
        '/%00',
      ]) {
        const { status, body } = await ask('GET', path);
        expect([400, 403, 404]).toContain(status);
        expect((body as Failure).success).toBe(false);
      }
    });

    it('does not hide that an API route is not there', async () => {
      expect(await failure(ask('GET', '/api/nothing'))).toEqual([404, 'NOT_FOUND']);
      expect(await failure(ask('GET', '/assets/nothing.js'))).toEqual([404, 'NOT_FOUND']);
      expect(await failure(ask('GET', '/%ff'))).toEqual([404, 'NOT_FOUND']);
    });
  });
});
