import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import type { Logger } from './logger.ts';

/** How long an owner that is silent counts as alive: what a killed node held is given back, and its seats vacated, within 15 s. */
export const OWNER_TTL_MS = 12_000;
const RENEW_MS = 4_000;
const RETRY_MS = 1_000;
/**
 * Somebody renews every RENEW_MS; a longer silence of all means that the state was away, or paused, and that leases ran out
 * which nobody could renew. Below OWNER_TTL_MS - RENEW_MS, so that no lease ends before the silence is noticed.
 */
export const SILENCE_MS = 7_000;

/** Which processes that own something shared are alive, cluster-wide. An owner's name is used by one process, once. */
export interface Owners {
  /**
   * Registers the owner or renews its lease. `known: false`: it is new here. Whatever it has in any port may be gone, and it
   * says all of it again. @throws UNAVAILABLE while what it had is being given back; it may come again afterwards
   */
  renew(owner: string): Promise<{ known: boolean }>;
  /**
   * Owners whose lease ran out; they come again, and cannot renew, until `dropOwner`. No lease runs out within OWNER_TTL_MS of
   * a time in which nobody could renew.
   */
  lapsed(): Promise<readonly string[]>;
  /** It left, or all it had was given back. */
  dropOwner(owner: string): Promise<void>;
}

/** In the process that all owners call. */
export function memoryOwners(clock: Clock): Owners {
  const leases = new Map<string, number>();
  const condemned = new Set<string>();
  let heardAt = clock.now();
  let graceUntil = 0;

  /** Called with every sign of life: what is noticed is that there was none. */
  function listen(): number {
    const now = clock.now();
    if (now - heardAt > SILENCE_MS) graceUntil = now + OWNER_TTL_MS;
    heardAt = now;
    return now;
  }

  return {
    async renew(owner) {
      const now = listen();
      if (condemned.has(owner)) throw beingDropped();
      const known = leases.has(owner);
      leases.set(owner, now + OWNER_TTL_MS);
      return { known };
    },
    async lapsed() {
      const now = listen();
      if (now >= graceUntil) {
        for (const [owner, until] of leases) if (until <= now) condemned.add(owner);
      }
      return [...condemned];
    },
    async dropOwner(owner) {
      leases.delete(owner);
      condemned.delete(owner);
    },
  };
}

export const beingDropped = () => new AppError('UNAVAILABLE', 'The server is restarting. Try again.');

/** What an owner that was silent for too long had is given back by `drop`, on all ports. For the one that has the role. */
export async function sweepOwners(owners: Owners, drop: (owner: string) => Promise<void>): Promise<void> {
  // Asked anew each time: a sweeper that was stopped meanwhile must not drop one that lives again.
  for (;;) {
    const [owner] = await owners.lapsed();
    if (owner === undefined) return;
    await drop(owner);
    await owners.dropOwner(owner);
  }
}

export interface OwnerKeeper {
  /** The shared state was away and is back: renews now and says again what is owned. */
  returned(): void;
  /** Renews no more. What is owned is given back by `dropOwner`. */
  stop(): void;
}

/**
 * Keeps the owner's lease. `restate` says again, on all ports, what the owner has: when the owner is new to the state, and after
 * a return; it is called again until it succeeds.
 */
export async function keepOwner(
  deps: { owners: Owners; clock: Clock; logger: Logger; owner: string },
  restate: () => Promise<void>,
): Promise<OwnerKeeper> {
  const { owners, clock, logger, owner } = deps;
  let owes = false;
  let renewedAt = -Infinity;
  let running: Promise<void> | undefined;

  async function renew() {
    const startedAt = clock.now();
    if (!(await owners.renew(owner)).known) owes = true;
    renewedAt = startedAt;
    while (owes) {
      owes = false;
      try {
        await restate();
      } catch (error) {
        owes = true;
        throw error;
      }
    }
  }
  const run = () =>
    (running ??= renew()
      .catch((error: unknown) => {
        logger.warn('error', 'what this process owns could not be said to the shared state yet', { error });
      })
      .finally(() => (running = undefined)));

  await owners.renew(owner);
  renewedAt = clock.now();
  const end = clock.every(RETRY_MS, () => {
    if (owes || clock.now() - renewedAt >= RENEW_MS) void run();
  });
  return {
    returned() {
      owes = true;
      void run();
    },
    stop: end,
  };
}
