import { describe, expect, it } from 'vitest';
import { copiedMatchPool } from '../../src/features/matching/pool.copied.ts';
import { memoryMatchPool } from '../../src/features/matching/pool.memory.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Claims, MatchPool } from '../../src/features/matching/pool.ts';
import { createSeatCopy } from '../../src/features/matching/seat-copy.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { fakeClock } from './fake-clock.ts';
import { matchPoolContract } from './match-pool.ts';

matchPoolContract('copied', async () => {
  const clock = fakeClock();
  const make = () => copiedMatchPool(memoryMatchPool(clock), createSeatCopy(clock), 'w1');
  let pool: MatchPool = make();
  return {
    get pool() {
      return pool;
    },
    advance: clock.advance,
    lose: () => void (pool = make()),
    close() {},
  };
});

/** A worker with a copy, on a pool that can go away. */
function worker(owner = 'w1', clock = fakeClock(), shared = memoryMatchPool(clock)) {
  const claimed: Claims[] = [];
  let isAway = false;
  const state = new Proxy(shared, {
    get:
      (pool, method: keyof MatchPool) =>
      async (...args: never[]) => {
        if (isAway) throw new AppError('UNAVAILABLE', 'away');
        if (method === 'reclaim') claimed.push(args[0] as unknown as Claims);
        const answer = await (pool[method] as (...args: never[]) => unknown)(...args);
        // Answers of one packet are handed on in one go, some of them through more hands.
        for (let hands = 0; method === 'request' && hands < 10; hands += 1) await Promise.resolve();
        return answer;
      },
  });
  const copy = createSeatCopy(clock);
  const pool = copiedMatchPool(state, copy, owner);
  const party = (userId: string, tab = 'tab') => ({
    connectionId: `${userId}/${tab}`,
    owner,
    user: { id: userId, username: userId, avatar: null },
  });
  let asked = 0;
  return {
    clock,
    shared,
    copy,
    pool,
    party,
    claimed,
    goAway: () => void (isAway = true),
    comeBack: () => void (isAway = false),
    match: (userId: string, options = {}) =>
      pool.request({ ...party(userId), options, blocked: [], matchId: `${owner}-${++asked}` }),
  };
}
const away = expect.objectContaining({ code: 'UNAVAILABLE' });

describe('while the pool is away', () => {
  it('partners of one worker have their seats', async () => {
    const { pool, match, goAway } = worker();
    await match('ann');
    await match('bob');
    const seats = [await pool.seat('ann/tab'), await pool.seat('bob/tab')];
    expect(seats[0]).toMatchObject({ partnerId: 'bob', partnerConnectionId: 'bob/tab' });
    goAway();
    expect([await pool.seat('ann/tab'), await pool.seat('bob/tab')]).toEqual(seats);
    await expect(pool.partnerOf('ann')).rejects.toEqual(away);
  });

  it('nothing is known of the partner on another worker', async () => {
    const clock = fakeClock();
    const one = worker('w1', clock);
    const other = worker('w2', clock, one.shared);
    await one.match('ann');
    const { notices } = await other.match('bob');
    one.pool.heard(notices);
    one.goAway();
    await expect(one.pool.seat('ann/tab')).rejects.toEqual(away);
    expect(one.copy.claims().seats).toMatchObject([{ connectionId: 'ann/tab', initiator: false }]);
  });

  it('nor of who has no seat; and who is gone is gone', async () => {
    const { pool, match, goAway } = worker();
    await match('ann');
    await match('bob');
    await match('cat');
    goAway();
    await expect(pool.seat('cat/tab')).rejects.toEqual(away);
    await expect(pool.depart('bob/tab')).rejects.toEqual(away);
    await expect(pool.seat('ann/tab')).rejects.toEqual(away);
    await expect(pool.seat('bob/tab')).rejects.toEqual(away);
  });

  it('a partner known to be away still is', async () => {
    const { pool, match, goAway } = worker();
    await match('ann');
    await match('bob');
    await pool.depart('bob/tab');
    goAway();
    expect(await pool.seat('ann/tab')).toMatchObject({ partnerConnectionId: null });
  });

  it('other failures are what they are', async () => {
    const pool = copiedMatchPool(
      { ...memoryMatchPool(fakeClock()), seat: () => Promise.reject(new Error('a mistake')) },
      createSeatCopy(fakeClock()),
      'w1',
    );
    await expect(pool.seat('ann/tab')).rejects.toThrow('a mistake');
  });
});

