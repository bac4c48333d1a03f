import { AppError } from '../../kernel/errors.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { AccountStore } from './accounts.ts';
import type { Revocations } from './revocations.ts';

interface Needs {
  readonly accounts: Pick<AccountStore, 'byId'>;
  readonly presence: { connectionsOf(userId: string): Promise<number> };
  readonly revocations: Revocations;
  readonly outbox: Pick<Outbox, 'endAll' | 'isUp'>;
}

/** What administrators do to live sockets (CONTRACT, D). */
export function createDisconnects({ accounts, presence, revocations, outbox }: Needs) {
  return {
    /**
     * Ends the user's sockets on every node.
     * @param revoke ends sessions and external tokens too: the user must sign in again
     * @throws NOT_FOUND; UNAVAILABLE while other workers cannot be told. What was to be revoked is revoked then.
     */
    async disconnect(userId: string, revoke: boolean): Promise<{ disconnected: number }> {
      const account = await accounts.byId(userId);
      if (!account) throw new AppError('NOT_FOUND', 'There is no such user.');
      const disconnected = await presence.connectionsOf(userId);
      if (revoke) {
        await revocations.sessionsOf(userId, null);
        if (account.externalId !== null) await revocations.externalTokens(userId);
      }
      if (!outbox.isUp()) throw new AppError('UNAVAILABLE', 'Other workers cannot be reached. Try again.');
      outbox.endAll(roomOf('user', userId));
      return { disconnected };
    },
  };
}
