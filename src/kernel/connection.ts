import type { PresenceStatus } from './schemas.ts';
import type { Room } from './rooms.ts';

/** Who a socket or a request acts for. */
export type Identity =
  | { readonly kind: 'guest'; readonly id: string; readonly username: string }
  | {
      readonly kind: 'user';
      readonly id: string;
      readonly username: string;
      readonly avatar: string | null;
      /** A guest account: has a token and is a user like any other, for 24 hours. */
      readonly guest: boolean;
      readonly status: PresenceStatus;
      /** Null with a token that another service signed (TRUST_EXTERNAL_JWT). */
      readonly sessionId: string | null;
      /** The `iat` of a token without a session, null where it has none. Milliseconds since the epoch. */
      readonly issuedAt?: number | null;
      /** Milliseconds since the epoch; the token's `exp`. */
      readonly expiresAt: number;
    };

export type UserIdentity = Identity & { kind: 'user' };

/** One live socket, as features see it. */
export interface Connection {
  readonly id: string;
  readonly ip: string;
  readonly userAgent: string;
  /** The client's handshake `auth`, unparsed. */
  readonly auth: Readonly<Record<string, unknown>>;
  readonly identity: Identity;
  /** Replaces the identity; the caller announces it (see `identified`). */
  identify(identity: Identity): void;
  /** The same user goes by another name from now on: no other identity, whoever holds it sees the change. */
  rename(shown: { readonly username: string; readonly avatar: string | null }): void;
  join(room: Room): void;
  leave(room: Room): void;
  /** To this socket only. */
  emit(event: string, body: unknown): void;
  /** Called with every event that goes to this socket, whichever worker sends it. */
  onPushed(listener: (event: string, body: unknown) => void): void;
  /** False once the socket is gone; what was joined or claimed after that must be given back. */
  readonly alive: boolean;
  /**
   * Closes the transport without a server-side disconnect, so that a client reconnects by itself. What was sent goes out
   * first, unless it is to be discarded: a client that does not answer would never take it.
   */
  drop(unsent?: 'discard'): void;
  /** Server-side disconnect: a client does not come back by itself. */
  end(): void;
  /** True when the transport answered a ping within `timeoutMs`. */
  probe(timeoutMs: number): Promise<boolean>;
}

/** This worker's live connections. */
export interface Connections {
  get(id: string): Connection | undefined;
  all(): Iterable<Connection>;
  readonly size: number;
}

/** The user behind a connection, for events that a contract opens to users only. */
export function userOf(connection: Connection): UserIdentity {
  if (connection.identity.kind !== 'user') throw new Error('a guest socket reached a handler for users');
  return connection.identity;
}
