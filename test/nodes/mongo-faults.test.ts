/** Servers that hang, stop and die under writers: what is answered meanwhile, what is there afterwards. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import type { Session } from '../../src/features/accounts/sessions.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger, type Logger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import type { Stores } from '../../src/sqlite-stores.ts';
import { account, nextId, NOW } from '../contracts/account-record.ts';
import { conversation, direct, draft, named } from '../contracts/conversation-stage.ts';
import { describeMongo } from '../harness/mongo.ts';
import { startOwnMongo, startReplicaSet, type OwnMongo, type ReplicaSet } from '../harness/mongod.ts';
import { fairMs } from '../harness/fair-time.ts';

const WRITERS = 16;
const ANSWER_MS = 2_000;
const MINUTE_MS = 60_000;

const session = (overrides: Partial<Session>): Session => ({
  id: nextId(),
  userId: '7',
  ip: '192.0.2.1',
  userAgent: '',
  deviceId: null,
  location: null,
  createdAt: NOW,
  lastSeen: NOW,
  expiresAt: NOW + 1_000,
  refreshId: 'r0',
  ...overrides,
});

/** Waits until it holds; answers after how many milliseconds. */
async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<number> {
  const start = performance.now();
  while (!(await holds())) {
    if (performance.now() - start > withinMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await delay(20);
  }
  return performance.now() - start;
}

/** Sixteen users' worth of writes without a pause, until `stop`. Remembers what was acknowledged. */
function startWriters(stores: Stores) {
  const created: string[] = [];
  const signedIn: string[] = [];
  const revoked: string[] = [];
  const renewals = new Map<string, { acknowledged: number; asked: number }>();
  const unexpected: unknown[] = [];
  let [unavailable, slowestMs, lastMs, longestGapMs] = [0, 0, performance.now(), 0];
  let stopped = false;

  async function attempt(write: () => Promise<unknown>): Promise<boolean> {
    const start = performance.now();
    try {
      await write();
      const now = performance.now();
      longestGapMs = Math.max(longestGapMs, now - lastMs);
      lastMs = now;
      return true;
    } catch (error) {
      if (error instanceof AppError && error.code === 'UNAVAILABLE') unavailable += 1;
      else unexpected.push(error);
      await delay(20);
      return false;
    } finally {
      slowestMs = Math.max(slowestMs, performance.now() - start);
    }
  }

  async function write(writer: number): Promise<void> {
    const userId = String(100 + writer);
    const own = session({ userId });
    renewals.set(own.id, { acknowledged: 0, asked: 0 });
    const chain = renewals.get(own.id)!;
    if (!(await attempt(() => stores.sessions.create(own)))) throw new Error('the writers could not begin');
    while (!stopped) {
      const one = account();
      if (await attempt(() => stores.accounts.create(one))) created.push(one.id);
      const other = session({ userId: one.id });
      if (await attempt(() => stores.sessions.create(other))) {
        const ended = await attempt(() => stores.sessions.revokeAllOf(one.id, null));
        if (ended) revoked.push(other.id);
      }
      const kept = session({ userId: one.id });
      if (await attempt(() => stores.sessions.create(kept))) signedIn.push(kept.id);
      const next = (chain.asked += 1);
      if (await attempt(() => stores.sessions.renew(own.id, `r${next}`, NOW + 1_000, NOW)))
        chain.acknowledged = next;
    }
  }

  /** An outcome that nobody knew may be either; one that was acknowledged may not be taken back. */
  async function lostRenewals(): Promise<number> {
    const users = Array.from({ length: WRITERS }, (_, writer) =>
      stores.sessions.listOf(String(100 + writer), NOW),
    );
    const stored = new Map((await Promise.all(users)).flat().map(({ id, refreshId }) => [id, refreshId]));
    return [...renewals].filter(([id, { acknowledged, asked }]) => {
      const number = Number(stored.get(id)?.slice(1));
      return !(number >= acknowledged && number <= asked);
    }).length;
  }

  const running = Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)));
  return {
    acknowledged: () => created.length + signedIn.length + revoked.length,
    /** Resolves with the figures, once everything that was acknowledged was found to be so. */
    async stop() {
      stopped = true;
      await running;
      expect(unexpected).toEqual([]);
      const lost = {
        accounts: created.length - (await stores.accounts.byIds(created)).length,
        sessions: signedIn.length - (await stores.sessions.alive(signedIn, NOW)).length,
        revocations: (await stores.sessions.alive(revoked, NOW)).length,
        renewals: await lostRenewals(),
      };
      expect(lost).toEqual({ accounts: 0, sessions: 0, revocations: 0, renewals: 0 });
      return {
        acknowledged: created.length + signedIn.length + revoked.length,
        lost: Object.values(lost).reduce((sum, n) => sum + n),
        unavailable,
        'slowest answer (ms)': Math.round(slowestMs),
        'longest time without a write (ms)': Math.round(longestGapMs),
      };
    },
  };
}

