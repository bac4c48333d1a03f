import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { followHeld } from '../harness/held.ts';
import { http } from '../harness/http.ts';
import { startLink, type Link } from '../harness/link.ts';
import { meet, say, untilServed } from '../harness/match.ts';
import { measured } from '../harness/measured.ts';
import { withoutNginx } from '../harness/nginx.ts';
import { startNodes, type Nodes } from '../harness/nodes.ts';
import { personOf, type Person } from '../harness/person.ts';
import { withoutRedis } from '../harness/redis.ts';
import { fairMs } from '../harness/fair-time.ts';

const missing = withoutNginx ?? withoutRedis;
/** Longer than a lease and a seat's grace together. */
const GIVEN_BACK_MS = 40_000;

/** One node alone loses Redis, for longer than its leases: the others give back what it had, while its sockets stay. */
describe.skipIf(missing)(`one node of two cut off${missing ? ` (${missing})` : ''}`, () => {
  let link: Link;
  let nodes: Nodes;
  let [first, second] = [] as unknown as [Cluster, Cluster];
  const held = followHeld();
  const here = new Set<Person>();
  /** The first of each on the node that is cut off, the second on the other one. */
  const across: [Person, Person][] = [];
  /** Both on the node that is cut off: on one worker, on two. */
  let neighbours: [Person, Person];
  const apart: [Person, Person][] = [];
  let elsewhere: [Person, Person];
  let waiting: Person;
  let breaks = 0;

  const onBreak = () => (breaks += 1);
  function add<P extends readonly Person[]>(people: P): P {
    for (const person of people) {
      here.add(person);
      held.follow(person);
      person.socket.on('disconnect', onBreak);
    }
    return people;
  }
  function close(person: Person): void {
    here.delete(person);
    person.socket.off('disconnect', onBreak);
    person.close();
  }
  const of = (node: string) => [...here].filter(({ workerId }) => workerId.startsWith(node));
  const byId = (id: string) => [...here].find((person) => person.id === id)!;
  const ready = async ({ httpUrl }: Cluster) => (await http(httpUrl, 'GET', '/api/ready')).status;

  /** Two whose sockets one worker of the first node has: among three there are two such. */
  async function onOneWorker(): Promise<[Person, Person]> {
    const people: Person[] = [];
    for (;;) {
      const eve = await first.person();
      const dan = people.find(({ workerId }) => workerId === eve.workerId);
      if (dan) {
        for (const other of people) if (other !== dan) other.close();
        return [dan, eve];
      }
      people.push(eve);
    }
  }

  beforeAll(async () => {
    nodes = await startNodes({
      async envOf(nodeId, { REDIS_URL }) {
        if (nodeId !== 'n1') return {};
        link = await startLink(REDIS_URL);
        return { REDIS_URL: link.url };
      },
    });
    [first, second] = nodes.nodes as [Cluster, Cluster];
    for (let i = 0; i < 4; i++) across.push(add([await first.person(), await second.person()]));
    neighbours = add(await onOneWorker());
    for (let i = 0; i < 2; i++) apart.push(add((await first.strangers(2)) as [Person, Person]));
    elsewhere = add((await second.strangers(2)) as [Person, Person]);
    for (const pair of [...across, neighbours, ...apart, elsewhere]) await meet(...pair);
    [waiting] = add([await first.person()]);
    expect(await waiting.request('user:match', { mode: 'video' })).toMatchObject({ status: 'waiting' });
  }, 120_000);
  afterAll(async () => {
    await nodes?.stop();
    await link?.close();
  }, 60_000);

  /** Nobody has two partners: what each was told, what each can do, and what both nodes count agree. */
  async function allAgree(text: string): Promise<void> {
    expect(breaks).toBe(0);
    const paired = [...here].filter((person) => held.of(person));
    for (const person of paired) {
      const { partnerId, matchId } = held.of(person)!;
      expect(held.of(byId(partnerId))).toEqual({ matchId, partnerId: person.id, isAway: false });
    }
    await Promise.all(
      [...here].map(async (person) => {
        const own = held.of(person);
        if (own) return say(person, byId(own.partnerId), `${text}, says ${person.id}`);
        expect(await person.raw('chat:clear')).toMatchObject({ error: { code: 'NOT_MATCHED' } });
      }),
    );
    const ids = [...here].map(({ id }) => id).sort();
    for (const { httpUrl } of [first, second]) {
      const online = async () => {
        const { body } = await http(httpUrl, 'GET', '/api/users/online', { token: waiting.token });
        return (body as { data: { users: { id: string }[] } }).data.users.map(({ id }) => id).sort();
      };
      await expect.poll(online, { timeout: 5_000 }).toEqual(ids);
      expect((await http(httpUrl, 'GET', '/api/users/stats')).body).toMatchObject({
        data: { onlineUsers: ids.length, waitingUsers: 1, activeMatches: paired.length / 2 },
      });
    }
  }

  /** While it is cut off: what the two nodes' clients notice at once. */
  async function duringCut(): Promise<void> {
    const askedAt = performance.now();
    expect(await apart[0]![0].raw('chat:message', { type: 'text', content: 'anybody?' })).toMatchObject({
      error: { code: 'UNAVAILABLE', retryable: true },
    });
    expect(performance.now() - askedAt).toBeLessThan(fairMs(1_500));
    await expect.poll(() => ready(first), { timeout: 3_000 }).toBe(503);
    expect(await ready(second)).toBe(200);
    await say(...neighbours, 'we are on one worker');
    await say(...elsewhere, 'what outage?');
  }

  async function whoIsLeft(): Promise<void> {
    expect((await http(second.httpUrl, 'GET', '/api/users/stats')).body).toMatchObject({
      data: { onlineUsers: of('n2').length, waitingUsers: 0 },
    });
  }

  test('before anything happens all is well', () => allAgree('at first'));

  test.each([
    { how: 'its connections break', breakIt: () => link.cut(), mover: 0 },
    { how: 'its packets are swallowed', breakIt: () => link.stall(), mover: 1 },
  ])(
    'longer than a lease, $how: all pairs are what they were',
    async ({ how, breakIt, mover }) => {
      const before = new Map(held.all());
      breakIt();
      const brokenAt = performance.now();
      await duringCut();

      await Promise.all(
        across
          .filter(([ann]) => ann.workerId.startsWith('n1.'))
          .map(([, bob]) => bob.next('user:partner-away', undefined, 25_000)),
      );
      measured(
        `cut off from Redis, ${how}: others told after`,
        `${Math.round(performance.now() - brokenAt)} ms`,
      );
      await whoIsLeft();

      // Whoever gives up on that node finds the seat on the other one, and keeps it when the node returns.
      const [ann, bob] = across[mover]!;
      const { matchId } = held.of(ann)!;
      close(ann);
      const moved = await personOf(second.url, {
        token: ann.token,
        socket: { auth: { token: ann.token, matchId } },
      });
      add([moved]);
      across[mover] = [moved, bob];
      expect(await moved.next('user:matched')).toMatchObject({ matchId, resumed: true });
      await say(bob, moved, 'here you are');

      link.mend();
      const mendedAt = performance.now();
      await Promise.all([...here].filter((person) => held.of(person)).map((person) => untilServed(person)));
      await expect.poll(() => new Map(held.all()), { timeout: 5_000, interval: 50 }).toEqual(before);
      measured(`cut off from Redis, ${how}: back after`, `${Math.round(performance.now() - mendedAt)} ms`);
      await expect.poll(() => ready(first), { timeout: 5_000 }).toBe(200);
      await allAgree(`after ${how}`);
      expect([...here].flatMap((person) => person.waiting('user:unmatched'))).toEqual([]);
    },
    90_000,
  );

  test('longer than a lease and the grace of seats: everybody is told, nobody has two partners', async () => {
    const [widow, other] = [across[2]![1], across[3]![1]];
    link.stall();
    await duringCut();
    // This one leaves while its node cannot say so to anybody.
    close(across[2]![0]);
    held.forget(across[2]![0]);

    const bereft = across.filter(([ann]) => ann.workerId.startsWith('n1.')).map(([, bob]) => bob);
    expect(bereft).toEqual([widow, other]);
    for (const bob of bereft) {
      expect(await bob.next('user:unmatched', undefined, GIVEN_BACK_MS)).toMatchObject({
        reason: 'disconnected',
      });
    }
    await whoIsLeft();
    await say(...neighbours, 'still on one worker');
    await meet(widow, other);

    link.mend();
    const lost = [across[3]![0], ...neighbours, ...apart.flat()];
    await Promise.all(
      lost.map(async (person) => {
        const { matchId } = held.of(person)!;
        expect(await person.next('user:unmatched')).toEqual({ matchId, reason: 'disconnected' });
      }),
    );
    await expect.poll(() => ready(first), { timeout: 5_000 }).toBe(200);
    expect(lost.map((person) => held.of(person))).toEqual(lost.map(() => null));
    expect(held.of(widow)).toMatchObject({ partnerId: other.id });
    await allAgree('after a loss');
  }, 90_000);

  test('all can match again', async () => {
    await Promise.all([...here].map((person) => person.request('user:leave')));
    await Promise.all([...here].map((person) => person.settled()));
    expect(here.size % 2).toBe(0);
    await Promise.all([...here].map((person) => person.request('user:match')));
    await expect
      .poll(() => [...here].every((person) => held.of(person)), { timeout: 15_000, interval: 50 })
      .toBe(true);
  });
});
