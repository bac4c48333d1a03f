import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis, defineScript, type RedisReturn } from '../../src/drivers/redis.ts';
import { OFFLINE_DELAY_MS } from '../../src/features/presence/roster.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger, type Logger } from '../../src/kernel/logger.ts';
import { redisServer, startRedis, type TestRedis } from '../harness/redis.ts';
import { fairMs } from '../harness/fair-time.ts';
import { startWorker, type Worker } from './redis-worker.ts';

const BACK_MS = 5_000;
const limit = { max: 5, windowMs: 60_000 };

/** Asks all the time, as users do; what was not answered in time, or not with UNAVAILABLE, is kept. */
function startAsking({ roster, attendance, leases, limiter, census, owner, redis }: Worker) {
  const wrong: unknown[] = [];
  let slowest = 0;
  let unavailable = 0;
  let asked = 0;
  const questions: Record<string, () => Promise<unknown>> = {
    roster: () => roster.counts(),
    attendance: () => attendance.counts(['7', '8']),
    status: () => roster.setStatus('ann', 'online'),
    leases: () => leases.hold(`role of ${owner}`, owner, 60_000),
    limiter: () => limiter.hit('api', 'somebody', { max: 1_000_000, windowMs: 60_000 }),
    census: () => census.reports(),
    plain: () => redis.command((client) => client.get('nothing')),
  };
  async function ask([name, question]: [string, () => Promise<unknown>]) {
    const startedAt = performance.now();
    asked += 1;
    try {
      await question();
    } catch (error) {
      const isFine = error instanceof AppError && error.code === 'UNAVAILABLE' && name !== 'limiter';
      if (isFine) unavailable += 1;
      else wrong.push(error);
    }
    slowest = Math.max(slowest, performance.now() - startedAt);
  }
  const open: Promise<void>[] = [];
  const askAll = () => open.push(...Object.entries(questions).map(ask));
  const timer = setInterval(askAll, 50);
  return async () => {
    clearInterval(timer);
    askAll();
    await Promise.all(open);
    return { wrong, slowest, unavailable, asked };
  };
}

