import type { Clock } from './clock.ts';
import { AppError } from './errors.ts';
import type { Logger } from './logger.ts';

/** Names that one worker at a time holds: roles (sweepers), and small numbers (id slots). */
export interface Leases {
  /** Takes the name, or renews it when `owner` has it. False while another owner's lease lives. */
  hold(name: string, owner: string, ttlMs: number): Promise<boolean>;
  /** Gives the name up; without effect when `owner` has it not. */
  release(name: string, owner: string): Promise<void>;
  /** The lowest number below `count` that no living owner has; the same again for the same owner. Kept until `dropOwner`. */
  slot(name: string, owner: string, count: number): Promise<number>;
  dropOwner(owner: string): Promise<void>;
}

/** In the process that all owners call. */
export function memoryLeases(clock: Clock): Leases {
  const held = new Map<string, { owner: string; until: number }>();
  const slots = new Map<string, Map<number, string>>();

  return {
    async hold(name, owner, ttlMs) {
      const lease = held.get(name);
      if (lease && lease.owner !== owner && lease.until > clock.now()) return false;
      held.set(name, { owner, until: clock.now() + ttlMs });
      return true;
    },
    async release(name, owner) {
      if (held.get(name)?.owner === owner) held.delete(name);
    },
    async slot(name, owner, count) {
      const taken = slots.get(name) ?? new Map<number, string>();
      slots.set(name, taken);
      for (const [slot, holder] of taken) if (holder === owner) return slot;
      for (let slot = 0; slot < count; slot++) {
        if (taken.has(slot)) continue;
        taken.set(slot, owner);
        return slot;
      }
      throw new AppError('UNAVAILABLE', `all ${count} slots of ${name} are taken`);
    },
    async dropOwner(owner) {
      for (const [name, lease] of held) if (lease.owner === owner) held.delete(name);
      for (const taken of slots.values()) {
        for (const [slot, holder] of taken) if (holder === owner) taken.delete(slot);
      }
    },
  };
}

/** Longer than any tick: the lease is renewed before each, not during it. */
const SHORTEST_ROLE_MS = 10_000;

/**
 * Calls `tick` every `periodMs` in the one worker that holds the role; another takes over when its lease ends.
 * Ticks do not overlap. The returned function gives the role up after the tick that runs.
 */
export function holdRole(
  deps: { leases: Leases; clock: Clock; logger: Logger; owner: string },
  role: string,
  periodMs: number,
  tick: () => Promise<void>,
): () => Promise<void> {
  const ttlMs = Math.max(periodMs * 4, SHORTEST_ROLE_MS);
  let running: Promise<void> | undefined;

  async function run() {
    try {
      if (await deps.leases.hold(role, deps.owner, ttlMs)) await tick();
    } catch (error) {
      deps.logger.warn('error', `role ${role} failed`, { error });
    }
  }

  const end = deps.clock.every(periodMs, () => {
    running ??= run().finally(() => (running = undefined));
  });
  return async () => {
    end();
    await running;
    await deps.leases.release(role, deps.owner).catch(() => {
      // The lease lapses by itself.
    });
  };
}
