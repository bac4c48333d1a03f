import type { Worker } from 'node:cluster';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';

/** A worker that lived this long was healthy: its successor is forked at once. */
const HEALTHY_MS = 10_000;
const FIRST_DELAY_MS = 100;
const LONGEST_DELAY_MS = 10_000;
/** So many deaths in a row before any worker was ever ready mean that none will be. */
const HOPELESS_STARTS = 3;

/** A successor in a roll that is not ready by then never will be. */
const START_MS = 30_000;

/** How long to wait before the next fork after `shortLives` workers in a row died young. One accident is forgiven. */
export function backoffMs(shortLives: number): number {
  return shortLives <= 1 ? 0 : Math.min(FIRST_DELAY_MS * 2 ** (shortLives - 2), LONGEST_DELAY_MS);
}

export interface SupervisorOptions {
  readonly workers: number;
  /** Starts one, wired to its primary. */
  readonly fork: () => Worker;
  /** Asks one to send its clients away and exit. */
  readonly drain: (worker: Worker, deadlineMs: number) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** No worker came up at all. */
  readonly onHopeless: () => void;
}

export interface Supervisor {
  start(): void;
  /** To be told of every worker that is ready to serve. */
  ready(worker: Worker): void;
  /** Resolves when `workers` have been ready at the same time. */
  readonly allReady: Promise<void>;
  /** Replaces every worker, one after the other, each by one that is ready before it leaves. A second call joins the first. */
  roll(deadlineMs: number): Promise<void>;
  /** No more forks. Resolves when the last worker has exited; those alive after the deadline are killed. */
  stop(deadlineMs: number): Promise<void>;
}

interface Life {
  readonly worker: Worker;
  readonly since: number;
  readonly isReady: Promise<void>;
  readonly exited: Promise<void>;
  ready: boolean;
  /** Its exit is wanted. */
  leaving: boolean;
  announceReady: () => void;
}

/** Keeps so many workers alive; one that dies is replaced, the sooner the longer it lived. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { clock, logger } = options;
  const living = new Map<number, Life>();
  const all = Promise.withResolvers<void>();
  let shortLives = 0;
  let everReady = false;
  let stopping = false;
  let rolling: Promise<void> | undefined;

  function fork(): Life {
    const worker = options.fork();
    const ready = Promise.withResolvers<void>();
    const exit = Promise.withResolvers<void>();
    const life: Life = {
      worker,
      since: clock.now(),
      isReady: ready.promise,
      exited: exit.promise,
      ready: false,
      leaving: false,
      announceReady: ready.resolve,
    };
    living.set(worker.id, life);
    // A send to a worker that is just dying; its exit follows.
    worker.on('error', (error) => logger.warn('error', `channel to worker ${worker.id} failed`, { error }));
    worker.once('exit', (code, signal) => {
      living.delete(worker.id);
      exit.resolve();
      if (!life.leaving) replace(life, signal || `code ${code}`);
    });
    return life;
  }

  /** A roll has one more for a while: whoever dies during it may have a successor already. */
  function isShort(): boolean {
    return !stopping && [...living.values()].filter(({ leaving }) => !leaving).length < options.workers;
  }

  function replace(life: Life, how: string) {
    if (stopping) return;
    shortLives = clock.now() - life.since >= HEALTHY_MS ? 0 : shortLives + 1;
    if (!everReady && shortLives >= HOPELESS_STARTS) {
      stopping = true;
      return options.onHopeless();
    }
    const delayMs = backoffMs(shortLives);
    logger.error('error', `worker ${life.worker.id} ended (${how}); another follows in ${delayMs} ms`);
    clock.after(delayMs, () => {
      if (isShort()) fork();
    });
  }

  async function retire(life: Life, deadlineMs: number): Promise<void> {
    life.leaving = true;
    options.drain(life.worker, deadlineMs);
    const cancel = clock.after(deadlineMs, () => life.worker.process.kill('SIGKILL'));
    await life.exited;
    cancel();
  }

  async function rollAll(deadlineMs: number): Promise<void> {
    for (const old of [...living.values()]) {
      if (stopping) return;
      if (!living.has(old.worker.id)) continue;
      const successor = fork();
      const cancel = clock.after(START_MS, () => successor.worker.process.kill('SIGKILL'));
      await Promise.race([successor.isReady, successor.exited]);
      cancel();
      if (!successor.ready) return logger.error('error', 'the new worker did not start: the old ones stay');
      if (!old.leaving) await retire(old, deadlineMs);
    }
    // Whoever died before the roll may have found its place taken by a successor that has replaced another since.
    while (isShort()) fork();
  }

  return {
    allReady: all.promise,
    start() {
      for (let i = 0; i < options.workers; i++) fork();
    },
    ready(worker) {
      const life = living.get(worker.id);
      if (!life) return;
      life.ready = true;
      life.announceReady();
      everReady = true;
      if ([...living.values()].filter(({ ready }) => ready).length >= options.workers) all.resolve();
    },
    roll: (deadlineMs) => (rolling ??= rollAll(deadlineMs).finally(() => (rolling = undefined))),
    async stop(deadlineMs) {
      stopping = true;
      await Promise.all([...living.values()].map((life) => retire(life, deadlineMs)));
    },
  };
}
