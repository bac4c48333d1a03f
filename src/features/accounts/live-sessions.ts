import type { Connection, Connections, UserIdentity } from '../../kernel/connection.ts';
import { AppError, failureOf } from '../../kernel/errors.ts';
import type { SessionStore } from './sessions.ts';

interface Needs {
  readonly connections: Connections;
  readonly sessions: Pick<SessionStore, 'alive'>;
  readonly clock: { now(): number };
}

/** Sockets live no longer than their token and their session. For the connections of this worker. */
export function createLiveSessions({ connections, sessions, clock }: Needs) {
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

  return {
    /** Ends the sockets whose token is over. */
    endExpired(): void {
      const now = clock.now();
      for (const { connection, identity } of users()) {
        if (identity.expiresAt <= now) end(connection, 'The token has expired.');
      }
    },

    /** Ends the sockets whose session is over: what a revocation in another process did not reach. */
    async endRevoked(): Promise<void> {
      const asked = new Set([...users()].map(({ identity }) => identity.sessionId));
      if (asked.size === 0) return;
      const living = new Set(await sessions.alive([...asked], clock.now()));
      for (const { connection, identity } of users()) {
        const isOver = asked.has(identity.sessionId) && !living.has(identity.sessionId);
        if (isOver) end(connection, 'This session has ended.');
      }
    },

    /** The same for one socket, once it is in the room by which revocations reach it: until then it could miss one. */
    async endIfRevoked(connection: Connection, { sessionId }: UserIdentity): Promise<boolean> {
      if ((await sessions.alive([sessionId], clock.now())).length > 0) return false;
      end(connection, 'This session has ended.');
      return true;
    },
  };
}