describe('what is claimed', () => {
  it('is what the sockets were told, under the run in which they were', async () => {
    const { pool, match, party, clock, claimed } = worker();
    await pool.reclaimAll();
    const { run } = await pool.standing();
    await match('ann', { interests: ['go', 'jazz'] });
    await match('bob', { interests: ['jazz'] });
    await match('cat', { mode: 'text' });
    clock.advance(1_000);
    await match('cat', { mode: 'audio' });
    clock.advance(500);
    await pool.depart('bob/tab');
    await pool.arrive(party('bob', 'again'), undefined);
    expect(await pool.reclaimAll()).toEqual({ notices: [], dropped: [] });
    expect(claimed[0]).toMatchObject({ heldUnder: '', seats: [], places: [], candidates: [] });
    expect(claimed[1]).toMatchObject({
      owner: 'w1',
      heldUnder: run,
      asOf: { run },
      seats: [
        {
          ...party('ann'),
          matchId: 'w1-2',
          partner: party('bob').user,
          sharedInterests: ['jazz'],
          initiator: false,
          partnerAway: true,
        },
      ],
      places: [{ ...party('cat'), matchId: 'w1-4', options: { mode: 'audio' }, waitedMs: 1_500 }],
      candidates: [party('bob', 'again')],
    });
  });

  it('leaves out what is left, cancelled, gone, or somebody else’s by now', async () => {
    const { pool, match, party, copy } = worker();
    for (const user of ['ann', 'bob', 'cat', 'dan']) await match(user);
    await match('eve');
    await pool.leave('ann/tab');
    await pool.cancel('eve/tab');
    await pool.depart('cat/tab');
    await pool.arrive({ ...party('dan'), user: party('fay').user }, undefined);
    await match('bob', { mode: 'text' });
    expect(copy.claims()).toMatchObject({ seats: [], places: [{ connectionId: 'bob/tab' }], candidates: [] });
  });

  it('is gathered after everything that was answered before', async () => {
    const { pool, match, claimed } = worker();
    await pool.reclaimAll();
    const asked = match('ann');
    await pool.reclaimAll();
    expect(claimed.at(-1)?.places).toHaveLength(1);
    await asked;
    expect(await pool.counts()).toEqual({ waiting: 1, matches: 0 });
  });

  it('is said once for all who want it at the same time', async () => {
    const { pool, claimed } = worker();
    await Promise.all([pool.reclaimAll(), pool.reclaimAll()]);
    expect(claimed).toHaveLength(1);
    await pool.reclaimAll();
    expect(claimed).toHaveLength(2);
  });

  it('is said again when it failed', async () => {
    const { pool, match, goAway, comeBack, claimed } = worker();
    await pool.reclaimAll();
    await match('ann');
    goAway();
    await expect(pool.reclaimAll()).rejects.toEqual(away);
    comeBack();
    await pool.reclaimAll();
    expect(claimed.at(-1)).toMatchObject({ heldUnder: claimed.at(-1)?.asOf.run, places: [{}] });
  });

  it('changes with what comes of it', async () => {
    const { pool, match, shared, clock, copy } = worker();
    await pool.reclaimAll();
    await match('ann');
    await match('bob');
    await shared.dropOwner('w1');
    clock.advance(timing.graceMs);
    await shared.collect();
    expect((await pool.reclaimAll()).notices).toHaveLength(2);
    expect(copy.claims().seats).toEqual([]);
  });
});
