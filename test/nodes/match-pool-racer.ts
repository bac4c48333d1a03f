/** A worker as a process of its own: its sockets do this and that, it keeps a copy of their seats and claims them when Redis returns. */
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis } from '../../src/drivers/redis.ts';
import { copiedMatchPool } from '../../src/features/matching/pool.copied.ts';
import { redisMatchPool } from '../../src/features/matching/pool.redis.ts';
import type { Claims, Notice, Party } from '../../src/features/matching/pool.ts';
import { createSeatCopy } from '../../src/features/matching/seat-copy.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { seededRandom } from '../contracts/seeded-random.ts';

export type Order =
  | { readonly order: 'race' | 'stop' | 'claims' | 'flush' }
  | { readonly order: 'reclaim' }
  | { readonly order: 'hear'; readonly notices: readonly Notice[] };
/** What a racer says: an answer to an order, or notices to be pushed to the sockets of others. */
export interface Said {
  readonly answer?: 'ready' | Order['order'];
  readonly notices?: readonly Notice[];
  readonly claims?: Pick<Claims, 'seats' | 'places' | 'candidates'>;
  readonly acts?: number;
  /** Calls that were answered UNAVAILABLE. */
  readonly refused?: number;
  /** How much a reclaim had to say. */
  readonly news?: number;
  readonly slowestMs?: number;
}

/** Users are shared by all racers; each is one after the other here, as a socket's events are. */
const USERS = 40;
const LANES = 8;

const [, , url = '', prefix = '', owner = ''] = process.argv;
const redis = await connectRedis({ url, prefix, logger: silentLogger });
const copy = createSeatCopy(systemClock);
const pool = copiedMatchPool(redisMatchPool({ redis }), copy, owner);
const say = (said: Said) => process.send?.(said);
const random = seededRandom(Number(owner.slice(1)));
const below = (n: number) => Math.floor(random() * n);
const chance = (percent: number) => below(100) < percent;

const live = new Map<string, Party>();
let racing = false;
let lanes: Promise<void>[] = [];
let made = 0;
let acts = 0;
let refused = 0;
let slowestMs = 0;

function push(notices: readonly Notice[]): void {
  copy.heard(notices);
  if (notices.length > 0) say({ notices });
}

/** Grows with time, for all racers alike. */
const nextId = () => `${Date.now()}${String(++made % 10_000).padStart(4, '0')}${owner.slice(1)}`;

async function act(userId: string): Promise<void> {
  const sockets = [...live.values()].filter(({ user }) => user.id === userId);
  const party = sockets[below(sockets.length)];
  if (!party || (sockets.length < 2 && chance(10))) {
    const connectionId = `${owner}-${userId}-${++made}`;
    const newcomer = { connectionId, owner, user: { id: userId, username: userId, avatar: null } };
    live.set(connectionId, newcomer);
    const arrival = await pool.arrive(newcomer, undefined);
    if (arrival.kind === 'resumed') push(arrival.notices);
  } else if (chance(60)) {
    const options = { ...(chance(30) && { mode: chance(50) ? ('text' as const) : ('audio' as const) }) };
    const outcome = await pool.request({ ...party, options, blocked: [], matchId: nextId() });
    push(outcome.notices);
  } else if (chance(40)) push(await pool.leave(party.connectionId));
  else if (chance(20)) await pool.cancel(party.connectionId);
  else {
    live.delete(party.connectionId);
    push(await pool.depart(party.connectionId));
  }
}

async function race(lane: number): Promise<void> {
  while (racing) {
    const startedAt = performance.now();
    try {
      await act(`u${below(USERS / LANES) * LANES + lane}`);
      acts += 1;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UNAVAILABLE') throw error;
      refused += 1;
      await sleep(20);
    }
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
  }
}

async function reclaim(): Promise<number> {
  for (;;) {
    try {
      const { notices, dropped } = await pool.reclaimAll();
      push(notices);
      return notices.length + dropped.length;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UNAVAILABLE') throw error;
      await sleep(20);
    }
  }
}
redis.onReturn(() => void reclaim());

async function obey(order: Order): Promise<Said> {
  switch (order.order) {
    case 'hear':
      copy.heard(order.notices);
      return {};
    case 'race':
      racing = true;
      lanes = Array.from({ length: LANES }, (_, lane) => race(lane));
      return {};
    case 'stop':
      racing = false;
      await Promise.all(lanes);
      return { acts, refused, slowestMs };
    case 'reclaim':
      return { news: await reclaim() };
    case 'claims':
      return { claims: copy.claims() };
    case 'flush':
      return {};
  }
}

process.on('message', (order: Order) => {
  void obey(order).then((said) => {
    if (order.order !== 'hear') say({ answer: order.order, ...said });
  });
});
process.on('disconnect', () => process.exit());
await reclaim();
say({ answer: 'ready' });
