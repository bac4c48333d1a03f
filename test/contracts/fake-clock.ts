import type { Clock } from '../../src/kernel/clock.ts';

export interface FakeClock extends Clock {
  /** Calls what falls due on the way, in order of time, then of making; what those callbacks start included. */
  advance(ms: number): void;
}

/** Starts on a fixed day, so that a failing test fails again. */
export function fakeClock(start = Date.UTC(2026, 0, 1)): FakeClock {
  let now = start;
  const timers = new Set<{ due: number; readonly periodMs: number | null; readonly callback: () => void }>();

  function schedule(delayMs: number, periodMs: number | null, callback: () => void): () => void {
    const timer = { due: now + delayMs, periodMs, callback };
    timers.add(timer);
    return () => void timers.delete(timer);
  }

  return {
    now: () => now,
    after: (delayMs, callback) => schedule(Math.max(delayMs, 0), null, callback),
    // A period of 0 would never let the clock move on.
    every: (periodMs, callback) => schedule(Math.max(periodMs, 1), Math.max(periodMs, 1), callback),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers]
          .filter((timer) => timer.due <= end)
          .sort((one, other) => one.due - other.due)[0];
        if (!due) break;
        now = due.due;
        if (due.periodMs === null) timers.delete(due);
        else due.due += due.periodMs;
        due.callback();
      }
      now = end;
    },
  };
}
