import { AppError } from '../../kernel/errors.ts';
import type { MatchPool } from './pool.ts';

/**
 * A worker's pool whose state may have been away. What is not there then may only not have been claimed yet: until this worker has
 * claimed what its sockets have, `seat` answers UNAVAILABLE instead of null.
 */
export function returningMatchPool(pool: MatchPool, onReturn: (listener: () => void) => void): MatchPool {
  let returns = 0;
  /** Up to which of them everything is claimed. */
  let reclaimed = 0;
  onReturn(() => (returns += 1));

  return {
    ...pool,
    async seat(connectionId) {
      const seat = await pool.seat(connectionId);
      if (seat === null && reclaimed < returns)
        throw new AppError('UNAVAILABLE', 'The shared state has just come back. Try again.');
      return seat;
    },
    async reclaim(claims) {
      const upTo = returns;
      const answer = await pool.reclaim(claims);
      reclaimed = upTo;
      return answer;
    },
  };
}
