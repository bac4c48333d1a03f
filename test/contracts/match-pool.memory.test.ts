import { expect, it } from 'vitest';
import { memoryMatchPool } from '../../src/features/matching/pool.memory.ts';
import { timing } from '../../src/features/matching/pool.ts';
import { fakeClock } from './fake-clock.ts';
import { matchPoolContract } from './match-pool.ts';

matchPoolContract('memory', async () => {
  const clock = fakeClock();
  let pool = memoryMatchPool(clock);
  return {
    get pool() {
      return pool;
    },
    advance: clock.advance,
    lose: () => void (pool = memoryMatchPool(clock)),
    close() {},
  };
});

/** Thousands of calls that each looked at every pair would take minutes. */
const PLENTY_MS = 5_000;

it('collects often while thousands wait', async () => {
  const clock = fakeClock();
  const pool = memoryMatchPool(clock);
  const count = 3_000;
  for (let n = 0; n < count; n += 1) {
    await pool.request({
      connectionId: `c${n}`,
      owner: 'w1',
      user: { id: `u${n}`, username: `u${n}`, avatar: null },
      options: { interests: [`only ${n}`] },
      blocked: [],
      matchId: `m${n}`,
    });
  }

  const started = performance.now();
  for (let waitedMs = 1; waitedMs < timing.interestsWidenMs; waitedMs += 1) {
    clock.advance(1);
    expect((await pool.collect()).notices).toEqual([]);
    // Here, because a loop that never leaves the microtasks starves the test's own timeout.
    expect(performance.now() - started).toBeLessThan(PLENTY_MS);
  }
  clock.advance(1);
  await pool.collect();
  expect(await pool.counts()).toEqual({ waiting: 0, matches: count / 2 });
});
