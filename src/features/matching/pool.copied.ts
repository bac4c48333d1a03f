import { AppError } from '../../kernel/errors.ts';
import type { MatchPool, Notice, Reclaimed } from './pool.ts';
import type { SeatCopy } from './seat-copy.ts';

export interface CopiedMatchPool extends MatchPool {
  /**
   * Claims what the copy has (see `MatchPool.reclaim`), and takes what comes of it into the copy. Calls that come meanwhile share
   * the one that runs.
   */
  reclaimAll(): Promise<Reclaimed>;
  /** Users of this worker's sockets with their partners, as they were told. */
  pairs(): readonly (readonly [userId: string, partnerId: string])[];
  /** Notices that other workers have delivered to this one's sockets. */
  heard(notices: readonly Notice[]): void;
}

/**
 * A pool whose answers one worker keeps a copy of. While the pool is away `seat` answers from the copy where the partner, or
 * nobody, is on this worker; everything else is UNAVAILABLE, as ever.
 */
export function copiedMatchPool(pool: MatchPool, copy: SeatCopy, owner: string): CopiedMatchPool {
  let heldUnder = '';
  let running: Promise<Reclaimed> | undefined;

  async function reclaimAll(): Promise<Reclaimed> {
    const asOf = await pool.standing();
    // What was answered before `standing` was is in the copy after this.
    await new Promise((resolve) => setImmediate(resolve));
    const reclaimed = await pool.reclaim({
      owner,
      heldUnder,
      asOf,
      ...copy.claims(),
    });
    heldUnder = asOf.run;
    copy.heard(reclaimed.notices);
    for (const connectionId of reclaimed.dropped) copy.left(connectionId);
    return reclaimed;
  }

  return {
    async request(request) {
      const outcome = await pool.request(request);
      copy.requested(request, outcome);
      return outcome;
    },
    async cancel(connectionId) {
      const cancelled = await pool.cancel(connectionId);
      if (cancelled) copy.left(connectionId);
      return cancelled;
    },
    async leave(connectionId) {
      const notices = await pool.leave(connectionId);
      copy.left(connectionId);
      copy.heard(notices);
      return notices;
    },
    async arrive(party, matchId) {
      const arrival = await pool.arrive(party, matchId);
      copy.arrived(party, arrival);
      return arrival;
    },
    async depart(connectionId) {
      // Gone it is, whatever the pool says.
      copy.departed(connectionId);
      const notices = await pool.depart(connectionId);
      copy.heard(notices);
      return notices;
    },
    async block(by, userId) {
      const notices = await pool.block(by, userId);
      copy.heard(notices);
      return notices;
    },
    async seat(connectionId) {
      try {
        return await pool.seat(connectionId);
      } catch (error) {
        const known = error instanceof AppError && error.code === 'UNAVAILABLE' && copy.seat(connectionId);
        if (known) return known;
        throw error;
      }
    },
    async collect(seen) {
      const collected = await pool.collect(seen);
      copy.heard(collected.notices);
      return collected;
    },
    partnerOf: (userId) => pool.partnerOf(userId),
    recentPartners: (userId) => pool.recentPartners(userId),
    seated: (userIds) => pool.seated(userIds),
    counts: () => pool.counts(),
    dropOwner: (gone) => pool.dropOwner(gone),
    standing: () => pool.standing(),
    reclaim: (claims) => pool.reclaim(claims),
    pairs: () => copy.claims().seats.map(({ user, partner }) => [user.id, partner.id]),
    heard: (notices) => copy.heard(notices),
    reclaimAll: () => (running ??= reclaimAll().finally(() => (running = undefined))),
  };
}
