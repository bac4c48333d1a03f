import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteData } from '../../src/contract.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { say, meet } from '../harness/match.ts';
import { fairMs } from '../harness/fair-time.ts';

type Credentials = RouteData<'POST /auth/login'>;

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2, env: { LOG_LEVEL: 'debug' } });
});
afterAll(() => cluster.stop());

const call = async (method: string, path: string, options: { token?: string; body?: unknown } = {}) =>
  http(cluster.url, method, path, options);
const dataOf = ({ body }: { body: unknown }) => (body as { data: Credentials }).data;

let count = 0;
async function registered() {
  count += 1;
  const person = { username: `user_${count}`, email: `user${count}@example.com`, password: 'Secret-word-1' };
  const answer = await call('POST', '/api/auth/register', { body: person });
  expect(answer.status).toBe(201);
  return { ...person, ...dataOf(answer) };
}

describe('sessions', () => {
  test('logout ends the live sockets of that session, on every worker, within a second; others stay', async () => {
    const ann = await registered();
    const other = dataOf(
      await call('POST', '/api/auth/login', {
        body: { email: ann.email.toUpperCase(), password: ann.password },
      }),
    );
    const here = await cluster.person({ token: ann.token });
    const there = await cluster.person({ token: ann.token });
    if (there.workerId === here.workerId) await there.moveAway();
    const stays = await cluster.person({ token: other.token });

    const ended = Promise.all([here.ended(), there.ended()]);
    const askedAt = performance.now();
    expect((await call('POST', '/api/auth/logout', { token: ann.token })).status).toBe(200);
    expect(await ended).toEqual(['io server disconnect', 'io server disconnect']);
    expect(performance.now() - askedAt).toBeLessThan(fairMs(1_000));

    expect((await call('GET', '/api/auth/me', { token: ann.token })).status).toBe(401);
    expect(await stays.request('ping')).toMatchObject({ success: true });
    stays.close();
  });

  test('sessions are shown to their owner and each can be revoked', async () => {
    const ann = await registered();
    const phone = dataOf(await call('POST', '/api/auth/login', { body: ann }));
    await call('POST', '/api/users/device', {
      token: phone.token,
      body: { deviceId: 'phone-1', location: { country: 'Norway', city: 'Oslo' } },
    });
    const socket = await cluster.person({ token: phone.token });
    const { sessions } = (await call('GET', '/api/users/sessions', { token: ann.token })).body[
      'data'
    ] as RouteData<'GET /users/sessions'>;
    expect(sessions).toHaveLength(2);
    const other = sessions.find(({ current }) => !current)!;
    expect(other).toMatchObject({
      ip: '127.0.0.1',
      userAgent: expect.any(String),
      deviceId: 'phone-1',
      location: { country: 'Norway', city: 'Oslo' },
    });
    const bob = await registered();
    expect((await call('DELETE', `/api/users/sessions/${other.id}`, { token: bob.token })).status).toBe(404);
    const ended = socket.ended();
    expect((await call('DELETE', `/api/users/sessions/${other.id}`, { token: ann.token })).status).toBe(200);
    expect(await ended).toBe('io server disconnect');
  });

  test('a refresh token works once; the second time ends the session', async () => {
    const ann = await registered();
    const socket = await cluster.person({ token: ann.token });
    const fresh = dataOf(
      await call('POST', '/api/auth/refresh', { body: { refreshToken: ann.refreshToken } }),
    );
    expect((await call('GET', '/api/auth/me', { token: fresh.token })).status).toBe(200);
    const ended = socket.ended();
    expect(
      (await call('POST', '/api/auth/refresh', { body: { refreshToken: ann.refreshToken } })).status,
    ).toBe(401);
    await ended;
    expect((await call('GET', '/api/auth/me', { token: fresh.token })).status).toBe(401);
    expect((await call('GET', '/api/auth/me', { token: ann.refreshToken })).status).toBe(401);
  });

  test('a password change ends every other session', async () => {
    const ann = await registered();
    const other = dataOf(await call('POST', '/api/auth/login', { body: ann }));
    const body = { current: ann.password, next: 'Another-word-2' };
    expect((await call('POST', '/api/v1/auth/password', { token: ann.token, body })).status).toBe(200);
    expect((await call('GET', '/api/auth/me', { token: other.token })).status).toBe(401);
    expect((await call('GET', '/api/auth/me', { token: ann.token })).status).toBe(200);
    expect((await call('POST', '/api/auth/login', { body: ann })).status).toBe(401);
    expect((await call('POST', '/api/auth/login', { body: { ...ann, password: body.next } })).status).toBe(
      200,
    );
  });

  test('a guest registers and keeps id, sockets and partner', async () => {
    const [ann, bob] = await cluster.strangers(2);
    await meet(ann!, bob!);
    const body = { username: 'no_guest_any_more', email: 'guest@example.com', password: 'Secret-word-1' };
    const answer = await call('POST', '/api/auth/register', { token: ann!.token, body });
    expect(dataOf(answer).user).toMatchObject({ id: ann!.id, guest: false, expiresAt: null });
    await say(bob!, ann!, 'still you?');
    ann!.close();
    bob!.close();
  });
});

