export type UserPair = readonly [string, string];

/** Who wants nothing to do with whom. Every method is one atomic decision; a resolved write is durable. */
export interface BlockStore {
  /**
   * Repeats succeed and keep the first time. `at` in milliseconds since the epoch.
   * @throws CONFLICT when `by` has blocked `limits.blocksPerUser` others already
   */
  block(by: string, userId: string, at: number): Promise<void>;
  /** False when there was no such block. */
  unblock(by: string, userId: string): Promise<boolean>;
  /** Whom this user has blocked, the latest first. */
  idsBlockedBy(userId: string): Promise<readonly string[]>;
  /** Who has blocked this user, in any order. */
  idsBlocking(userId: string): Promise<readonly string[]>;
  /** Those of `otherIds` who have blocked the user, or whom the user has blocked; in the order asked for. */
  betweenAny(userId: string, otherIds: readonly string[]): Promise<readonly string[]>;
  /** Those of these pairs of whom one has blocked the other; in the order asked for. */
  blockedPairs(pairs: readonly UserPair[]): Promise<readonly UserPair[]>;
  /** Removes every block by or against these users, whose accounts are gone. */
  forget(userIds: readonly string[]): Promise<void>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const blockReads = [
  'idsBlockedBy',
  'idsBlocking',
  'betweenAny',
  'blockedPairs',
] as const satisfies readonly (keyof BlockStore)[];
