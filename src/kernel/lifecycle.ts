import type { Logger } from './logger.ts';

/** What starts, stops: in reverse order, under one deadline. */
export interface Lifecycle {
  onStop(name: string, stop: () => void | Promise<void>): void;
  /** Idempotent. A stop that throws or hangs past the deadline is logged and does not keep the others from stopping. */
  stop(deadlineMs: number): Promise<void>;
  readonly stopping: boolean;
}

export function createLifecycle(logger: Logger): Lifecycle {
  const stops: { name: string; stop: () => void | Promise<void> }[] = [];
  let stopped: Promise<void> | undefined;

  async function stopAll(deadlineMs: number) {
    const endsAt = performance.now() + deadlineMs;
    for (const { name, stop } of stops.reverse()) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(
          () => reject(new Error('took too long')),
          Math.max(endsAt - performance.now(), 50),
        );
      });
      try {
        await Promise.race([stop(), late]);
      } catch (error) {
        logger.warn('error', `stopping ${name} failed`, { error });
      } finally {
        clearTimeout(timer);
      }
    }
  }

  return {
    onStop: (name, stop) => void stops.push({ name, stop }),
    stop: (deadlineMs) => (stopped ??= stopAll(deadlineMs)),
    get stopping() {
      return stopped !== undefined;
    },
  };
}
