import { expect } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import { copiedMatchPool, type CopiedMatchPool } from '../../src/features/matching/pool.copied.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Mark, MatchPool, Notice, Party } from '../../src/features/matching/pool.ts';
import { createSeatCopy, type SeatCopy } from '../../src/features/matching/seat-copy.ts';
import { fakeClock } from './fake-clock.ts';
import { seededRandom } from './seeded-random.ts';
import type { Stage } from './match-pool.stage.ts';

const STEPS = 1_200;
const SOCKETS_PER_USER = 3;
const users = Array.from({ length: 10 }, (_, n) => `u${n}`);
const names = ['w1', 'w2', 'w3'];

interface Worker {
  readonly name: string;
  pool: CopiedMatchPool;
  copy: SeatCopy;
  /** Cut off: it reaches nobody, and hears nothing. */
  isCut: boolean;
  /** It has not said yet what its sockets have. */
  mustReclaim: boolean;
}

/**
 * Random steps of ten people on three workers that are cut off, die and lose the state under them. At no moment has anybody two
 * partners. Once every worker has said what it has, what the workers' copies hold is the truth, and saying it again says nothing.
 */
export async function outages(
  stage: Pick<Stage, 'pool' | 'advance' | 'lose' | 'snapshot'>,
  seed: number,
): Promise<void> {
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (percent: number) => below(100) < percent;

  const clock = fakeClock();
  /** The pool of after a loss may be another object. */
  const latest = new Proxy({} as MatchPool, {
    get: (_, method) => Reflect.get(stage.pool(), method) as unknown,
  });
  const workers = names.map((name): Worker => {
    const copy = createSeatCopy(clock);
    return { name, copy, pool: copiedMatchPool(latest, copy, name), isCut: false, mustReclaim: false };
  });
  const workerOf = ({ owner }: Party) => workers[names.indexOf(owner)] as Worker;

  const live = new Map<string, Party>();
  const happened = new Set<string>();
  const log: string[] = [];
  let seen: Mark | undefined;
  let made = 1_000;
  let isSaved = false;
  let quietFrom = 0;
  const hint = () => `seed ${seed}, step ${log.length}: ${log.slice(-15).join(' · ')}`;

  function tell(notices: readonly Notice[]): void {
    for (const { copy, isCut } of workers) if (!isCut) copy.heard(notices);
  }
  async function advance(ms: number): Promise<void> {
    clock.advance(ms);
    await stage.advance(ms);
  }
  async function collect(): Promise<void> {
    const { notices, last } = await latest.collect(seen);
    tell(notices);
    seen = last;
  }
  async function reclaim(worker: Worker): Promise<number> {
    worker.isCut = false;
    worker.mustReclaim = false;
    const { notices, dropped } = await worker.pool.reclaimAll();
    for (const notice of notices)
      happened.add(`claimed: ${notice.kind === 'unmatched' ? notice.reason : notice.kind}`);
    if (dropped.length > 0) happened.add('claimed: dropped');
    tell(notices);
    quietFrom = clock.now() + timing.claimMs;
    return notices.length + dropped.length;
  }

  const options = (): MatchOptions => ({
    ...(chance(40) && { interests: [one(['go', 'jazz', 'film'])] }),
    ...(chance(20) && { mode: one(['text', 'audio'] as const) }),
  });

  const acts: Record<string, [weight: number, act: (party: Party) => Promise<unknown>]> = {
    match: [
      30,
      async (party) => {
        const outcome = await workerOf(party).pool.request({
          ...party,
          options: options(),
          blocked: [],
          matchId: String(++made),
        });
        tell(outcome.notices);
        return outcome.status;
      },
    ],
    cancel: [3, (party) => workerOf(party).pool.cancel(party.connectionId)],
    leave: [4, async (party) => tell(await workerOf(party).pool.leave(party.connectionId))],
    depart: [
      12,
      async (party) => {
        live.delete(party.connectionId);
        tell(await workerOf(party).pool.depart(party.connectionId));
      },
    ],
    block: [1, async (party) => tell(await workerOf(party).pool.block(party.user.id, one(users)))],
    pass: [15, () => advance(chance(90) ? below(1_500) : one([5_000, 10_000, timing.graceMs]))],
    cut: [
      2,
      async (party) => {
        const worker = workerOf(party);
        worker.isCut = worker.mustReclaim = true;
        return worker.name;
      },
    ],
    die: [
      1,
      async (party) => {
        const worker = workerOf(party);
        for (const { connectionId, owner } of live.values())
          if (owner === worker.name) live.delete(connectionId);
        worker.copy = createSeatCopy(clock);
        worker.pool = copiedMatchPool(latest, worker.copy, worker.name);
        await latest.dropOwner(worker.name);
        await reclaim(worker);
        return worker.name;
      },
    ],
    save: [
      2,
      async () => {
        await stage.snapshot()?.save();
        isSaved = true;
      },
    ],
    lose: [
      1,
      async () => {
        const snapshot = stage.snapshot();
        const isOld = snapshot && isSaved && chance(60);
        await (isOld ? snapshot.restore() : stage.lose());
        for (const worker of workers) worker.mustReclaim = true;
        quietFrom = Infinity;
        return isOld ? 'old' : 'empty';
      },
    ],
  };
  const deck = Object.entries(acts).flatMap(([name, [weight]]) => Array<string>(weight).fill(name));

  /** Nobody has two partners: what each has, the partner has too. */
  async function check(): Promise<void> {
    const [partners, counts] = await Promise.all([
      Promise.all(users.map((userId) => latest.partnerOf(userId))),
      latest.counts(),
    ]);
    const ids = new Set<string>();
    for (const [n, partner] of partners.entries()) {
      if (!partner) continue;
      ids.add(partner.matchId);
      expect(partner.partnerId, hint()).not.toBe(users[n]);
      const { matchId } = partner;
      expect(partners[users.indexOf(partner.partnerId)], hint()).toMatchObject({
        matchId,
        partnerId: users[n],
      });
    }
    expect(ids.size, hint()).toBe(counts.matches);
  }

  async function checkCopies(): Promise<void> {
    const claims = workers.map(({ copy }) => copy.claims());
    const seats = new Map(claims.flatMap((each) => each.seats.map((seat) => [seat.connectionId, seat])));
    const initiators = new Map<string, boolean[]>();
    for (const party of live.values()) {
      const { connectionId } = party;
      const state = await latest.seat(connectionId);
      const claim = seats.get(connectionId);
      expect(
        claim && { matchId: claim.matchId, partnerId: claim.partner.id, away: claim.partnerAway },
        `${connectionId}, ${hint()}`,
      ).toEqual(
        state
          ? {
              matchId: state.matchId,
              partnerId: state.partnerId,
              away: state.partnerConnectionId === null,
            }
          : undefined,
      );
      if (!state || !claim) continue;
      seats.delete(connectionId);
      if (!claim.partnerAway)
        initiators.set(state.matchId, [...(initiators.get(state.matchId) ?? []), claim.initiator]);
      const partner = live.get(state.partnerConnectionId ?? '');
      const isHere = partner === undefined || partner.owner === party.owner;
      expect(workerOf(party).copy.seat(connectionId), hint()).toEqual(isHere ? state : undefined);
    }
    expect([...seats.keys()], hint()).toEqual([]);
    for (const sides of initiators.values()) expect(sides.sort(), hint()).toEqual([false, true]);
    const places = claims.flatMap((each) => each.places);
    expect(places.length, hint()).toBe((await latest.counts()).waiting);
  }

  /** Everybody says what they have, and the time passes in which others might. */
  async function settle(): Promise<void> {
    while (workers.some(({ mustReclaim }) => mustReclaim))
      await reclaim(one(workers.filter(({ mustReclaim }) => mustReclaim)));
    await advance(timing.claimMs);
    await collect();
    for (const worker of workers) await reclaim(worker);
    await advance(timing.claimMs);
    await collect();
    await checkCopies();
    for (const worker of workers) expect(await reclaim(worker), hint()).toBe(0);
    await checkCopies();
    happened.add('settled');
  }

  for (const worker of workers) await reclaim(worker);
  for (let step = 0; step < STEPS; step += 1) {
    const late = workers.filter(({ mustReclaim }) => mustReclaim);
    if (late.length > 0 && chance(12)) {
      const worker = one(late);
      const isDropped = worker.isCut && chance(60);
      if (isDropped) await latest.dropOwner(worker.name);
      if (isDropped && chance(50)) await advance(timing.graceMs);
      if (isDropped && chance(50)) await collect();
      log.push(`${worker.name} ${isDropped ? 'was dropped, ' : ''}claims`);
      await reclaim(worker);
    } else {
      const userId = one(users);
      const sockets = [...live.values()].filter(({ user }) => user.id === userId);
      if (sockets.length === 0 || (sockets.length < SOCKETS_PER_USER && chance(25))) {
        const worker = one(workers);
        if (worker.isCut) continue;
        const connectionId = `${userId}#${step}`;
        const party = {
          connectionId,
          owner: worker.name,
          user: { id: userId, username: userId, avatar: null },
        };
        live.set(connectionId, party);
        const arrival = await worker.pool.arrive(party, chance(50) ? String(made - below(5)) : undefined);
        if (arrival.kind === 'resumed') tell(arrival.notices);
        log.push(`${connectionId} on ${worker.name}: ${arrival.kind}`);
      } else {
        const party = one(sockets);
        const name = one(deck);
        const worker = workerOf(party);
        if (worker.isCut && !['pass', 'save', 'lose'].includes(name)) {
          if (name !== 'depart') continue;
          live.delete(party.connectionId);
          worker.copy.departed(party.connectionId);
          log.push(`${party.connectionId} is gone, nobody hears it`);
        } else {
          log.push(`${party.connectionId} ${name}`);
          const result = await acts[name]?.[1](party);
          happened.add(name);
          log.push(`${log.pop()} ${String(result ?? '')}`);
        }
      }
    }
    await check();
    if (!chance(40)) continue;
    await collect();
    const isQuiet = workers.every(({ mustReclaim }) => !mustReclaim) && clock.now() >= quietFrom;
    if (isQuiet && chance(20)) await settle();
  }
  await settle();

  expect([...happened]).toEqual(
    expect.arrayContaining([
      'block',
      'cancel',
      'claimed: disconnected',
      'claimed: dropped',
      'claimed: matched',
      'claimed: partner-back',
      'cut',
      'depart',
      'die',
      'leave',
      'lose',
      'match',
      'pass',
      'save',
      'settled',
    ]),
  );
}
