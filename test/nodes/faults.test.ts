import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { http } from '../harness/http.ts';
import { meet, say, untilServed } from '../harness/match.ts';
import { measured } from '../harness/measured.ts';
import { withoutNginx } from '../harness/nginx.ts';
import { startNodes, type Nodes } from '../harness/nodes.ts';
import type { Person } from '../harness/person.ts';
import { withoutRedis } from '../harness/redis.ts';
import { fairMs } from '../harness/fair-time.ts';

const missing = withoutNginx ?? withoutRedis;
const PAIRS = 6;

/** What happens when a part goes away, and that it mends itself: sockets stay, nobody restarts anything. */
describe.skipIf(missing)(`faults${missing ? ` (${missing})` : ''}`, () => {
  let nodes: Nodes;
  /** Across nodes. */
  const pairs: { ann: Person; bob: Person; matchId: string }[] = [];
  let breaks = 0;

  const everybody = () => pairs.flatMap(({ ann, bob }) => [ann, bob]);
  const ready = async () =>
    (await Promise.all(nodes.nodes.map(({ url }) => http(url, 'GET', '/api/ready')))).map(
      ({ status }) => status,
    );

  beforeAll(async () => {
    // What is measured here are the time limits of production.
    nodes = await startNodes({ ownMongo: true, env: { MONGODB_TIMEOUT_MS: '' } });
    for (let i = 0; i < PAIRS; i++) {
      const [ann, bob] = (await nodes.strangers(2)) as [Person, Person];
      pairs.push({ ann, bob, matchId: await meet(ann, bob) });
    }
    for (const person of everybody()) person.socket.on('disconnect', () => (breaks += 1));
  }, 120_000);
  afterAll(() => nodes?.stop(), 60_000);

  /** Every pair is what it was: each hears the other, the rosters are exact, nobody was told of an end. */
  async function allIsWell(text: string): Promise<void> {
    await Promise.all(
      pairs.map(async ({ ann, bob }) => {
        await say(ann, bob, `${text}, says ann`);
        await say(bob, ann, `${text}, says bob`);
      }),
    );
    expect(everybody().flatMap((person) => person.waiting('user:unmatched'))).toEqual([]);
    for (const { url } of nodes.nodes) {
      await expect
        .poll(async () => (await http(url, 'GET', '/api/users/stats')).body, { timeout: 15_000 })
        .toMatchObject({ data: { onlineUsers: 2 * PAIRS, waitingUsers: 0, activeMatches: PAIRS } });
    }
    expect(breaks).toBe(0);
  }

  /** Two whose sockets one worker has: among five people on four workers there are two such. */
  async function neighbours(): Promise<[Person, Person]> {
    const people: Person[] = [];
    for (;;) {
      const eve = await nodes.person();
      const dan = people.find(({ workerId }) => workerId === eve.workerId);
      if (!dan) people.push(eve);
      else {
        for (const other of people) if (other !== dan) other.close();
        return [eve, dan];
      }
    }
  }

  /** Milliseconds until every pair hears each other again and every node is ready. */
  async function untilBack(): Promise<number> {
    const from = performance.now();
    await Promise.all(everybody().map((person) => untilServed(person)));
    await expect.poll(ready, { timeout: 10_000, interval: 50 }).toEqual([200, 200]);
    const ms = performance.now() - from;
    expect(ms).toBeLessThan(fairMs(5_000));
    return ms;
  }

  async function duringOutage(): Promise<void> {
    const { ann } = pairs[0]!;
    const askedAt = performance.now();
    expect(await ann.raw('chat:message', { type: 'text', content: 'anybody?' })).toMatchObject({
      success: false,
      error: { code: 'UNAVAILABLE', retryable: true },
    });
    expect(performance.now() - askedAt).toBeLessThan(fairMs(1_500));
    await expect.poll(ready, { timeout: 3_000 }).toEqual([503, 503]);
  }

  test('before anything happens all is well', () => allIsWell('at first'));

  test('Redis restarted with what it had', async () => {
    await nodes.redis.restart();
    measured('Redis restarted: back after', `${Math.round(await untilBack())} ms`);
    await allIsWell('after a restart');
  }, 60_000);

  test('Redis paused for 5 s', async () => {
    nodes.redis.pause();
    await duringOutage();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    nodes.redis.resume();
    measured('Redis paused 5 s: back after', `${Math.round(await untilBack())} ms`);
    await allIsWell('after a pause');
  }, 60_000);

  test('Redis killed for more than a minute, in which all comes due that is done now and then; back empty', async () => {
    const pids = () =>
      nodes.nodes.map(({ process, workers }) => [process.pid, process.exitCode, ...workers()]);
    const before = pids();
    const [eve, dan] = await neighbours();
    await meet(eve, dan);
    await nodes.redis.kill();
    await duringOutage();
    await say(eve, dan, 'we are on one worker');
    await new Promise((resolve) => setTimeout(resolve, 62_000));
    await say(dan, eve, 'and talk on');
    await nodes.redis.restart({ empty: true });
    measured('Redis killed 62 s, back empty: back after', `${Math.round(await untilBack())} ms`);
    await say(eve, dan, 'as before');
    await eve.request('user:leave');
    eve.close();
    dan.close();
    await allIsWell('after a loss');
    expect(pids()).toEqual(before);
  }, 120_000);

  test('Redis back with an old snapshot', async () => {
    const snapshot = await nodes.redis.snapshot();
    const [eve, dan] = (await nodes.strangers(2)) as [Person, Person];
    await meet(eve, dan);
    await nodes.redis.kill();
    await nodes.redis.restart({ snapshot });
    measured('Redis back with a snapshot: back after', `${Math.round(await untilBack())} ms`);
    await say(eve, dan, 'the snapshot does not know us');
    await eve.request('user:leave');
    eve.close();
    dan.close();
    await allIsWell('after an old snapshot');
  }, 60_000);

  test('the storage hangs for 10 s: match chat goes on, what needs it answers UNAVAILABLE in time', async () => {
    nodes.mongo.pause!();
    const { ann, bob } = pairs[0]!;
    await say(ann, bob, 'no storage needed');
    const askedAt = performance.now();
    const answer = await http(nodes.nodes[0]!.url, 'POST', '/api/auth/guest', { body: {} });
    measured('storage hangs: UNAVAILABLE after', `${Math.round(performance.now() - askedAt)} ms`);
    expect(answer).toMatchObject({ status: 503, body: { error: { code: 'UNAVAILABLE', retryable: true } } });
    expect(performance.now() - askedAt).toBeLessThan(fairMs(2_500));
    await expect.poll(ready, { timeout: 5_000 }).toEqual([503, 503]);
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    nodes.mongo.resume!();
    await expect.poll(ready, { timeout: 10_000 }).toEqual([200, 200]);
    expect((await http(nodes.nodes[0]!.url, 'POST', '/api/auth/guest', { body: {} })).status).toBe(201);
    await allIsWell('after the storage hung');
  }, 60_000);

  test('a node killed with SIGKILL: its users are gone within 15 s, partners unmatched within 30 s', async () => {
    const second = nodes.nodes[1]!;
    const victims = everybody().filter(({ workerId }) => workerId.startsWith('n2.'));
    const survivors = everybody().filter(({ workerId }) => workerId.startsWith('n1.'));
    const pids = [second.process.pid!, ...second.workers().values()];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    const killedAt = performance.now();
    const since = () => `${Math.round(performance.now() - killedAt)} ms`;
    const stats = async () => (await http(nodes.nodes[0]!.url, 'GET', '/api/users/stats')).body;
    const vacated = Promise.all(
      survivors.map((person) => person.next('user:partner-away', undefined, 25_000)),
    );
    await expect
      .poll(stats, { timeout: 25_000, interval: 100 })
      .toMatchObject({ data: { onlineUsers: survivors.length } });
    measured('node killed: presence right after', since());
    await vacated;
    measured('node killed: seats vacated after', since());
    await Promise.all(survivors.map((person) => person.next('user:unmatched', undefined, 35_000)));
    measured('node killed: partners unmatched after', since());
    expect(await stats()).toMatchObject({ data: { activeMatches: 0 } });
    expect(victims.length + survivors.length).toBe(2 * PAIRS);
  }, 90_000);
});
