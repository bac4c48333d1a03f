import type { Facts } from '../../kernel/facts.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { AccountStore } from './accounts.ts';
import type { AccountFacts } from './contract.ts';
import type { SessionStore } from './sessions.ts';

export interface RevocationNeeds {
  readonly accounts: Pick<AccountStore, 'revokeTokens'>;
  readonly sessions: Pick<SessionStore, 'revokeAllOf'>;
  readonly outbox: Pick<Outbox, 'endAll'>;
  readonly facts: Facts<AccountFacts>;
  readonly clock: { now(): number };
}

/** Ends what speaks for a user, and the live sockets with it, on every node. */
export function createRevocations({ accounts, sessions, outbox, facts, clock }: RevocationNeeds) {
  /** The sessions are over in the store: their sockets end, and this worker's features hear of it. */
  async function ended(userId: string, sessionIds: readonly string[]): Promise<void> {
    if (sessionIds.length === 0) return;
    for (const id of sessionIds) outbox.endAll(roomOf('session', id));
    await facts.announce('session.revoked', { userId, sessionIds });
  }

  return {
    ended,

    /** All sessions but one. Returns how many there were. */
    async sessionsOf(userId: string, exceptId: string | null): Promise<number> {
      const revoked = await sessions.revokeAllOf(userId, exceptId);
      await ended(userId, revoked);
      return revoked.length;
    },

    /** The tokens that another service has signed for the user until now, and those that do not say when. */
    async externalTokens(userId: string): Promise<void> {
      await accounts.revokeTokens(userId, clock.now());
      // Whoever has such tokens has no others.
      outbox.endAll(roomOf('user', userId));
    },
  };
}

export type Revocations = ReturnType<typeof createRevocations>;