/** Every kind of call, many at once: all UNAVAILABLE. Answers the slowest. */
async function allUnavailable(stores: Stores): Promise<number> {
  const { accounts, sessions, blocks, reports, conversations, messages } = stores;
  const page = { limit: 9, reader: '', withDeleted: true };
  const rotation = { presented: 'r0', next: 'r1', expiresAt: NOW + 9, ip: '' };
  const calls: (() => Promise<unknown>)[] = [
    () => accounts.create(account()),
    () => accounts.byId('1'),
    () => accounts.byIds(['1']),
    () => accounts.convertGuest('1', { username: 'a', email: 'a@b.c', passwordHash: '' }, NOW),
    () => accounts.seen('1', NOW),
    () => accounts.count(),
    () => accounts.removeExpiredGuests(NOW, 10),
    () => sessions.create(session({})),
    () => sessions.withOwner('1', NOW),
    () => sessions.rotate('1', rotation, NOW),
    () => sessions.revokeAllOf('7', null),
    () => sessions.removeExpired(NOW, 10),
    () => blocks.block('1', '2', NOW),
    () => blocks.betweenAny('1', ['2']),
    () => blocks.forget(['1']),
    () => reports.newest(1, null),
    () => conversations.create(conversation(), ['1']),
    () => conversations.openNamed(named('general')),
    () => conversations.openDirect(direct(['1', '2'])),
    () => conversations.find('general', '1'),
    () => conversations.listOf('1', 9),
    () => conversations.join('1', ['1'], NOW, 0),
    () => conversations.leave('1', '1'),
    () => conversations.remove('1'),
    () => conversations.admitted([{ conversationId: '1', userId: '1' }]),
    () => conversations.forget(['1']),
    () => messages.append('1', [draft()]),
    () => messages.page('1', { after: 0 }, page),
    () => messages.since('1', 0, page),
    () => messages.positions(['1']),
    () => messages.react('1', '1', '+1'),
    () => messages.unread('1', [{ conversationId: '1', after: 0 }]),
  ];
  const many = Array.from({ length: 20 }, () => calls).flat();
  const start = performance.now();
  let slowest = 0;
  const outcomes = await Promise.allSettled(
    many.map((call) =>
      call().finally(() => {
        slowest = Math.max(slowest, performance.now() - start);
      }),
    ),
  );
  for (const outcome of outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'UNAVAILABLE' } });
  }
  expect(slowest).toBeLessThan(fairMs(ANSWER_MS));
  return Math.round(slowest);
}

/** How the process hears about it: `lost`, `back`, `lost`, … and the same in the log. */
function listenTo(mongo: Mongo): string[] {
  const heard: string[] = [];
  mongo.onLost(() => heard.push('lost'));
  mongo.onReturn(() => heard.push('back'));
  return heard;
}

const written = async (stores: Stores) =>
  stores.accounts.create(account()).then(
    () => true,
    () => false,
  );

const figures: Record<string, Record<string, number | string>> = {};
afterAll(() => {
  if (Object.keys(figures).length > 0) console.table(figures);
});

