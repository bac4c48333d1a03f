import type { Connection, Connections, UserIdentity } from '../../kernel/connection.ts';
import { AppError, failureOf } from '../../kernel/errors.ts';
import { isRevoked, type AccountStore, type Standing } from './accounts.ts';
import type { Renamed } from './profiles.ts';
import type { SessionStore } from './sessions.ts';

interface Needs {
  readonly connections: Connections;
  readonly accounts: Pick<AccountStore, 'standing'>;
  readonly sessions: Pick<SessionStore, 'alive'>;
  readonly clock: { now(): number };
}

/**
 * Sockets live no longer than their token, and than its session; without one, than tokens signed when theirs was. They go by
 * their user's present name. For the connections of this worker.
 */
export function createLiveSessions({ connections, accounts, sessions, clock }: Needs) {
  function end(connection: Connection, reason: string) {
    connection.emit('error', {
      ...failureOf(new AppError('UNAUTHENTICATED', reason)).error,
      event: 'authenticate',
    });
    connection.end();
  }

  function* users(): Generator<{ connection: Connection; identity: UserIdentity }> {
    for (const connection of connections.all()) {
      const { identity } = connection;
      if (identity.kind === 'user' && connection.alive) yield { connection, identity };
    }
  }

  /** What is true of these users and their tokens: says it of one that was among them. */
  async function check(identities: readonly UserIdentity[]) {
    const sessionIds = new Set(identities.flatMap(({ sessionId }) => sessionId ?? []));
    const userIds = new Set(identities.map(({ id }) => id));
    const [living, standing] = await Promise.all([
      sessionIds.size === 0 ? [] : sessions.alive([...sessionIds], clock.now()),
      accounts.standing([...userIds]),
    ]);
    const [lives, accountOf] = [new Set(living), new Map(standing.map((account) => [account.id, account]))];
    return ({ id, sessionId, issuedAt = null }: UserIdentity): Standing | undefined => {
      const account = accountOf.get(id);
      if (!account) return undefined;
      const isOver = sessionId === null ? isRevoked(issuedAt, account.tokensFrom) : !lives.has(sessionId);
      return isOver ? undefined : account;
    };
  }

  return {
    /** Ends the sockets whose token is over. */
    endExpired(): void {
      const now = clock.now();
      for (const { connection, identity } of users()) {
        if (identity.expiresAt <= now) end(connection, 'The token has expired.');
      }
    },

    /** Ends the sockets whose session is over, and renames others: what news from another process did not reach. */
    async catchUp(): Promise<void> {
      const asked = [...users()].map((user) => ({ ...user, shown: { ...user.identity } }));
      if (asked.length === 0) return;
      const standingOf = await check(asked.map(({ identity }) => identity));
      for (const { connection, identity, shown } of asked) {
        // What came meanwhile is newer than the answer.
        if (connection.identity !== identity || !connection.alive) continue;
        const account = standingOf(identity);
        if (!account) end(connection, 'This session has ended.');
        else if (identity.username === shown.username && identity.avatar === shown.avatar) {
          connection.rename(account);
        }
      }
    },

    /** The same for one socket, once it is in the room by which revocations reach it: until then it could miss one. */
    async endIfRevoked(connection: Connection, identity: UserIdentity): Promise<boolean> {
      const account = (await check([identity]))(identity);
      if (!account) end(connection, 'This session has ended.');
      else connection.rename(account);
      return account === undefined;
    },

    rename({ userId, username, avatar }: Renamed): void {
      for (const { connection, identity } of users()) {
        if (identity.id === userId) connection.rename({ username, avatar });
      }
    },
  };
}
