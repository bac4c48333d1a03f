import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { OWNER_TTL_MS, sweepOwners } from '../../src/kernel/owners.ts';
import { redisForTests, withoutRedis } from '../harness/redis.ts';
import type { Outcome, Race } from './redis-racer.ts';
import { startWorker, type Worker } from './redis-worker.ts';

const PROCESSES = 4;
const ROUNDS = 200;
const racer = fileURLToPath(new URL('./redis-racer.ts', import.meta.url));

describe.skipIf(withoutRedis)('four processes at once', () => {
  let shared: Awaited<ReturnType<typeof redisForTests>>;
  let racers: ChildProcess[];
  let onlooker: Worker;
  beforeAll(async () => {
    shared = await redisForTests();
  });
  beforeEach(async () => {
    racers = Array.from({ length: PROCESSES }, (_, n) => fork(racer, [shared.url, shared.prefix, `w${n}`]));
    await Promise.all(racers.map((child) => once(child, 'message')));
    onlooker = await startWorker({ ...shared, owner: 'onlooker', answerMs: 10_000 });
  });
  afterEach(async () => {
    const gone = racers.map((child) => once(child, 'exit'));
    for (const child of racers) child.disconnect();
    await Promise.all(gone);
    await onlooker.close();
    await shared.empty();
  });

  /** What each of them got, by process. */
  async function race<R extends Race>(name: R, rounds = ROUNDS): Promise<Outcome<R>[]> {
    const outcomes = racers.map((child) => once(child, 'message'));
    for (const child of racers) child.send({ race: name, rounds });
    return (await Promise.all(outcomes)).map(([outcome]) => outcome as Outcome<R>);
  }
  const count = (answers: boolean[][]) => answers.flat().filter(Boolean).length;

  it('get 800 slots, each another one, and the lowest', async () => {
    const slots = (await race('slot')).flat();
    expect(slots.sort((one, other) => one - other)).toEqual(Array.from({ length: 800 }, (_, n) => n));
  });

  it('hold each of 200 names once', async () => {
    const holders = await race('hold');
    for (let round = 0; round < ROUNDS; round++)
      expect(holders.filter((answers) => answers[round])).toHaveLength(1);
  });

  it('are allowed 500 of 800 hits', async () => {
    expect(count(await race('hit'))).toBe(500);
  });

  it('are the first with one socket of each user, and the last with one', async () => {
    expect(count(await race('add'))).toBe(50);
    expect(await onlooker.roster.counts()).toEqual({ users: 50, connections: 800 });
    expect(count(await race('remove'))).toBe(50);
    expect(await onlooker.roster.counts()).toEqual({ users: 0, connections: 0 });
  });

  it('leave exactly those on the roster who stay', async () => {
    const stays = (await race('churn', 60)).flat();
    expect(await onlooker.roster.counts()).toEqual({ users: new Set(stays).size, connections: stays.length });
    expect(new Set(await onlooker.roster.online(1_000))).toEqual(new Set(stays));
  });

  it('are the first with one socket of each user in a conversation, and the last with one', async () => {
    expect(count(await race('enter'))).toBe(50);
    expect(await onlooker.attendance.users('7', 1)).toMatchObject({ count: 50 });
    expect(count(await race('leave'))).toBe(50);
    expect(await onlooker.attendance.users('7', 1)).toEqual({ users: [], count: 0 });
  });

  it('leave exactly those in conversations who stay', async () => {
    const stays = new Set((await race('visit', 60)).flat());
    const found: string[] = [];
    for (const room of ['0', '1', '2']) {
      const { users, count } = await onlooker.attendance.users(room, 1_000);
      expect(users).toHaveLength(count);
      found.push(...users.map(({ userId }) => `${room}/${userId}`));
    }
    expect(found.toSorted()).toEqual([...stays].toSorted());
  });

  it('are called by 99 names, none of them twice', async () => {
    const names = (await race('name', 25)).flat();
    expect(names.filter((name) => name === null)).toHaveLength(1);
    expect(new Set(names).size).toBe(100);
  });

  it(
    'lose one that is stopped for longer than its lease, and have it back as it was',
    { timeout: 60_000 },
    async () => {
      await race('add', 50);
      await race('enter', 50);
      const everybody = { users: 50, connections: PROCESSES * 50 };
      expect(await onlooker.roster.counts()).toEqual(everybody);
      const entered = () => onlooker.redis.client.hlen(onlooker.redis.key('attendance', 'sockets'));
      expect(await entered()).toBe(PROCESSES * 50);
      const dropped: string[] = [];
      const sweeping = setInterval(() => {
        void sweepOwners(onlooker.owners, async (owner) => {
          dropped.push(owner);
          await onlooker.roster.dropOwner(owner);
          await onlooker.attendance.dropOwner(owner);
          await onlooker.leases.dropOwner(owner);
        });
      }, 500);
      racers[0]!.kill('SIGSTOP');
      await expect
        .poll(() => onlooker.roster.counts(), { timeout: OWNER_TTL_MS + 2_000, interval: 200 })
        .toEqual({ users: 50, connections: (PROCESSES - 1) * 50 });
      expect(await entered()).toBe((PROCESSES - 1) * 50);
      racers[0]!.kill('SIGCONT');
      await expect.poll(() => onlooker.roster.counts(), { timeout: 5_000, interval: 100 }).toEqual(everybody);
      await expect.poll(entered, { timeout: 5_000, interval: 100 }).toBe(PROCESSES * 50);
      clearInterval(sweeping);
      expect(dropped).toEqual(['w0']);
    },
  );

  it('find each owner new once', async () => {
    expect(count((await race('renew')).map((answers) => answers.map((known) => !known)))).toBe(ROUNDS);
  });
});
