/** Four processes share one pool in Redis, which is killed, paused and put back in time under them. */
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectRedis, type Redis } from '../../src/drivers/redis.ts';
import { redisMatchPool } from '../../src/features/matching/pool.redis.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Mark, MatchPool, Notice } from '../../src/features/matching/pool.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { redisServer, startRedis, withoutRedis, type TestRedis } from '../harness/redis.ts';
import { fairMs } from '../harness/fair-time.ts';
import type { Order, Said } from './match-pool-racer.ts';

const PROCESSES = 4;
const COLLECT_MS = 200;
const WATCH_MS = 25;
const racerFile = fileURLToPath(new URL('./match-pool-racer.ts', import.meta.url));

interface Racer {
  readonly owner: string;
  readonly child: ChildProcess;
}

describe.skipIf(!redisServer)(`four processes with one pool${redisServer ? '' : `: ${withoutRedis}`}`, () => {
  let server: TestRedis;
  let redis: Redis;
  let pool: MatchPool;
  let racers: Racer[];
  let prefix: string;
  let seen: Mark | undefined;
  /** Of all matches that anybody was told of: who they are. */
  let told: Map<string, Set<string>>;
  let timers: NodeJS.Timeout[];
  /** How often nobody was found to have two partners. */
  let looks: number;
  let wrong: string[];

  beforeEach(async () => {
    server = await startRedis();
    prefix = randomUUID();
    redis = await connectRedis({ url: server.url, prefix, logger: silentLogger });
    pool = redisMatchPool({ redis });
    seen = undefined;
    told = new Map();
    wrong = [];
    looks = 0;
    racers = [];
    for (let n = 1; n <= PROCESSES; n += 1) racers.push(start(`w${n}`));
    await Promise.all(racers.map((racer) => answer(racer, 'ready')));
    timers = [setInterval(() => void collect(), COLLECT_MS), setInterval(() => void look(), WATCH_MS)];
  });
  afterEach(async () => {
    for (const timer of timers) clearInterval(timer);
    const gone = racers.map(({ child }) => once(child, 'exit'));
    for (const { child } of racers) child.disconnect();
    await Promise.all(gone);
    await redis.close();
    await server.stop();
  });

  function start(owner: string): Racer {
    const child = fork(racerFile, [server.url, prefix, owner]);
    const racer = { owner, child };
    child.on('message', ({ notices }: Said) => {
      if (notices) tell(notices, racer);
    });
    return racer;
  }
  function answer({ child }: Racer, to: Said['answer']): Promise<Said> {
    return new Promise((resolve) => {
      child.on('message', function listener(said: Said) {
        if (said.answer !== to) return;
        child.off('message', listener);
        resolve(said);
      });
    });
  }
  function ask(racer: Racer, order: Exclude<Order['order'], 'hear'>): Promise<Said> {
    const answered = answer(racer, order);
    racer.child.send({ order } satisfies Order);
    return answered;
  }
  const all = (order: Exclude<Order['order'], 'hear'>) =>
    Promise.all(racers.map((racer) => ask(racer, order)));

  /** As the adapter does, but nothing is lost. */
  function tell(notices: readonly Notice[], from?: Racer): void {
    for (const notice of notices) {
      if (notice.kind !== 'matched') continue;
      const { matchId, userId, partner } = notice.seat;
      if (userId === partner.id) wrong.push(`${userId} met themselves in ${matchId}`);
      told.set(matchId, (told.get(matchId) ?? new Set()).add(userId).add(partner.id));
    }
    for (const racer of racers)
      if (racer !== from && racer.child.connected)
        racer.child.send({ order: 'hear', notices } satisfies Order);
  }
  async function collect(): Promise<void> {
    const collected = await pool.collect(seen).catch(() => null);
    if (!collected) return;
    seen = collected.last;
    if (collected.notices.length > 0) tell(collected.notices);
  }

  /** One look at all seats at one moment. */
  async function look(): Promise<void> {
    const seats = await redis
      .command((client) => client.hgetall(redis.key('match', 'seats')))
      .catch(() => null);
    if (!seats) return;
    const sides = new Map(
      Object.entries(seats).map(([userId, text]) => {
        const { match, partner } = JSON.parse(text) as { match: string; partner: string };
        return [userId, { match, partner }];
      }),
    );
    for (const [userId, { match, partner }] of sides) {
      const back = sides.get(partner);
      if (partner === userId || back?.partner !== userId || back.match !== match)
        wrong.push(`${userId} has ${partner} in ${match}, who has ${back?.partner} in ${back?.match}`);
    }
    looks += 1;
  }

  /** Each says what it has, and the others hear what came of it, before the next does. */
  async function audit() {
    for (const racer of racers) {
      await all('flush');
      await ask(racer, 'reclaim');
    }
    await all('flush');
  }

  /** Everybody stops, says what they have, and what they have been told is the truth. */
  async function settle() {
    const results = await all('stop');
    for (const timer of timers) clearInterval(timer);
    const said = {
      acts: results.reduce((total, { acts = 0 }) => total + acts, 0),
      refused: results.reduce((total, { refused = 0 }) => total + refused, 0),
      slowestMs: Math.max(...results.map(({ slowestMs = 0 }) => slowestMs)),
    };
    await all('flush');
    await all('reclaim');
    await sleep(timing.claimMs + 100);
    await collect();
    await audit();
    const news = await all('reclaim');
    expect(news.map((each) => each.news)).toEqual(racers.map(() => 0));

    const claims = (await all('claims')).map((each) => each.claims!);
    const seats = claims.flatMap((each) => each.seats);
    const counts = await pool.counts();
    expect(claims.flatMap((each) => each.places)).toHaveLength(counts.waiting);
    for (const seat of seats) {
      const state = await pool.seat(seat.connectionId);
      expect({ matchId: state?.matchId, partnerId: state?.partnerId }).toEqual({
        matchId: seat.matchId,
        partnerId: seat.partner.id,
      });
      expect(seat.partnerAway).toBe(state?.partnerConnectionId === null);
    }
    expect(new Set(seats.map(({ user }) => user.id)).size).toBe(seats.length);
    await look();
    expect(wrong).toEqual([]);
    expect([...told.values()].filter(({ size }) => size !== 2)).toEqual([]);
    console.log(
      `${said.acts} acts, ${told.size} matches, ${said.refused} refused, slowest ${said.slowestMs.toFixed(0)} ms, ` +
        `${looks} looks; in the end ${counts.matches} matches, ${counts.waiting} waiting, ${seats.length} seats taken`,
    );
    return { ...said, seats, counts };
  }

  it('matches everybody with one other at a time', async () => {
    await all('race');
    await sleep(4_000);
    const { acts, refused } = await settle();
    expect(refused).toBe(0);
    expect(acts).toBeGreaterThan(1_000);
    expect(told.size).toBeGreaterThan(100);
    expect(looks).toBeGreaterThan(20);
  });

  it('takes the seats and places of a process that is killed', async () => {
    await all('race');
    await sleep(1_500);
    const lost = racers.pop()!;
    const gone = once(lost.child, 'exit');
    lost.child.kill('SIGKILL');
    await gone;
    await pool.dropOwner(lost.owner);
    await sleep(500);
    await settle();
    const owned = await redis.command((client) => client.zrange(redis.key('match', 'owned'), '0', '-1'));
    expect(owned.filter((each) => each.startsWith(`${lost.owner}\n`))).toEqual([]);
  });

  it('drops the owner of a process that lives, again and again', async () => {
    await all('race');
    for (let time = 0; time < 10; time += 1) {
      await sleep(150);
      await pool.dropOwner(`w${(time % PROCESSES) + 1}`);
    }
    await settle();
  });

  it.each(['empty', 'an old snapshot'] as const)('Redis is killed and comes back: %s', async (how) => {
    await all('race');
    await sleep(1_500);
    const snapshot = await server.snapshot();
    await sleep(700);
    await server.kill();
    await sleep(1_000);
    await server.restart(how === 'empty' ? { empty: true } : { snapshot });
    await sleep(2_500);
    const { refused, slowestMs } = await settle();
    expect(refused).toBeGreaterThan(0);
    expect(slowestMs).toBeLessThan(fairMs(1_000));
  });

  it.each(['empty', 'an old snapshot'] as const)('partners go on after Redis was killed: %s', async (how) => {
    await all('race');
    await sleep(1_000);
    const snapshot = await server.snapshot();
    await sleep(500);
    await all('stop');
    await audit();
    const before = new Map(
      (await all('claims')).flatMap(({ claims }) =>
        claims!.seats
          .filter(({ partnerAway }) => !partnerAway)
          .map((seat) => [seat.connectionId, seat.matchId]),
      ),
    );
    expect(before.size).toBeGreaterThan(0);
    await server.restart(how === 'empty' ? { empty: true } : { snapshot });
    const { seats } = await settle();
    const after = new Map(seats.map((seat) => [seat.connectionId, seat.matchId]));
    for (const [connectionId, matchId] of before) expect(after.get(connectionId)).toBe(matchId);
  });

  it('Redis is paused for two seconds', async () => {
    await all('race');
    await sleep(1_000);
    server.pause();
    await sleep(2_000);
    server.resume();
    await sleep(1_500);
    const { slowestMs } = await settle();
    expect(slowestMs).toBeLessThan(fairMs(1_000));
  });
});
