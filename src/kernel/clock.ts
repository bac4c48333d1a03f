/** Time and timers come in through the door, so that tests can turn the clock. Times are milliseconds since the epoch. */
export interface Clock {
  now(): number;
  /** Calls once after `delayMs`; the returned function cancels. Never keeps the process alive. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls every `periodMs`; the returned function ends it. Never keeps the process alive. */
  every(periodMs: number, callback: () => void): () => void;
}

/** The longest delay `setTimeout` takes; longer ones would fire at once. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), LONGEST_TIMEOUT_MS)).unref();
    return () => clearTimeout(timer);
  },
  every(periodMs, callback) {
    const timer = setInterval(callback, periodMs).unref();
    return () => clearInterval(timer);
  },
};
