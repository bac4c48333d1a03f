import type { PresenceStatus, PublicUser } from '../../kernel/schemas.ts';

/** A registered user or a guest account. Times are milliseconds since the epoch. */
export interface Account {
  readonly id: string;
  readonly username: string;
  /** As it was typed; null for guests. */
  readonly email: string | null;
  /** Null for guests, who cannot sign in again. */
  readonly passwordHash: string | null;
  readonly avatar: string | null;
  readonly guest: boolean;
  /** Chosen by the user; outlives reconnects. */
  readonly status: PresenceStatus;
  /** Made or confirmed by an operator: what ADMIN_EMAILS needs beside the address. */
  readonly adminConfirmed: boolean;
  readonly createdAt: number;
  readonly lastSeen: number;
  /** Guests only: from here on the account counts as gone. */
  readonly expiresAt: number | null;
}

export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly passwordHash: string;
}

/**
 * Everybody who can have a token. Names are unique by `usernameKeyOf`, addresses by `emailKeyOf`, over all accounts, guests
 * included. Every method is one atomic decision; a resolved write is durable.
 */
export interface AccountStore {
  /** @throws CONFLICT with `fields.username`, `fields.email`, or both, when they are taken; nothing is stored then */
  create(account: Account): Promise<void>;

  byId(id: string): Promise<Account | null>;
  /** Public profiles of those that exist, in the order asked for. */
  byIds(ids: readonly string[]): Promise<readonly PublicUser[]>;
  /** Compared by `emailKeyOf`. */
  byEmail(email: string): Promise<Account | null>;

  /**
   * Makes a guest a registered user under the same id and removes the expiry. Null when there is no such guest, or its time
   * was up at `now`. The guest's own name is not taken.
   * @throws CONFLICT as `create` does; the guest stays one then
   */
  convertGuest(id: string, registration: Registration, now: number): Promise<Account | null>;

  /** False when there is no such account. */
  setPassword(id: string, passwordHash: string): Promise<boolean>;
  /** Without effect when there is no such account. */
  setStatus(id: string, status: PresenceStatus): Promise<void>;
  /** Moves `lastSeen` forward; an earlier time changes nothing. */
  seen(id: string, at: number): Promise<void>;
  /** Repeats succeed. False when there is no such account. */
  confirmAdmin(id: string): Promise<boolean>;

  count(): Promise<number>;

  /** Removes guests whose time was up at `now`, the longest expired first, at most `limit`; says which. */
  removeExpiredGuests(now: number, limit: number): Promise<readonly string[]>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const accountReads = [
  'byId',
  'byIds',
  'byEmail',
  'count',
] as const satisfies readonly (keyof AccountStore)[];

/** Two names with the same key are one name: `Ann`, `ann` and `ＡＮＮ`. */
export const usernameKeyOf = (username: string): string => username.normalize('NFKC').toLowerCase();

/** Two addresses with the same key are one address. */
export const emailKeyOf = (email: string): string => email.trim().toLowerCase();
