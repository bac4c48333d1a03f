/** Accounts, where it matters that there are two workers: external users, profiles, and administrators who disconnect somebody. */
import jwt from 'jsonwebtoken';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteData } from '../../src/contract.ts';
import { TestClient } from '../harness/client.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { meet } from '../harness/match.ts';
import type { Person } from '../harness/person.ts';
import { fairMs } from '../harness/fair-time.ts';

const SECRET = 'a secret that two services share, long enough';
const API_KEY = 'the key of the administrator';
const WITHIN_MS = 1_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({
    workers: 2,
    env: { JWT_ACCESS_TOKEN_SECRET: SECRET, TRUST_EXTERNAL_JWT: 'true', ADMIN_API_KEY: API_KEY },
  });
});
afterAll(() => cluster.stop());

interface Options {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}
const call = (method: string, path: string, options: Options = {}) =>
  http(cluster.url, method, path, options);
const dataOf = <T>({ body }: { body: unknown }) => (body as { data: T }).data;

/** As a service signs it that knows nothing of this one. */
const external = (claims: object, expiresIn = 3_600) => jwt.sign(claims, SECRET, { expiresIn });

/** Two sockets of the same user, on different workers. */
async function onBoth(token: string): Promise<[Person, Person]> {
  const [one, other] = [await cluster.person({ token }), await cluster.person({ token })];
  if (one.workerId === other.workerId) await other.moveAway();
  return [one, other];
}

