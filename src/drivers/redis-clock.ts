/** As many heartbeats are looked back upon. */
const SAMPLES = 20;

/**
 * Redis's clock as seen from here. An answer is never older than its time says, so of several the one that says most is nearest;
 * an error makes `now` too early.
 */
export function clockOffset() {
  const offsets: number[] = [];
  return {
    /** Redis has just answered that it is `redisNow`. */
    sample(redisNow: number) {
      offsets.push(redisNow - performance.now());
      if (offsets.length > SAMPLES) offsets.shift();
    },
    now: () => performance.now() + Math.max(...offsets),
  };
}
