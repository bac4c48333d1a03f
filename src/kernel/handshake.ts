import type { Socket } from 'socket.io';
import { bearerOf, type Authenticator } from './auth.ts';
import type { Identity } from './connection.ts';
import { AppError, asAppError, failureOf } from './errors.ts';
import type { Ids } from './ids.ts';
import type { Logger } from './logger.ts';

interface AdmitDeps {
  readonly auth: Authenticator;
  readonly allowGuests: boolean;
  readonly ids: Ids;
  readonly logger: Logger;
}

/** An error whose `data` reaches the client in `connect_error`. */
function refusal(error: AppError): Error {
  const { message, error: data } = failureOf(error);
  return Object.assign(new Error(message), { data });
}

/** The client's token: `auth.token`, or the header for clients that can set one. */
function tokenOf(socket: Socket): string | undefined {
  const token: unknown = socket.handshake.auth['token'];
  if (token === undefined || token === null || token === '')
    return bearerOf(socket.handshake.headers.authorization);
  if (typeof token !== 'string') throw new AppError('UNAUTHENTICATED', 'The token must be a string.');
  return token.replace(/^Bearer +/i, '');
}

function guestIdentity(ids: Ids): Identity {
  const id = ids.next();
  return { kind: 'guest', id: `guest:${id}`, username: `Guest-${id.slice(-4)}` };
}

/** Decides who a new socket is: the token's user, a guest without one, or refused (`connect_error`). */
export function admit({ auth, allowGuests, ids, logger }: AdmitDeps) {
  return (socket: Socket, next: (error?: Error) => void): void => {
    const decide = async (): Promise<Identity> => {
      const token = tokenOf(socket);
      if (token !== undefined) return auth.verify(token);
      if (!allowGuests) throw new AppError('UNAUTHENTICATED', 'A token is required.');
      return guestIdentity(ids);
    };
    decide().then(
      (identity) => {
        socket.data.identity = identity;
        next();
      },
      (error: unknown) => {
        const known = asAppError(error);
        if (known.code === 'INTERNAL') logger.error('error', 'a handshake failed', { error });
        else logger.debug('auth', 'a handshake was refused', { code: known.code });
        next(refusal(known));
      },
    );
  };
}
