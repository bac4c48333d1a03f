import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis, type Redis } from '../../src/drivers/redis.ts';
import { redisAttendance, type RedisAttendance } from '../../src/features/conversations/attendance.redis.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { redisForTests, withoutRedis } from '../harness/redis.ts';
import { attendanceContract, visitor } from './attendance.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) attendanceContract(backend);

/** As `test/nodes/redis-faults.test.ts` sees it of a Redis that really goes away, case by case. */
describe.skipIf(withoutRedis)('attendance: a Redis that was away', () => {
  let shared: Awaited<ReturnType<typeof redisForTests>>;
  let plain: Redis;
  let now: number;
  let settledAt: number;
  interface Worker {
    readonly attendance: RedisAttendance;
    readonly link: { up: boolean; answers: boolean; onAnswer: () => Promise<void> };
    readonly socket: (userId: string, tab?: string) => ReturnType<typeof visitor>;
  }
  let workers: Worker[];
  beforeEach(async () => {
    shared = await redisForTests();
    now = 1_000_000;
    settledAt = 0;
    workers = [];
    plain = await connectRedis({ ...shared, logger: silentLogger, now: () => now });
  });
  afterEach(async () => {
    await plain.close();
    await shared.empty();
  });

  /** A process of its own, as far as the port goes. `answers`: what is run is answered. */
  function worker(owner: string): Worker {
    const link = { up: true, answers: true, onAnswer: async () => {} };
    const away = () => new AppError('UNAVAILABLE', 'away');
    const redis: Redis = {
      ...plain,
      get server() {
        return { ...plain.server, settledAt };
      },
      async run(...args) {
        const { onAnswer } = link;
        if (!link.up) throw away();
        const reply = await plain.run(...args);
        if (!link.answers) throw away();
        await onAnswer();
        return reply;
      },
    };
    const attendance = redisAttendance(redis);
    const made = {
      attendance,
      link,
      socket: (userId: string, tab?: string) => visitor(attendance, userId, tab, owner),
    };
    workers.push(made);
    return made;
  }

  const down = () => workers.forEach(({ link }) => (link.up = false));
  const up = () => workers.forEach(({ link }) => Object.assign(link, { up: true, answers: true }));
  const allRestate = async () => {
    for (const { attendance } of workers) await attendance.restate();
  };
  /** Redis as it is now, for later. */
  async function snapshot() {
    const keys = await plain.client.keys(plain.key('attendance', '*'));
    const dumps = await Promise.all(
      keys.map(async (key) => [key, await plain.client.dumpBuffer(key)] as const),
    );
    return async () => {
      await shared.empty();
      for (const [key, dump] of dumps) await plain.client.restore(key, 0, dump!);
    };
  }
  const inThere = async (conversationId = '7') =>
    (await workers[0]!.attendance.users(conversationId, 100)).users.map(({ userId }) => userId);
  const departed = async (seen = 0) =>
    (await workers[0]!.attendance.departures(seen)).departures.map(({ userId }) => userId);
  const unavailable = { code: 'UNAVAILABLE' };

  it('and is back empty: each worker says its sockets again, and nobody seems to have gone', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('ann').enter('7');
    await one.socket('bob').enter('7');
    await one.socket('bob').enter('8');
    await one.socket('old').enter('7');
    await one.socket('old').leave('7');
    await other.socket('ann', 'laptop').enter('7');
    await other.socket('cy').enter('7');
    await shared.empty();
    await allRestate();
    await allRestate();
    expect(await inThere()).toEqual(['ann', 'bob', 'cy']);
    expect(await one.attendance.counts(['7', '8'])).toEqual([3, 1]);
    expect(await departed()).toEqual([]);
    expect(await one.socket('ann').leave('7')).toBeNull();
    expect(await other.socket('ann', 'laptop').leave('7')).toMatchObject({ username: 'ann!', count: 2 });
  });

  it('and is back as it was some time ago: who left since is out, without another word', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('old').enter('7');
    await one.socket('old').enter('8');
    await other.socket('ann').enter('7');
    const restore = await snapshot();
    await one.socket('old').leave('7');
    await one.socket('bob').enter('7');
    await restore();
    await allRestate();
    expect(new Set(await inThere())).toEqual(new Set(['ann', 'bob']));
    expect(await inThere('8')).toEqual(['old']);
    expect(await departed()).toEqual([]);
  });

  it('and has the socket as who it spoke for before', async () => {
    const one = worker('w1');
    const socket = { conversationId: '7', connectionId: 'c', owner: 'w1' };
    await one.attendance.enter({ ...socket, userId: 'guest:1', username: 'Guest' });
    const restore = await snapshot();
    await one.attendance.leave('7', 'c');
    await one.attendance.enter({ ...socket, userId: 'ann', username: 'Ann' });
    await restore();
    await allRestate();
    expect(await inThere()).toEqual(['ann']);
    expect(await departed()).toEqual([]);
  });

  for (const back of ['the same', 'empty'] as const) {
    it(`and is back ${back}: who left meanwhile is reported, once, to who collects`, async () => {
      const [one, other] = [worker('w1'), worker('w2')];
      await one.socket('ann').enter('7');
      await one.socket('bob').enter('7');
      await one.socket('bob', 'other tab').enter('7');
      await other.socket('cy').enter('7');
      down();
      await expect(one.socket('ann').leave('7')).rejects.toMatchObject(unavailable);
      await expect(one.socket('bob').leave('7')).rejects.toMatchObject(unavailable);
      up();
      if (back === 'empty') await shared.empty();
      await allRestate();
      expect(new Set(await inThere())).toEqual(new Set(['bob', 'cy']));
      const { departures, last } = await other.attendance.departures(0);
      expect(departures).toEqual([{ conversationId: '7', userId: 'ann', username: 'ann!', count: 2 }]);
      expect(await departed(last)).toEqual([]);
      await allRestate();
      expect(await departed(last)).toEqual([]);
      expect(await one.socket('bob', 'other tab').leave('7')).toMatchObject({ userId: 'bob' });
    });
  }

  it('reports nobody who has another socket on the worker, however often it is collected meanwhile', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('ann', 'phone').enter('7');
    await one.socket('ann', 'laptop').enter('7');
    down();
    await expect(one.socket('ann', 'phone').leave('7')).rejects.toMatchObject(unavailable);
    up();
    await shared.empty();
    let collected = 0;
    one.link.onAnswer = async () => {
      collected += 1;
      expect((await other.attendance.departures(0)).departures).toEqual([]);
    };
    await one.attendance.restate();
    expect(collected).toBeGreaterThan(1);
  });

  it('reports nobody before all had the time to say what they have', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('ann').enter('7');
    await one.socket('bob').enter('7');
    await one.socket('cy').enter('7');
    await other.socket('ann', 'laptop').enter('7');
    await other.socket('cy', 'laptop').enter('7');
    down();
    for (const userId of ['ann', 'bob'])
      await expect(one.socket(userId).leave('7')).rejects.toMatchObject(unavailable);
    up();
    await shared.empty();
    settledAt = now + 5_000;
    await one.attendance.restate();
    // Its primary saw it exit.
    await other.attendance.dropOwner('w1');
    now += 4_999;
    expect(await departed()).toEqual([]);
    await other.attendance.restate();
    now += 1;
    expect(await departed()).toEqual(['bob']);
  });

  it('an entrance that was not answered has not happened', async () => {
    const one = worker('w1');
    await one.socket('ann').enter('7');
    down();
    await expect(one.socket('bob').enter('7')).rejects.toMatchObject(unavailable);
    await expect(one.socket('ann').enter('7')).rejects.toMatchObject(unavailable);
    up();
    one.link.answers = false;
    await expect(one.socket('cy').enter('7')).rejects.toMatchObject(unavailable);
    up();
    await allRestate();
    expect(await inThere()).toEqual(['ann']);
    expect(await departed()).toEqual([]);
  });

  it('who left and entered again has not departed', async () => {
    const one = worker('w1');
    await one.socket('ann').enter('7');
    down();
    await expect(one.socket('ann').leave('7')).rejects.toMatchObject(unavailable);
    await expect(one.socket('ann').enter('7')).rejects.toMatchObject(unavailable);
    up();
    await one.socket('ann').enter('7');
    await allRestate();
    expect(await inThere()).toEqual(['ann']);
    expect(await departed()).toEqual([]);
  });

  it('a socket that could not leave and enters for another user leaves as the one before', async () => {
    const one = worker('w1');
    const socket = { conversationId: '7', connectionId: 'c', owner: 'w1' };
    await one.attendance.enter({ ...socket, userId: 'guest:1', username: 'Guest' });
    down();
    await expect(one.attendance.leave('7', 'c')).rejects.toMatchObject(unavailable);
    up();
    const entered = await one.attendance.enter({ ...socket, userId: 'ann', username: 'Ann' });
    expect(entered).toEqual({ first: true, count: 1 });
    expect(await departed()).toEqual(['guest:1']);
  });

  it('who leaves before the worker has said anything again is reported afterwards', async () => {
    const one = worker('w1');
    await one.socket('ann').enter('7');
    await shared.empty();
    expect(await one.socket('ann').leave('7')).toBeNull();
    await allRestate();
    expect(await departed()).toEqual(['ann']);
  });

  it('who was reported to be gone with the worker is not reported twice', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('ann').enter('7');
    await other.attendance.dropOwner('w1');
    expect(await departed()).toEqual(['ann']);
    expect(await one.socket('ann').leave('7')).toBeNull();
    await allRestate();
    expect(await other.attendance.departures(0)).toMatchObject({ departures: [{ userId: 'ann' }], last: 1 });
  });

  it('a worker that was only taken for gone brings its sockets back, and takes the departures away', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    await one.socket('ann').enter('7');
    await one.socket('bob').enter('7');
    await other.socket('cy').enter('8');
    await other.attendance.dropOwner('w1');
    const { last } = await other.attendance.departures(0);
    expect(last).toBe(2);
    await one.attendance.restate();
    expect(await inThere()).toEqual(['ann', 'bob']);
    expect(await inThere('8')).toEqual(['cy']);
    expect(await departed()).toEqual([]);
  });

  it('sockets come and go while they are said again', async () => {
    const one = worker('w1');
    const rooms = Array.from({ length: 700 }, (_, n) => `${n}`);
    await Promise.all(rooms.map((room) => one.socket('ann').enter(room)));
    await shared.empty();
    const restating = one.attendance.restate();
    await Promise.all(rooms.slice(0, 650).map((room) => one.socket('ann').leave(room)));
    await one.socket('bob').enter('7');
    await restating;
    await allRestate();
    expect(new Set(await one.attendance.openBy('ann'))).toEqual(new Set(rooms.slice(650)));
    expect(await inThere()).toEqual(['bob']);
  });

  it('of many sockets said again each is, in the end, as it is last', async () => {
    const one = worker('w1');
    const rooms = Array.from({ length: 600 }, (_, n) => `${n}`);
    const late = rooms.slice(550);
    const as = (userId: string, conversationId: string) =>
      one.attendance.enter({ conversationId, connectionId: 'c', owner: 'w1', userId, username: userId });
    await Promise.all(rooms.map((room) => as('guest:1', room)));
    await Promise.all(rooms.map((room) => one.socket('bob').enter(room)));
    down();
    await Promise.allSettled(rooms.map((room) => one.socket('bob').leave(room)));
    up();
    await shared.empty();
    const gate = Promise.withResolvers<void>();
    one.link.onAnswer = () => gate.promise;
    const restating = one.attendance.restate();
    one.link.onAnswer = async () => {};
    await Promise.all(
      late.map(async (room) => {
        await one.attendance.leave(room, 'c');
        await as('ann', room);
      }),
    );
    gate.resolve();
    await expect.poll(() => departed()).not.toEqual([]);
    await Promise.all(late.map((room) => one.socket('bob').enter(room)));
    await restating;
    expect(new Set(await one.attendance.openBy('ann'))).toEqual(new Set(late));
    expect(new Set(await one.attendance.openBy('bob'))).toEqual(new Set(late));
    expect(await one.attendance.openBy('guest:1')).toHaveLength(550);
  });

  it('numbers departures on, so that a collector misses none', async () => {
    const one = worker('w1');
    await one.socket('ann').enter('7');
    await one.attendance.dropOwner('w1');
    expect(await one.attendance.departures(57)).toMatchObject({ departures: [{ userId: 'ann' }], last: 58 });
    expect(await one.attendance.departures(58)).toEqual({ departures: [], last: 58 });
  });

  it('keeps nothing of those who are gone but the numbers', async () => {
    const [one, other] = [worker('w1'), worker('w2')];
    for (const room of ['7', '8']) {
      await one.socket('ann').enter(room);
      await other.socket('ann').enter(room);
      await other.socket('bob').enter(room);
      await one.socket('ann').leave(room);
    }
    await one.attendance.dropOwner('w2');
    const { last } = await one.attendance.departures(0);
    await one.attendance.departures(last);
    expect(await plain.client.keys(plain.key('attendance', '*'))).toEqual([
      plain.key('attendance', 'numbers'),
    ]);
  });
});
