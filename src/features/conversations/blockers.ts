import type { Clock } from '../../kernel/clock.ts';

/** A block reaches what others send on other workers within this time. */
const KEPT_MS = 1_000;

/**
 * Who has blocked a sender, remembered for a second: a busy sender is asked about once, not for each message.
 */
export function createBlockers(
  blocks: { idsBlocking(userId: string): Promise<readonly string[]> },
  clock: Clock,
) {
  const known = new Map<string, Promise<readonly string[]>>();
  return {
    of(userId: string): Promise<readonly string[]> {
      const remembered = known.get(userId);
      if (remembered) return remembered;
      const asked = userId.startsWith('guest:') ? Promise.resolve([]) : blocks.idsBlocking(userId);
      known.set(userId, asked);
      const forget = () => void (known.get(userId) === asked && known.delete(userId));
      clock.after(KEPT_MS, forget);
      // A failure is not remembered.
      asked.catch(forget);
      return asked;
    },
    /** Somebody blocked this user here, or took it back. */
    forget: (userId: string) => void known.delete(userId),
  };
}

export type Blockers = ReturnType<typeof createBlockers>;
