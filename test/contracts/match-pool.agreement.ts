import { expect } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import { memoryMatchPool } from '../../src/features/matching/pool.memory.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Mark, MatchPool } from '../../src/features/matching/pool.ts';
import type { FakeClock } from './fake-clock.ts';
import { seededRandom } from './seeded-random.ts';

const STEPS = 3_000;
const users = Array.from({ length: 60 }, (_, n) => `u${n}`);
const workers = ['w1', 'w2', 'w3'];

/** Whatever sixty people do, the pool answers every call exactly as the memory version does, which is its specification. */
export async function agreesWithMemory(pool: MatchPool, clock: FakeClock, seed: number): Promise<void> {
  const model = memoryMatchPool(clock);
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const one = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  const chance = (percent: number) => below(100) < percent;
  const some = <T>(list: readonly T[], percent: number) => list.filter(() => chance(percent));

  const log: string[] = [];
  const seen: { model?: Mark; pool?: Mark } = {};
  let meetings = 0;
  let made = 0;

  async function both<T>(name: string, call: (asked: MatchPool) => Promise<T>): Promise<T> {
    log.push(name);
    const [expected, actual] = [await call(model), await call(pool)];
    expect(actual, `seed ${seed}, step ${log.length}: ${log.slice(-15).join(' · ')}`).toEqual(expected);
    return expected;
  }
  const options = (): MatchOptions => ({
    ...(chance(90) && { interests: some(['go', 'jazz', 'film', 'tea', 'a|b', '1:go', 'é😀\n0'], 15) }),
    ...(chance(60) && { language: one(['en', 'fr', '2:', '*', '-']) }),
    ...(chance(70) && { mode: one(['text', 'audio', 'video'] as const) }),
  });
  async function collect(): Promise<void> {
    log.push('collect');
    const [expected, actual] = [await model.collect(seen.model), await pool.collect(seen.pool)];
    meetings += expected.notices.length;
    expect(actual.notices, `seed ${seed}, step ${log.length}: ${log.slice(-15).join(' · ')}`).toEqual(
      expected.notices,
    );
    if (chance(80)) Object.assign(seen, { model: expected.last, pool: actual.last });
  }

  for (let step = 0; step < STEPS; step += 1) {
    const id = one(users);
    const connectionId = `${id}/${below(3)}`;
    // One owner for each connection.
    const owner = workers[(Number(id.slice(1)) + Number(connectionId.at(-1))) % workers.length] as string;
    const party = { connectionId, owner, user: { id, username: `${id} of ${step}`, avatar: null } };
    const dice = below(100);
    if (dice < 45) {
      const request = {
        ...party,
        options: options(),
        blocked: some(users, 3),
        matchId: String(++made),
      };
      await both(`${connectionId} asks ${JSON.stringify(request.options)}`, (asked) =>
        asked.request(request),
      );
    } else if (dice < 55) {
      const matchId = chance(50) ? String(made - below(6)) : undefined;
      await both(`${connectionId} arrives ${matchId ?? ''}`, (asked) => asked.arrive(party, matchId));
    } else if (dice < 65) await both(`${connectionId} departs`, (asked) => asked.depart(connectionId));
    else if (dice < 68) await both(`${connectionId} cancels`, (asked) => asked.cancel(connectionId));
    else if (dice < 71) await both(`${connectionId} leaves`, (asked) => asked.leave(connectionId));
    else if (dice < 73) {
      const other = one(users);
      await both(`${id} blocks ${other}`, (asked) => asked.block(id, other));
    } else if (dice < 80) {
      await both('counts', (asked) => asked.counts());
      await both('seated', (asked) => asked.seated(users));
      await both('seat', (asked) => asked.seat(connectionId));
      await both('partner', (asked) => asked.partnerOf(id));
      await both('recent', (asked) => asked.recentPartners(id));
    } else if (dice < 92) {
      const ms = chance(85) ? below(1_500) : one([timing.interestsWidenMs, timing.graceMs, timing.recentMs]);
      log.push(`${ms} ms`);
      clock.advance(ms);
    } else await collect();
  }

  expect(meetings).toBeGreaterThan(50);
}
