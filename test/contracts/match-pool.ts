import { describe, it } from 'vitest';
import { leaving } from './match-pool.leaving.ts';
import { notices } from './match-pool.notices.ts';
import { losing } from './match-pool.losing.ts';
import { outages } from './match-pool.outages.ts';
import { pairing } from './match-pool.pairing.ts';
import { reclaiming } from './match-pool.reclaiming.ts';
import { seats } from './match-pool.seats.ts';
import { stageOf } from './match-pool.stage.ts';
import type { MatchPoolUnderTest } from './match-pool.stage.ts';
import { randomWalk } from './match-pool.walk.ts';

/**
 * What every MatchPool does (CONTRACT 19), seen from outside. `make` returns an empty pool. `outlives`: it can come back with an
 * old snapshot, which a pool in memory cannot.
 */
export function matchPoolContract(
  name: string,
  make: () => Promise<MatchPoolUnderTest>,
  { outlives = false }: { outlives?: boolean } = {},
): void {
  describe(`match pool: ${name}`, () => {
    const stage = stageOf(make);
    pairing(stage);
    leaving(stage);
    seats(stage);
    notices(stage);
    reclaiming(stage);
    losing(stage, outlives);
    it.each([1, 2, 3])(
      'keeps every promise to twelve people who do anything (seed %i)',
      (seed) => randomWalk(stage, seed),
      120_000,
    );
    it.each([1, 2, 3])(
      'gives nobody two partners, and finds the truth again, whatever is lost (seed %i)',
      (seed) => outages(stage, seed),
      120_000,
    );
  });
}
