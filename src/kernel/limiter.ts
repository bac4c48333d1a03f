import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Clock } from './clock.ts';

/** Outcome of one hit in a fixed window. */
export interface Hit {
  readonly allowed: boolean;
  /** Hits left in the window, 0 when refused. */
  readonly remaining: number;
  /** Milliseconds until the window ends. */
  readonly resetMs: number;
  /** Hits in this window, this one included. */
  readonly used: number;
}

export interface Limit {
  readonly max: number;
  readonly windowMs: number;
}

/** Counts across all workers and nodes, each limit of a bucket's key on its own. The window of a key begins with its first hit. */
export interface Limiter {
  hit(bucket: string, key: string, limit: Limit): Promise<Hit>;
  /** Takes one hit back (an answer that shall not count). Without effect when the window has none, or is over. */
  refund(bucket: string, key: string, limit: Limit): Promise<void>;
}

/** Counts in this process. Windows that ended are forgotten. */
export function memoryLimiter(): Limiter {
  const counters = new Map<string, RateLimiterMemory>();

  function counterOf(bucket: string, { max, windowMs }: Limit): RateLimiterMemory {
    const name = `${bucket}/${max}/${windowMs}`;
    let counter = counters.get(name);
    if (!counter) {
      counter = new RateLimiterMemory({ keyPrefix: bucket, points: max, duration: windowMs / 1000 });
      counters.set(name, counter);
    }
    return counter;
  }

  return {
    async hit(bucket, key, limit) {
      const result = await counterOf(bucket, limit)
        .consume(key)
        .catch((refusal: unknown) => {
          if (refusal instanceof RateLimiterRes) return refusal;
          throw refusal;
        });
      return {
        allowed: result.consumedPoints <= limit.max,
        remaining: result.remainingPoints,
        resetMs: result.msBeforeNext,
        used: result.consumedPoints,
      };
    },
    async refund(bucket, key, limit) {
      const counter = counterOf(bucket, limit);
      const { consumedPoints } = await counter.reward(key);
      // There was nothing to take back: that must neither leave room for one more nor begin a window.
      if (consumedPoints < 0) await counter.delete(key);
    },
  };
}

/** Fewer refusals than these are not worth a walk. */
const FEW_REFUSALS = 1000;

/**
 * Remembers refusals until their window ends, so that a flood costs this worker a map look-up and the cluster nothing.
 * Those nobody asks about again are dropped whenever the number has doubled.
 */
export function withLocalRefusals(limiter: Limiter, clock: Clock): Limiter & { readonly remembered: number } {
  const refusedUntil = new Map<string, { at: number; used: number }>();
  let sweepAt = FEW_REFUSALS;
  const nameOf = (bucket: string, key: string, { max, windowMs }: Limit) =>
    `${bucket}/${max}/${windowMs}/${key}`;

  function remember(name: string, refusal: { at: number; used: number }) {
    refusedUntil.set(name, refusal);
    if (refusedUntil.size < sweepAt) return;
    for (const [other, { at }] of refusedUntil) if (at <= clock.now()) refusedUntil.delete(other);
    sweepAt = Math.max(refusedUntil.size * 2, FEW_REFUSALS);
  }

  return {
    async hit(bucket, key, limit) {
      const name = nameOf(bucket, key, limit);
      const refusal = refusedUntil.get(name);
      if (refusal) {
        const resetMs = refusal.at - clock.now();
        if (resetMs > 0) return { allowed: false, remaining: 0, resetMs, used: ++refusal.used };
        refusedUntil.delete(name);
      }
      const hit = await limiter.hit(bucket, key, limit);
      if (!hit.allowed) remember(name, { at: clock.now() + hit.resetMs, used: hit.used });
      return hit;
    },
    async refund(bucket, key, limit) {
      refusedUntil.delete(nameOf(bucket, key, limit));
      await limiter.refund(bucket, key, limit);
    },
    get remembered() {
      return refusedUntil.size;
    },
  };
}
