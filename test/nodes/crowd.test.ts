import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { http } from '../harness/http.ts';
import { say } from '../harness/match.ts';
import { withoutNginx } from '../harness/nginx.ts';
import { startNodes, type Nodes } from '../harness/nodes.ts';
import type { Person } from '../harness/person.ts';
import { withoutRedis } from '../harness/redis.ts';

const missing = withoutNginx ?? withoutRedis;
const EACH = 100;

describe.skipIf(missing)(`300 clients on two nodes behind Nginx${missing ? ` (${missing})` : ''}`, () => {
  let nodes: Nodes;
  const people: Person[] = [];
  let breaks = 0;

  beforeAll(async () => {
    nodes = await startNodes();
  }, 90_000);
  afterAll(() => nodes?.stop());

  test.each([
    ['polling', ['polling']],
    ['polling, then WebSocket', ['polling', 'websocket']],
    ['WebSocket', ['websocket']],
  ])(
    '100 with %s connect',
    async (_, transports) => {
      for (let i = 0; i < EACH; i += 20) {
        const batch = await Promise.all(
          Array.from({ length: 20 }, () => nodes.person({ socket: { transports } })),
        );
        for (const person of batch) {
          person.socket.on('disconnect', () => (breaks += 1));
          person.socket.on('connect_error', () => (breaks += 1));
        }
        people.push(...batch);
      }
      // Who is connected by polling is served already, and upgrades then.
      const upgraded = () =>
        people
          .slice(-EACH)
          .map((person) => person.socket.io.engine.transport.name)
          .filter((name) => name === transports.at(-1));
      await expect.poll(() => upgraded().length, { timeout: 10_000 }).toBe(EACH);
    },
    60_000,
  );

  test('every worker of both nodes has some', () => {
    expect(new Set(people.map(({ workerId }) => workerId))).toEqual(new Set(nodes.workers().keys()));
  });

  test('all are matched in pairs, nobody twice, and talk', async () => {
    await Promise.all(people.map((person) => person.request('user:match')));
    const partners = new Map<string, string>();
    for (const person of people) partners.set(person.id, (await person.next('user:matched')).matchedUser.id);
    for (const [user, partner] of partners) {
      expect(partner).not.toBe(user);
      expect(partners.get(partner)).toBe(user);
    }
    expect(people.flatMap((person) => person.waiting('user:matched'))).toEqual([]);
    const byId = new Map(people.map((person) => [person.id, person]));
    await Promise.all(
      people.map((person) => say(person, byId.get(partners.get(person.id)!)!, `from ${person.id}`)),
    );
  }, 60_000);

  test('whichever node is asked counts all of them; nobody was cut off', async () => {
    for (const { url } of nodes.nodes) {
      expect((await http(url, 'GET', '/api/users/stats')).body).toMatchObject({
        data: { onlineUsers: 3 * EACH, activeMatches: (3 * EACH) / 2 },
      });
    }
    expect(breaks).toBe(0);
  });
});