describe('refusals', () => {
  test('a duplicate names its fields, whatever the case', async () => {
    const ann = await registered();
    const answer = await call('POST', '/api/auth/register', {
      body: { username: ann.username.toUpperCase(), email: ann.email.toUpperCase(), password: ann.password },
    });
    expect(answer).toMatchObject({
      status: 409,
      body: {
        error: { code: 'CONFLICT', fields: { username: expect.any(String), email: expect.any(String) } },
      },
    });
  });

  test('an unknown user and a wrong password answer alike', async () => {
    const ann = await registered();
    const wrong = await call('POST', '/api/auth/login', {
      body: { email: ann.email, password: 'Wrong-word-1' },
    });
    const unknown = await call('POST', '/api/auth/login', {
      body: { email: 'nobody@example.com', password: 'Wrong-word-1' },
    });
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(unknown.body).toEqual(wrong.body);
  });
});

test('register, login and password change share five attempts, on both prefixes and both workers', async () => {
  const limited = await startCluster({ workers: 2, env: { RATE_LIMIT_AUTH_MAX: '5' } });
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) {
    const path = `/api${i % 2 ? '/v1' : ''}/auth/login`;
    const { status } = await http(limited.url, 'POST', path, { body: { email: 'a@b.cd', password: 'x' } });
    statuses.push(status);
  }
  expect(statuses).toEqual([401, 401, 401, 401, 401, 429]);
  const refused = await http(limited.httpUrl, 'POST', '/api/auth/login', {
    body: { email: 'a@b.cd', password: 'x' },
  });
  expect(refused).toMatchObject({ status: 429, body: { error: { code: 'RATE_LIMITED', retryable: true } } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers.get('ratelimit')).toContain('r=0');
  // A forged address in front of the server changes nothing for who connects directly; loopback proxies are believed.
  expect((await http(limited.url, 'GET', '/api/health')).status).toBe(200);
  await limited.stop();
});

test('accounts, sessions and the generated secret survive a restart', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'realtime-chat-kept-'));
  const first = await startCluster({ workers: 1, env: { DATA_DIR: dataDir } });
  const ann = await first.person();
  expect(await first.stop()).toBe(0);
  expect(statSync(join(dataDir, 'jwt-secret')).mode & 0o777).toBe(0o600);

  const second = await startCluster({ workers: 1, env: { DATA_DIR: dataDir } });
  expect(await http(second.url, 'GET', '/api/auth/me', { token: ann.token })).toMatchObject({
    status: 200,
    body: { data: { user: { id: ann.id, isOnline: false } } },
  });
  await second.stop();
  rmSync(dataDir, { recursive: true });
});

test('a second server does not start on the same data', async () => {
  await expect(startCluster({ workers: 1, env: { DATA_DIR: cluster.dataDir } })).rejects.toThrow(
    'is in use by process',
  );
});

test('logs hold categories and no secret', async () => {
  const ann = await registered();
  const [one, two] = await cluster.strangers(2);
  await meet(one!, two!);
  await say(one!, two!, 'a text that must not be logged');
  await call('POST', '/api/auth/login', { body: { email: ann.email, password: 'Wrong-word-9' } });
  const read = () => readFileSync(join(cluster.logDir, 'combined.log'), 'utf8');
  await expect.poll(read).toContain('"category":"auth"');
  for (const secret of [
    ann.password,
    ann.token,
    ann.refreshToken,
    one!.token,
    'must not be logged',
    'Wrong-word-9',
    ann.email,
  ]) {
    expect(read() + cluster.output()).not.toContain(secret);
  }
});

describe('npm run admin', () => {
  const run = promisify(execFile);
  const admin = async (args: string[], dataDir = cluster.dataDir) =>
    run(process.execPath, [fileURLToPath(new URL('../../src/admin.ts', import.meta.url)), ...args], {
      env: { ...process.env, DATA_DIR: dataDir, LOG_DIR: cluster.logDir },
    });

  test('resets a password while the server runs, and ends the sockets', async () => {
    const ann = await registered();
    const socket = await cluster.person({ token: ann.token });
    const ended = socket.ended();
    const { stdout } = await admin(['reset-password', '--email', ann.email]);
    expect(await ended).toBe('io server disconnect');
    expect((await call('POST', '/api/auth/login', { body: ann })).status).toBe(401);
    const password = stdout
      .split(/\s+/)
      .find((word) => /[0-9]/.test(word) && /[a-z]/i.test(word) && word.length >= 12 && !word.includes('@'));
    expect((await call('POST', '/api/auth/login', { body: { email: ann.email, password } })).status).toBe(
      200,
    );
  });
});
