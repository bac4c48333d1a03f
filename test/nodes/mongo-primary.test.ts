/** The replica set's primary is killed under a running cluster, which people register with, sign in to and block each other on. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { meet, say } from '../harness/match.ts';
import { measured } from '../harness/measured.ts';
import { whyNoMongo } from '../harness/mongo.ts';
import { startReplicaSet, type ReplicaSet } from '../harness/mongod.ts';
import type { Person } from '../harness/person.ts';
import { startRedis, withoutRedis, type TestRedis } from '../harness/redis.ts';

const missing = withoutRedis ?? (await whyNoMongo('control'));
const JWT_SECRET = 'a-secret-that-all-nodes-of-a-test-share';
const WRITERS = 6;
const GAP_MS = 15_000;
const PASSWORD = 'correct horse 7';

interface Account {
  readonly email: string;
  readonly id: string;
  readonly token: string;
}

/** People who come, register, sign in and block somebody, without a pause, on either node. Remembers what was acknowledged. */
function startWriters(urls: readonly string[], blockers: readonly Person[]) {
  const registered: Account[] = [];
  const signedIn: string[] = [];
  const blocked: { by: Person; userId: string }[] = [];
  const unexpected: unknown[] = [];
  let [unavailable, lastMs, longestGapMs, number] = [0, performance.now(), 0, 0];
  let stopped = false;

  function acknowledged(): void {
    const now = performance.now();
    longestGapMs = Math.max(longestGapMs, now - lastMs);
    lastMs = now;
  }
  async function refused(answer: { error?: { code?: string } }): Promise<void> {
    if (answer.error?.code === 'UNAVAILABLE') unavailable += 1;
    else unexpected.push(answer);
    await delay(20);
  }

  async function write(writer: number): Promise<void> {
    const by = blockers[writer % blockers.length]!;
    for (let n = 0; !stopped; n++) {
      const url = urls[(writer + n) % urls.length]!;
      const name = `writer${(number += 1)}`;
      const email = `${name}@example.org`;
      const made = await http(url, 'POST', '/api/auth/register', {
        body: { email, username: name, password: PASSWORD },
      });
      if (made.status !== 201) {
        await refused(made.body);
        continue;
      }
      const { user, token } = (made.body as { data: { user: { id: string }; token: string } }).data;
      registered.push({ email, id: user.id, token });
      acknowledged();

      const login = await http(url, 'POST', '/api/auth/login', { body: { email, password: PASSWORD } });
      if (login.status === 200) {
        signedIn.push((login.body as { data: { token: string } }).data.token);
        acknowledged();
      } else await refused(login.body);

      const answer = await by.raw('user:block', { userId: user.id });
      if (answer.success) {
        blocked.push({ by, userId: user.id });
        acknowledged();
      } else await refused(answer);
    }
  }

  const running = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return {
    acknowledged: () => registered.length + signedIn.length + blocked.length,
    async stop() {
      stopped = true;
      await running;
      return { registered, signedIn, blocked, unexpected, unavailable, longestGapMs };
    },
  };
}

describe.skipIf(missing)(`two nodes on a replica set${missing ? ` (${missing})` : ''}`, () => {
  let redis: TestRedis;
  let set: ReplicaSet;
  let nodes: Cluster[];
  let pair: [Person, Person];
  let blockers: Person[];

  beforeAll(async () => {
    [redis, set] = await Promise.all([startRedis(), startReplicaSet()]);
    const env = { REDIS_URL: redis.url, MONGODB_URI: set.uri, JWT_SECRET };
    nodes = await Promise.all(
      ['n1', 'n2'].map((nodeId) => startCluster({ workers: 2, env: { ...env, NODE_ID: nodeId } })),
    );
    pair = (await Promise.all(nodes.map((node) => node.person()))) as [Person, Person];
    blockers = await Promise.all(nodes.map((node) => node.person()));
    await meet(...pair);
  }, 120_000);
  afterAll(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await Promise.all([redis?.stop(), set?.close()]);
  }, 60_000);

  const pids = () => nodes.map((node) => [node.process.pid, ...node.workers()]);

  test('its primary is killed: writes go on within 15 s, nothing acknowledged is lost, nobody restarts', async () => {
    const before = pids();
    const breaks: string[] = [];
    for (const { socket } of [...pair, ...blockers]) socket.on('disconnect', (why) => breaks.push(why));
    const urls = nodes.map(({ httpUrl }) => httpUrl);
    const writers = startWriters(urls, blockers);
    await expect.poll(() => writers.acknowledged(), { timeout: 30_000 }).toBeGreaterThan(300);

    await set.killPrimary();
    const atKill = writers.acknowledged();
    // Match chat needs no storage, whatever becomes of it.
    const [ann, bob] = pair;
    let said = 0;
    const goesOn = () => writers.acknowledged() > atKill + 10 * WRITERS;
    for (const endsAt = performance.now() + 2 * GAP_MS; !goesOn() && performance.now() < endsAt; said++) {
      await say(ann, bob, `number ${said}`);
      await say(bob, ann, `heard ${said}`);
      await delay(20);
    }
    const { registered, signedIn, blocked, unexpected, unavailable, longestGapMs } = await writers.stop();
    expect(unexpected, nodes.map((node) => node.output()).join('\n')).toEqual([]);
    // Else nobody was writing when the primary went.
    expect(unavailable).toBeGreaterThan(0);
    expect(longestGapMs).toBeLessThan(GAP_MS);
    expect(said).toBeGreaterThan(0);
    measured('primary of MongoDB killed: longest time without a write', `${Math.round(longestGapMs)} ms`);

    const lost: string[] = [];
    for (const [n, { email, token }] of registered.entries()) {
      const { status, body } = await http(urls[n % 2]!, 'GET', '/api/auth/me', { token });
      if (status !== 200) lost.push(`${email}: ${status} ${JSON.stringify(body)}`);
    }
    for (const token of signedIn) {
      const { status } = await http(urls[0]!, 'GET', '/api/auth/me', { token });
      if (status !== 200) lost.push(`a session: ${status}`);
    }
    for (const by of blockers) {
      const { body } = await http(urls[1]!, 'GET', '/api/users/blocked', { token: by.token });
      const stored = (body as { data: { users: { id: string }[] } }).data.users.map(({ id }) => id);
      const own = blocked.filter((block) => block.by === by).map(({ userId }) => userId);
      lost.push(...own.filter((id) => !stored.includes(id)).map((id) => `the block of ${id}`));
    }
    expect(lost).toEqual([]);
    measured('primary of MongoDB killed: lost', `0 of ${writers.acknowledged()} acknowledged writes`);

    expect(pids()).toEqual(before);
    expect(breaks).toEqual([]);
    for (const url of urls) expect((await http(url, 'GET', '/api/ready')).status).toBe(200);
  }, 120_000);
});