describe('an external user', () => {
  test('who is first seen by both workers at once is one user', async () => {
    const sockets: { socket: TestClient; workerId: string }[] = [];
    while (sockets.length < 8 || new Set(sockets.map(({ workerId }) => workerId)).size < 2) {
      const socket = await new TestClient(cluster.url, {}).connected();
      sockets.push({ socket, workerId: (await socket.next('connected')).workerId });
    }
    for (const [round, sub] of ['first', 'second', 'third'].entries()) {
      const token = external({ sub, username: 'popular' });
      const [answers, requests] = await Promise.all([
        Promise.all(sockets.map(({ socket }) => socket.request('authenticate', token))),
        Promise.all([1, 2, 3, 4].map(() => call('GET', '/api/auth/me', { token }))),
      ]);
      const users = [
        ...answers.map((answer) => (answer.success ? answer.user : undefined)),
        ...requests.map((answer) => dataOf<RouteData<'GET /auth/me'>>(answer).user),
      ];
      expect(new Set(users.map((user) => user?.id)).size).toBe(1);
      expect(users[0]).toMatchObject({
        username: expect.stringMatching(round === 0 ? /^popular$/ : /^popular-[a-z0-9]{6}$/),
        guest: false,
      });
    }
    for (const { socket } of sockets) socket.close();
  });

  test('upgrades a guest socket, as D and E do it, and is matched like anybody', async () => {
    const socket = await new TestClient(cluster.url, {}).connected();
    const token = external({ sub: 'auth0|42', name: 'Ann From Elsewhere' });
    expect(await socket.request('authenticate', token)).toMatchObject({
      success: true,
      user: { username: 'Ann_From_Elsewhere', guest: false },
    });
    expect(await socket.next('authenticated')).toMatchObject({ userId: expect.any(Number) });
    socket.close();
    const [ann, bob] = [await cluster.person({ token }), await cluster.person()];
    await meet(ann, bob);
    for (const each of [ann, bob]) each.close();
  });

  test('ends with the token', async () => {
    const socket = await cluster.person({ token: external({ sub: 'short' }, 2) });
    const connectedAt = performance.now();
    expect(await socket.ended()).toBe('io server disconnect');
    expect(performance.now() - connectedAt).toBeLessThan(fairMs(4_000));
    expect(await socket.next('error')).toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('ends everywhere within a second of a logout, and the tokens of before are refused', async () => {
    const token = external({ sub: 'leaving' });
    const stays = await cluster.person({ token: external({ sub: 'staying' }) });
    const [here, there] = await onBoth(token);
    const ended = Promise.all([here.ended(), there.ended()]);
    const askedAt = performance.now();
    expect((await call('POST', '/api/auth/logout', { token })).status).toBe(200);
    expect(await ended).toEqual(['io server disconnect', 'io server disconnect']);
    expect(performance.now() - askedAt).toBeLessThan(fairMs(WITHIN_MS));

    expect((await call('GET', '/api/auth/me', { token })).status).toBe(401);
    const again = new TestClient(cluster.url, { auth: { token } });
    await expect(again.connected()).rejects.toMatchObject({ data: { code: 'UNAUTHENTICATED' } });
    expect(await stays.request('ping')).toMatchObject({ success: true });
    stays.close();
  });
});

test('without the setting the same token is nobody', async () => {
  const strict = await startCluster({ workers: 1, env: { JWT_SECRET: SECRET } });
  const token = external({ sub: 'x' });
  expect((await http(strict.url, 'GET', '/api/auth/me', { token })).status).toBe(401);
  await expect(strict.person({ token })).rejects.toMatchObject({ data: { code: 'UNAUTHENTICATED' } });
  await strict.stop();
});

describe('a profile', () => {
  test('is heard of on the other worker, and is what the live sockets go by', async () => {
    const [ann, bob] = await cluster.strangers(2);
    const elsewhere = await cluster.person({ token: ann!.token });
    if (elsewhere.workerId === ann!.workerId) await elsewhere.moveAway();
    await meet(ann!, bob!);

    for (const [url, name] of [
      [cluster.url, 'renamed_once'],
      [cluster.httpUrl, 'renamed_twice'],
    ] as const) {
      const answer = await http(url, 'PATCH', '/api/users/me', {
        token: ann!.token,
        body: { username: name, bio: `I am ${name}` },
      });
      expect(answer).toMatchObject({
        status: 200,
        body: { data: { user: { id: ann!.id, username: name } } },
      });
      const update = { userId: ann!.id, username: name, bio: `I am ${name}` };
      for (const each of [ann!, elsewhere, bob!]) expect(await each.next('user_updated')).toEqual(update);

      await ann!.request('user:leave');
      await bob!.next('user:unmatched');
      expect(await bob!.request('user:match')).toMatchObject({ status: 'waiting' });
      expect(await elsewhere.request('user:match')).toMatchObject({ status: 'matched' });
      expect((await bob!.next('user:matched')).matchedUser).toEqual({
        ...{ id: ann!.id, username: name, avatar: null },
      });
      await elsewhere.request('user:leave');
      await bob!.next('user:unmatched');
      await meet(ann!, bob!);
    }
    const taken = await call('PATCH', '/api/v1/users/me', {
      ...{ token: bob!.token, body: { username: 'RENAMED_TWICE' } },
    });
    expect(taken).toMatchObject({ status: 409, body: { error: { fields: { username: 'is taken' } } } });
    for (const each of [ann!, bob!, elsewhere]) each.close();
  });

  test('is found by the beginning of its name, on both prefixes, unless one has blocked the other', async () => {
    const named = async (username: string) =>
      dataOf<RouteData<'POST /auth/guest'>>(await call('POST', '/api/auth/guest', { body: { username } }));
    const [ann, bob, cy] = [await named('searched_ann'), await named('searched_bob'), await named('cyd')];
    const search = async (path: string, token?: string) =>
      call('GET', `${path}/users/search?q=SEARCHED`, { ...(token !== undefined && { token }) });
    const found = (user: { id: unknown; username: string }) => ({
      ...{ id: user.id, username: user.username, displayName: null, avatar: null },
    });

    expect((await search('/api', ann.token)).body).toMatchObject({
      data: { users: [found(bob.user)], count: 1 },
    });
    expect((await search('/api/v1', cy.token)).body).toEqual({
      success: true,
      data: {
        users: [ann, bob].map(({ user }) => found({ ...user, id: Number(user.id) })),
        count: 2,
      },
    });
    const socket = await cluster.person({ token: ann.token });
    await socket.request('user:block', { userId: String(bob.user.id) });
    socket.close();
    for (const { token } of [ann, bob])
      expect((await search('/api', token)).body).toMatchObject({ data: { users: [] } });
    expect((await search('/api')).status).toBe(401);
    expect((await call('GET', '/api/users/search?q=x', { token: cy.token })).status).toBe(400);
  });
});

describe("D's connected users", () => {
  const page = async (query: string, token: string) => {
    const { status, body } = await call('GET', `/api/v1/ws/users${query}`, { token });
    expect(status).toBe(200);
    return body as unknown as { data: { id: number }[]; pagination: object };
  };

  test('are listed once, from both workers, page by page, and not while invisible', async () => {
    const [ann, bob, hidden] = await cluster.strangers(3);
    const again = await cluster.person({ token: ann!.token });
    await hidden!.request('update_status', 'offline');

    const all = await page('', bob!.token);
    expect(all.pagination).toEqual({ limit: 100, after: null, hasMore: false });
    const ids = all.data.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([Number(ann!.id), Number(bob!.id)]));
    expect(ids).not.toContain(Number(hidden!.id));
    expect(new Set(ids).size).toBe(ids.length);
    expect(all.data.find(({ id }) => id === Number(ann!.id))).toEqual({
      ...{ id: Number(ann!.id), username: ann!.username, avatar: null },
    });

    const walked: number[] = [];
    for (let after = ''; ; after = `&after=${walked.at(-1)}`) {
      const { data, pagination } = await page(`?limit=1${after}`, bob!.token);
      walked.push(...data.map(({ id }) => id));
      expect(pagination).toMatchObject({ limit: 1, after: walked.at(-2) ?? null });
      if (!(pagination as { hasMore: boolean }).hasMore) break;
    }
    expect(walked).toEqual(ids);
    for (const query of ['?limit=0', '?limit=1001', '?after=x'])
      expect((await call('GET', `/api/v1/ws/users${query}`, { token: bob!.token })).status).toBe(400);
    expect((await call('GET', '/api/v1/ws/users')).status).toBe(401);
    for (const each of [ann!, bob!, hidden!, again]) each.close();
  });

  test('are disconnected by an administrator alone, on both workers, and tokens stay valid unless revoked', async () => {
    const bob = await cluster.person();
    const { token, id } = await cluster.person();
    const disconnect = (query: string, headers: Record<string, string> = { 'X-API-Key': API_KEY }) =>
      call('DELETE', `/api/v1/ws/users/${id}${query}`, { token: bob.token, headers });
    expect((await disconnect('', {})).status).toBe(403);

    const [here, there] = await onBoth(token);
    const askedAt = performance.now();
    const ended = Promise.all([here.ended(), there.ended()]);
    expect((await disconnect('')).body).toEqual({ success: true, data: { disconnected: 3 } });
    expect(await ended).toEqual(['io server disconnect', 'io server disconnect']);
    expect(performance.now() - askedAt).toBeLessThan(fairMs(WITHIN_MS));
    expect(await bob.request('ping')).toMatchObject({ success: true });

    const [again, too] = await onBoth(token);
    const gone = Promise.all([again.ended(), too.ended()]);
    expect((await disconnect('?revoke=true')).body).toMatchObject({ data: { disconnected: 2 } });
    await gone;
    expect((await call('GET', '/api/auth/me', { token })).status).toBe(401);
    await expect(cluster.person({ token })).rejects.toMatchObject({ data: { code: 'UNAUTHENTICATED' } });

    const unknown = await call('DELETE', '/api/v1/ws/users/12345', { headers: { 'X-API-Key': API_KEY } });
    expect(unknown).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
    expect((await disconnect('?revoke=maybe')).status).toBe(400);
    bob.close();
  });
});
