import { describe, it } from 'vitest';
import { leaving } from './match-pool.leaving.ts';
import { notices } from './match-pool.notices.ts';
import { pairing } from './match-pool.pairing.ts';
import { seats } from './match-pool.seats.ts';
import { stageOf } from './match-pool.stage.ts';
import type { MatchPoolUnderTest } from './match-pool.stage.ts';
import { randomWalk } from './match-pool.walk.ts';

/** What every MatchPool does (CONTRACT 19), seen from outside. `make` returns an empty pool. */
export function matchPoolContract(name: string, make: () => Promise<MatchPoolUnderTest>): void {
  describe(`match pool: ${name}`, () => {
    const stage = stageOf(make);
    pairing(stage);
    leaving(stage);
    seats(stage);
    notices(stage);
    it.each([1, 2, 3])(
      'keeps every promise to twelve people who do anything (seed %i)',
      (seed) => randomWalk(stage, seed),
      120_000,
    );
  });
}
