import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { say } from '../harness/match.ts';
import { measured } from '../harness/measured.ts';
import type { Person } from '../harness/person.ts';
import { startCluster, topologyName } from '../harness/topology.ts';

const PEOPLE = 200;

let cluster: Cluster;
let people: Person[];
/** User → partner, as `user:matched` told them. */
const partners = new Map<string, string>();
const matchIds = new Map<string, string>();

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
}, 90_000);
afterAll(() => cluster?.stop(), 60_000);

const byId = (id: string) => people.find((person) => person.id === id)!;
const stats = async () => (await http(cluster.httpUrl, 'GET', '/api/users/stats')).body as { data: object };

test('200 clients, half polling and half WebSocket, on all workers are matched in pairs', async () => {
  people = [];
  for (let i = 0; i < PEOPLE; i += 20) {
    const batch = Array.from({ length: 20 }, (_, k) =>
      cluster.person({ socket: { transports: [k % 2 === 0 ? 'polling' : 'websocket'] } }),
    );
    people.push(...(await Promise.all(batch)));
  }
  const workers = [...cluster.workers().keys()];
  for (const name of workers) {
    const share = people.filter(({ workerId }) => workerId === name).length / PEOPLE;
    expect(share).toBeGreaterThan(0.5 / workers.length);
    expect(share).toBeLessThan(1.5 / workers.length);
  }

  await Promise.all(people.map((person) => person.request('user:match')));
  for (const person of people) {
    const matched = await person.next('user:matched');
    partners.set(person.id, matched.matchedUser.id);
    matchIds.set(person.id, matched.matchId);
  }
  for (const [user, partner] of partners) {
    expect(partner).not.toBe(user);
    expect(partners.get(partner)).toBe(user);
    expect(matchIds.get(partner)).toBe(matchIds.get(user));
  }
  expect(new Set(matchIds.values()).size).toBe(PEOPLE / 2);
  expect(people.flatMap((person) => person.waiting('user:matched'))).toEqual([]);
  expect(await stats()).toMatchObject({ data: { waitingUsers: 0, activeMatches: PEOPLE / 2 } });
  await Promise.all(people.map((person) => say(person, byId(partners.get(person.id)!), `from ${person.id}`)));
});

test('a worker killed under them: who returns keeps partner and match, partners of the others are told', async () => {
  const victims = people.filter(({ workerId }) => workerId === 'n1.1');
  const pid = cluster.workers().get('n1.1')!;
  const cut = victims.map((person) => person.ended());
  process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  const since = () => `${Math.round(performance.now() - killedAt)} ms`;
  await Promise.all(cut);

  // Within two seconds the roster knows.
  await expect
    .poll(async () => await stats(), { timeout: 2_000 })
    .toMatchObject({ data: { onlineUsers: PEOPLE - victims.length, activeMatches: PEOPLE / 2 } });
  measured(`worker killed under 200, ${topologyName()}: presence right after`, since());

  // Partners stand side by side: of some both return, of others one, and not by the order in which they happened to arrive.
  const byMatch = victims.toSorted((a, b) => matchIds.get(a.id)!.localeCompare(matchIds.get(b.id)!));
  const [returning, staying] = [byMatch.filter((_, i) => i % 3 > 0), byMatch.filter((_, i) => i % 3 === 0)];
  const awayFor = new Set(staying.map(({ id }) => id));
  await Promise.all(
    returning.map(async (person) => {
      person.socket.auth = { token: person.token, matchId: matchIds.get(person.id) };
      person.socket.connect();
      await person.connected();
      expect(await person.next('user:matched')).toMatchObject({
        matchId: matchIds.get(person.id),
        matchedUser: { id: partners.get(person.id) },
        resumed: true,
      });
    }),
  );
  await Promise.all(
    returning.map(async (person) => {
      const partner = byId(partners.get(person.id)!);
      if (!awayFor.has(partner.id)) await say(person, partner, `back: ${person.id}`);
    }),
  );
  const left = people.filter(({ id }) => !awayFor.has(id) && awayFor.has(partners.get(id)!));
  expect(left.length).toBeGreaterThan(0);
  await Promise.all(
    left.map(async (person) => {
      expect(await person.next('user:unmatched', undefined, 20_000)).toEqual({
        matchId: matchIds.get(person.id),
        reason: 'disconnected',
      });
    }),
  );
  measured(`worker killed under 200, ${topologyName()}: partners unmatched after`, since());
}, 60_000);

test('the primary forks another worker, and all can match again', async () => {
  await expect
    .poll(() => [...cluster.workers().keys()].filter((name) => name.startsWith('n1.')), { timeout: 10_000 })
    .toEqual(['n1.2', 'n1.3']);
  const here = people.filter(({ socket }) => socket.connected);
  const even = here.slice(0, here.length - (here.length % 2));
  await Promise.all(here.map((person) => person.request('user:leave')));
  await Promise.all(even.map((person) => person.request('user:match')));
  const again = await Promise.all(even.map((person) => person.next('user:matched')));
  expect(new Set(again.map(({ matchId }) => matchId)).size).toBe(even.length / 2);
  await Promise.all(
    even.map((person, i) => say(person, byId(again[i]!.matchedUser.id), `again from ${person.id}`)),
  );
});

test('after everybody has left nothing is kept of them', async () => {
  for (const person of people) person.close();
  await expect
    .poll(async () => (await http(cluster.httpUrl, 'GET', '/api/status')).body, {
      timeout: 25_000,
      interval: 250,
    })
    .toMatchObject({ connections: { total: 0 }, rooms: { total: 0 }, matching: { waiting: 0, matches: 0 } });
  expect(await stats()).toMatchObject({ data: { onlineUsers: 0, waitingUsers: 0, activeMatches: 0 } });
}, 60_000);
