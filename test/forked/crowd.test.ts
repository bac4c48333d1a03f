import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { http } from '../harness/http.ts';
import { say } from '../harness/match.ts';
import type { Person } from '../harness/person.ts';

const PEOPLE = 200;

let cluster: Cluster;
let people: Person[];
/** User → partner, as `user:matched` told them. */
const partners = new Map<string, string>();
const matchIds = new Map<string, string>();

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
}, 60_000);
afterAll(() => cluster.stop());

const byId = (id: string) => people.find((person) => person.id === id)!;
const stats = async () => (await http(cluster.httpUrl, 'GET', '/api/users/stats')).body as { data: object };

test('200 clients, half polling and half WebSocket, on two workers are matched in pairs', async () => {
  people = [];
  for (let i = 0; i < PEOPLE; i += 20) {
    const batch = Array.from({ length: 20 }, (_, k) =>
      cluster.person({ socket: { transports: [k % 2 === 0 ? 'polling' : 'websocket'] } }),
    );
    people.push(...(await Promise.all(batch)));
  }
  const onFirst = people.filter(({ workerId }) => workerId === 'n1.1').length;
  expect(onFirst).toBeGreaterThan(PEOPLE / 4);
  expect(onFirst).toBeLessThan((PEOPLE * 3) / 4);

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
  await Promise.all(cut);

  // Within two seconds the roster knows.
  await expect
    .poll(async () => await stats(), { timeout: 2_000 })
    .toMatchObject({ data: { onlineUsers: PEOPLE - victims.length, activeMatches: PEOPLE / 2 } });

  const [returning, staying] = [victims.filter((_, i) => i % 2 === 0), victims.filter((_, i) => i % 2 === 1)];
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
}, 60_000);

test('the primary forks another worker, and all can match again', async () => {
  await expect
    .poll(() => [...cluster.workers().keys()].sort(), { timeout: 10_000 })
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