describe.skipIf(!redisServer)('Redis', () => {
  let server: TestRedis;
  let workers: [Worker, Worker];
  beforeEach(async () => {
    server = await startRedis();
  });
  afterEach(async () => {
    for (const worker of workers ?? []) await worker.close();
    await server.stop();
  });

  interface Outage {
    name: string;
    downMs: number;
    sameServer: boolean;
    away: () => void | Promise<void>;
    back: (snapshot: string) => void | Promise<void>;
  }
  const outages: Outage[] = [
    {
      name: 'restarts',
      downMs: 0,
      sameServer: false,
      away: () => server.restart(),
      back: () => {},
    },
    {
      name: 'is paused for 5 s',
      downMs: 5_000,
      sameServer: true,
      away: () => server.pause(),
      back: () => server.resume(),
    },
    {
      name: 'is killed, and is back after 10 s, empty',
      downMs: 10_000,
      sameServer: false,
      away: () => server.kill(),
      back: () => server.restart({ empty: true }),
    },
    {
      name: 'comes back with an old snapshot',
      downMs: 1_000,
      sameServer: false,
      away: () => server.kill(),
      back: (snapshot) => server.restart({ snapshot }),
    },
  ];

  for (const { name, downMs, sameServer, away, back } of outages) {
    it(
      `${name}: calls are answered within a second, and afterwards all is as it was`,
      { timeout: 60_000 },
      async () => {
        const start = (owner: string) =>
          startWorker({ url: server.url, prefix: 'chat', owner, newcomersWaitMs: 0 });
        workers = [await start('w1'), await start('w2')];
        const [one, other] = workers;
        await one.come('old');
        await other.come('ann');
        await one.enter('old');
        await other.enter('ann');
        expect(await one.leases.slot('ids', 'w1', 8)).toBe(0);
        const snapshot = await server.snapshot();

        await one.go('old');
        await one.leave('old');
        for (const userId of ['ann', 'bob', 'cy']) await one.enter(userId);
        await one.come('ann');
        await one.come('bob');
        await one.come('cy');
        await one.roster.setStatus('cy', 'busy');
        expect(await other.leases.slot('ids', 'w2', 8)).toBe(1);
        expect(await other.leases.hold('sweeper', 'w2', 60_000)).toBe(true);
        expect(
          await other.nodes.hold({ nodeId: 'n2', holder: 'w2', state: 'redis', storage: 'mongodb' }),
        ).toBe(true);

        const asked = [startAsking(one), startAsking(other)];
        const returns: RedisReturn[] = [];
        const returned = workers.map(
          ({ redis }) =>
            new Promise<void>((resolve) => redis.onReturn((info) => resolve(void returns.push(info)))),
        );
        await away();
        // bob's socket goes and dee's comes while nobody can be told.
        const gone = downMs > 0 ? one.go('bob').catch((error: unknown) => error) : undefined;
        const came = downMs > 0 ? one.come('dee').catch((error: unknown) => error) : undefined;
        const left = downMs > 0 ? one.leave('bob').catch((error: unknown) => error) : undefined;
        const entered = downMs > 0 ? one.enter('dee').catch((error: unknown) => error) : undefined;
        await sleep(downMs);
        if (downMs > 0) expect(workers.map(({ redis }) => redis.isUp())).toEqual([false, false]);
        await back(snapshot);
        const backAt = performance.now();
        await Promise.all(returned);
        expect(performance.now() - backAt).toBeLessThan(fairMs(BACK_MS));
        expect(returns.map((info) => info.sameServer)).toEqual([sameServer, sameServer]);
        if (downMs > 0) {
          const unavailable = { code: 'UNAVAILABLE' };
          expect([await gone, await came]).toMatchObject([unavailable, unavailable]);
          expect([await left, await entered]).toMatchObject([unavailable, unavailable]);
        } else {
          await one.go('bob');
          await one.come('dee');
        }

        await expect
          .poll(async () => new Set(await other.roster.online(100)), { timeout: BACK_MS })
          .toEqual(new Set(['ann', 'cy', 'dee']));
        // One of the two workers says alone who is online, the other one its sockets a little later.
        await expect
          .poll(() => other.roster.counts(), { timeout: BACK_MS })
          .toEqual({ users: 3, connections: 4 });
        expect(await other.roster.setStatus('cy', 'online')).toBe('busy');
        const inThere = downMs > 0 ? ['ann', 'cy'] : ['ann', 'bob', 'cy'];
        const sockets = other.redis.key('attendance', 'sockets');
        await expect
          .poll(() => other.redis.client.hlen(sockets), { timeout: BACK_MS })
          .toBe(inThere.length + 1);
        const { users } = await other.attendance.users('7', 100);
        expect(new Set(users.map(({ userId }) => userId))).toEqual(new Set(inThere));
        expect(await one.leave('ann')).toBeNull();
        expect(await other.leave('ann')).toMatchObject({ userId: 'ann' });
        for (const ask of asked) {
          const { wrong, slowest, unavailable, asked: all } = await ask();
          expect(wrong).toEqual([]);
          expect(slowest).toBeLessThan(fairMs(1_000));
          expect(all).toBeGreaterThan(unavailable);
          if (downMs > 0) expect(unavailable).toBeGreaterThan(0);
        }

        expect(await one.leases.slot('ids', 'w1', 8)).toBe(0);
        expect(await other.leases.slot('ids', 'w2', 8)).toBe(1);
        expect(await one.leases.slot('ids', 'w3', 8)).toBe(2);
        expect([one.lostSlots, other.lostSlots]).toEqual([[], []]);
        expect(await other.leases.hold('sweeper', 'w2', 60_000)).toBe(true);
        expect(await one.leases.hold('sweeper', 'w1', 60_000)).toBe(false);
        expect(await other.owners.lapsed()).toEqual([]);

        // Others are told that bob went, though nobody could say so when he did.
        await sleep(OFFLINE_DELAY_MS);
        const { departures } = await other.roster.departures(0);
        expect(departures.map(({ userId }) => userId)).toContain('bob');
        const { departures: departed } = await other.attendance.departures(0);
        expect(departed.map(({ userId }) => userId)).toEqual(downMs > 0 ? ['bob'] : []);
      },
    );
  }

  it('gives nothing to newcomers for a while after its own start, and their own to the others', async () => {
    const start = (owner: string) =>
      startWorker({ url: server.url, prefix: 'chat', owner, newcomersWaitMs: 2_500 });
    workers = [await start('w1'), await start('w2')];
    const [one, newcomer] = workers;
    const node = (holder: string) => ({ nodeId: 'n1', holder, state: 'redis', storage: 'mongodb' }) as const;
    await expect(one.leases.slot('ids', 'w1', 8)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await one.leases.hold('sweeper', 'w1', 60_000)).toBe(false);
    expect(await one.nodes.hold(node('w1'))).toBe(false);
    await expect.poll(() => one.leases.slot('ids', 'w1', 8).catch(() => null), { timeout: 5_000 }).toBe(0);
    expect(await one.leases.hold('sweeper', 'w1', 60_000)).toBe(true);
    expect(await one.nodes.hold(node('w1'))).toBe(true);

    await server.restart({ empty: true });
    await expect.poll(() => workers.every(({ redis }) => redis.isUp()), { timeout: BACK_MS }).toBe(true);
    await expect(newcomer.leases.slot('ids', 'w2', 8)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await newcomer.leases.hold('sweeper', 'w2', 60_000)).toBe(false);
    expect(await newcomer.nodes.hold(node('w2'))).toBe(false);
    expect(await newcomer.nodes.holdAny({ holder: 'w2', state: 'redis', storage: 'mongodb' })).toBeNull();
    expect(await one.leases.slot('ids', 'w1', 8)).toBe(0);
    expect(await one.leases.hold('sweeper', 'w1', 60_000)).toBe(true);
    expect(await one.nodes.hold(node('w1'))).toBe(true);
    await sleep(4_000);
    expect(await newcomer.leases.slot('ids', 'w2', 8)).toBe(1);
    expect(await newcomer.leases.hold('sweeper', 'w2', 60_000)).toBe(false);
    expect(await newcomer.nodes.hold(node('w2'))).toBe(false);
  });

  it('gives a worker that was dropped the slot it had, not the lowest', async () => {
    workers = [
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w1' }),
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w2' }),
    ];
    const [one, other] = workers;
    expect(await other.leases.slot('ids', 'w2', 8)).toBe(0);
    expect(await one.leases.slot('ids', 'w1', 8)).toBe(1);
    await other.leases.dropOwner('w1');
    await one.leases.dropOwner('w2');
    expect(await one.leases.slot('ids', 'w1', 8)).toBe(1);
  });

  it('keeps the status that was chosen last, whoever says first again what there is', async () => {
    workers = [
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w1' }),
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w2' }),
    ];
    const [one, other] = workers;
    await one.come('ann');
    await other.come('ann');
    await sleep(5);
    await other.roster.setStatus('ann', 'busy');
    await sleep(5);
    await one.roster.restate();
    expect(await one.roster.setStatus('ann', 'busy')).toBe('busy');
    await other.roster.setStatus('ann', 'away');
    for (const order of [workers, workers.toReversed()]) {
      await one.redis.command((client) => client.flushall());
      for (const { roster } of order) await roster.restate();
      const statuses = one.redis.key('roster', 'statuses');
      expect(await one.redis.command((client) => client.hget(statuses, 'ann'))).toMatch(/^away\n/);
    }
    expect(await one.roster.counts()).toEqual({ users: 1, connections: 2 });
  });

  it('that lost a slot which another one has now says so', async () => {
    workers = [
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w1' }),
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w2' }),
    ];
    const [one, other] = workers;
    expect(await one.leases.slot('ids', 'w1', 8)).toBe(0);
    expect(await one.leases.restate('w1')).toEqual([]);
    await other.leases.dropOwner('w1');
    expect(await one.leases.restate('w1')).toEqual([]);
    await other.leases.dropOwner('w1');
    expect(await other.leases.slot('ids', 'w2', 8)).toBe(0);
    expect(await one.leases.restate('w1')).toEqual(['ids']);
  });

  it('numbers departures on when it was lost, so that a collector misses none', async () => {
    workers = [
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w1' }),
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w2' }),
    ];
    const { roster } = workers[0];
    expect(await roster.departures(57)).toEqual({ departures: [], last: 57 });
    await workers[0].come('ann');
    await workers[0].go('ann');
    await sleep(OFFLINE_DELAY_MS + 10);
    expect(await roster.departures(57)).toMatchObject({ departures: [{ userId: 'ann' }], last: 58 });
  });

  it('does not do later what was answered UNAVAILABLE', async () => {
    workers = undefined as never;
    const redis = await connectRedis({ url: server.url, prefix: 'chat', logger: silentLogger });
    const count = defineScript<number>('count', `return redis.call('INCR', KEYS[1])`);
    const key = redis.key('x', 'count');
    expect(await redis.run(count, [key])).toBe(1);
    server.pause();
    await expect(redis.run(count, [key])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(redis.run(count, [key])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const returned = new Promise((resolve) => redis.onReturn(resolve));
    server.resume();
    await returned;
    expect(await redis.run(count, [key])).toBe(2);
    await redis.close();
  });

  it('is found to be away soon, also when nobody asks, and its limits are counted here meanwhile', async () => {
    workers = [
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w1' }),
      await startWorker({ url: server.url, prefix: 'chat', owner: 'w2' }),
    ];
    const { redis, limiter } = workers[0];
    server.pause();
    await expect.poll(() => redis.isUp(), { timeout: 1_500 }).toBe(false);
    const hits = [];
    for (let n = 0; n < 6; n++) hits.push((await limiter.hit('api', 'ann', limit)).allowed);
    expect(hits).toEqual([true, true, true, true, true, false]);
    expect(limiter.countedAlone).toBe(6);
    server.resume();
    await expect.poll(() => redis.isUp(), { timeout: 1_500 }).toBe(true);
    expect(await limiter.hit('api', 'ann', limit)).toMatchObject({ allowed: true, used: 1 });
  });

  it('a busy process does not take it for away', async () => {
    workers = undefined as never;
    const redis = await connectRedis({ url: server.url, prefix: 'chat', logger: silentLogger });
    const lost: string[] = [];
    redis.onLost((reason) => lost.push(reason));
    for (let round = 0; round < 3; round++) {
      const answers = Array.from({ length: 50 }, () => redis.command((client) => client.ping()));
      const end = performance.now() + 900;
      // The driver's own clock rings before the answers, which lie in the socket, are read.
      while (performance.now() < end);
      await Promise.all(answers);
      await sleep(100);
    }
    expect(lost).toEqual([]);
    await redis.close();
  });

  describe('at start', () => {
    const lines: string[] = [];
    const say = (_: string, text: string) => void lines.push(text);
    const logger: Logger = { error: say, warn: say, info: say, debug: say };
    beforeEach(() => {
      lines.length = 0;
      workers = undefined as never;
    });

    it('is waited for, said aloud', async () => {
      await server.kill();
      const connecting = connectRedis({ url: server.url, prefix: 'chat', logger });
      await sleep(1_500);
      await server.restart();
      const redis = await connecting;
      expect(redis.server.version).toMatch(/^\d+\.\d+\.\d+$/);
      expect(lines).toEqual([
        expect.stringMatching(
          /^REDIS_URL: Redis at 127\.0\.0\.1:\d+ does not answer yet \(.*ECONNREFUSED.*\)/,
        ),
      ]);
      await redis.close();
    });

    it.each(['gone', 'paused'])('is given up when it stays %s, by the name of the variable', async (how) => {
      if (how === 'gone') await server.kill();
      else server.pause();
      const url = server.url.replace('//', '//ann:secret@');
      const failure = await connectRedis({ url, prefix: 'chat', logger, patienceMs: 1_500 }).catch(
        (error: Error) => error.message,
      );
      expect(failure).toMatch(/^REDIS_URL: Redis at 127\.0\.0\.1:\d+ cannot be reached/);
      expect(`${String(failure)}${lines.join('')}`).not.toContain('secret');
    });
  });
});