await describeMongo('a single MongoDB', 'control', () => {
  let server: OwnMongo;
  let mongo: Mongo;
  let stores: Stores;
  let log: string[];
  beforeEach(async () => {
    server = await startOwnMongo();
    log = [];
    const said = (_: string, text: string) => void log.push(text);
    const logger: Logger = { ...silentLogger, error: said, info: said, warn: said };
    mongo = await openMongo({ uri: server.uri, logger });
    stores = mongoStores(mongo);
    await prepareMongo(mongo, 'test', silentLogger);
  });
  afterEach(async () => {
    await mongo.close();
    await server.close();
  });

  it(
    'that hangs: UNAVAILABLE in time, and back by itself',
    async () => {
      const heard = listenTo(mongo);
      server.pause();
      const slowest = await allUnavailable(stores);
      const lost = await until('known as lost', () => !mongo.isUp(), 4_000);
      const slowestLater = await allUnavailable(stores);
      server.resume();
      const back = await until('written again', () => written(stores), 5_000);
      await until('known as back', () => mongo.isUp(), 5_000);
      expect(heard).toEqual(['lost', 'back']);
      expect(log).toEqual([expect.stringMatching(/MongoDB is lost/), expect.stringMatching(/is back/)]);
      figures['single, paused'] = {
        'slowest answer (ms)': Math.max(slowest, slowestLater),
        'known as lost after (ms)': Math.round(slowest + lost),
        'written again after (ms)': Math.round(back),
      };
    },
    MINUTE_MS,
  );

  it(
    'that is stopped for 10 s: UNAVAILABLE in time, nothing acknowledged is lost, and back by itself',
    async () => {
      const heard = listenTo(mongo);
      const writers = startWriters(stores);
      await until('some writes', () => writers.acknowledged() > 200, 10_000);
      await server.stop();
      await until('known as lost', () => !mongo.isUp(), 4_000);
      const slowest = await allUnavailable(stores);
      await delay(10_000 - ANSWER_MS);
      await server.startAgain();
      const before = writers.acknowledged();
      const back = await until('writes go on', () => writers.acknowledged() > before, 5_000);
      await delay(500);
      const result = await writers.stop();
      expect(result['slowest answer (ms)']).toBeLessThan(fairMs(ANSWER_MS));
      expect(heard).toEqual(['lost', 'back']);
      figures['single, stopped for 10 s'] = {
        ...result,
        'written again after (ms)': Math.round(back),
        'slowest answer (ms)': Math.max(slowest, result['slowest answer (ms)']),
      };
    },
    MINUTE_MS,
  );

  it(
    'that is killed while it writes: nothing acknowledged is lost',
    async () => {
      const writers = startWriters(stores);
      for (let round = 0; round < 3; round++) {
        const before = writers.acknowledged();
        await until('more writes', () => writers.acknowledged() > before + 300, 15_000);
        await server.kill();
        await server.startAgain();
      }
      const before = writers.acknowledged();
      await until('writes go on', () => writers.acknowledged() > before, 5_000);
      const result = await writers.stop();
      expect(result['slowest answer (ms)']).toBeLessThan(fairMs(ANSWER_MS));
      figures['single, SIGKILL three times'] = result;
    },
    MINUTE_MS,
  );

  it(
    'that comes late is waited for at the start',
    async () => {
      await server.stop();
      const opening = openMongo({ uri: server.uri, logger: silentLogger });
      await delay(2_500);
      await server.startAgain();
      const late = await opening;
      expect(await written(mongoStores(late))).toBe(true);
      await late.close();
    },
    MINUTE_MS,
  );
});

await describeMongo('a MongoDB of three members', 'control', () => {
  let set: ReplicaSet;
  let mongo: Mongo;
  let stores: Stores;
  beforeAll(async () => {
    set = await startReplicaSet();
    mongo = await openMongo({ uri: set.uri, logger: silentLogger });
    stores = mongoStores(mongo);
    await prepareMongo(mongo, 'test', silentLogger);
  }, MINUTE_MS);
  afterAll(async () => {
    await mongo.close();
    await set.close();
  }, MINUTE_MS);

  it(
    'goes on within 15 s when the primary is killed, and nothing acknowledged is lost',
    async () => {
      for (const round of [1, 2]) {
        const writers = startWriters(stores);
        await until('some writes', () => writers.acknowledged() > 500, 15_000);
        const killed = await set.killPrimary();
        await delay(200);
        const before = writers.acknowledged();
        await until('writes go on', () => writers.acknowledged() > before + 50, 15_000);
        await delay(1_000);
        const result = await writers.stop();
        expect(result['longest time without a write (ms)']).toBeLessThan(15_000);
        expect(result['slowest answer (ms)']).toBeLessThan(fairMs(ANSWER_MS));
        expect(mongo.isUp()).toBe(true);
        figures[`three members, primary killed (${round})`] = result;
        await set.startAgain(killed);
        await delay(3_000);
      }
    },
    2 * MINUTE_MS,
  );

  it(
    'acknowledges nothing that only the primary has',
    async () => {
      const one = account();
      await set.pauseSecondaries();
      const start = performance.now();
      await expect(stores.accounts.create(one)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const answered = Math.round(performance.now() - start);
      expect(answered).toBeLessThan(fairMs(ANSWER_MS));
      set.resumeAll();
      const back = await until('written again', () => written(stores), 30_000);
      figures['three members, no majority'] = {
        'slowest answer (ms)': answered,
        'written again after (ms)': Math.round(back),
      };
    },
    MINUTE_MS,
  );

  it(
    'that all hang: UNAVAILABLE in time, and back by themselves',
    async () => {
      const heard = listenTo(mongo);
      set.pauseAll();
      const slowest = await allUnavailable(stores);
      const lost = await until('known as lost', () => !mongo.isUp(), 4_000);
      const slowestLater = await allUnavailable(stores);
      await delay(5_000);
      set.resumeAll();
      const back = await until('written again', () => written(stores), 30_000);
      await until('known as back', () => mongo.isUp(), 5_000);
      expect(heard[0]).toBe('lost');
      expect(heard.at(-1)).toBe('back');
      figures['three members, all paused 9 s'] = {
        'slowest answer (ms)': Math.max(slowest, slowestLater),
        'known as lost after (ms)': Math.round(slowest + lost),
        'written again after (ms)': Math.round(back),
      };
    },
    MINUTE_MS,
  );
});
