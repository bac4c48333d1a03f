import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { newAccount, type Account, type AccountStore } from './accounts.ts';
import type { Passwords } from './passwords.ts';
import type { SessionStore } from './sessions.ts';

export interface OperatorNeeds {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly passwords: Passwords;
  readonly ids: Ids;
  readonly clock: { now(): number };
  /** These sessions are over in the store: ends their sockets in all workers. */
  readonly onRevoked: (userId: string, sessionIds: readonly string[]) => void | Promise<void>;
}

/** What only the operator of the machine may do (CONTRACT 15). Addresses are compared as at sign-in. */
export function createOperator({ accounts, sessions, passwords, ids, clock, onRevoked }: OperatorNeeds) {
  async function byEmail(email: string): Promise<Account> {
    const account = await accounts.byEmail(email);
    if (!account) throw new AppError('NOT_FOUND', `There is no account with the address ${email}.`);
    return account;
  }

  return {
    /** Registers an account that counts as confirmed. @throws CONFLICT when name or address are taken */
    async create({
      email,
      username,
      password,
    }: {
      email: string;
      username: string;
      password: string;
    }): Promise<void> {
      const passwordHash = await passwords.hash(password);
      await accounts.create({
        ...newAccount(ids.next(), username, clock.now()),
        email,
        passwordHash,
        adminConfirmed: true,
      });
    },

    /** Says that the account is whose address it has. @throws NOT_FOUND */
    async confirm({ email }: { email: string }): Promise<void> {
      await accounts.confirmAdmin((await byEmail(email)).id);
    },

    /** Ends all sessions of the account, and returns how many there were. @throws NOT_FOUND */
    async resetPassword({ email, password }: { email: string; password: string }): Promise<number> {
      const { id } = await byEmail(email);
      await accounts.setPassword(id, await passwords.hash(password));
      const revoked = await sessions.revokeAllOf(id, null);
      if (revoked.length > 0) await onRevoked(id, revoked);
      return revoked.length;
    },
  };
}
