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
  /** Beside the name, which is unique; need not be. */
  readonly displayName: string | null;
  readonly bio: string | null;
  readonly guest: boolean;
  /** Chosen by the user; outlives reconnects. */
  readonly status: PresenceStatus;
  /** Made or confirmed by an operator: what ADMIN_EMAILS needs beside the address. */
  readonly adminConfirmed: boolean;
  readonly createdAt: number;
  readonly lastSeen: number;
  /** Guests only: from here on the account counts as gone. */
  readonly expiresAt: number | null;
  /**
   * Who it is for the signer of other tokens (TRUST_EXTERNAL_JWT); null for accounts made here. An account that has one is never
   * removed: who deletes or bans it revokes its tokens for ever, so that the next one does not make a new account.
   */
  readonly externalId: string | null;
  /** External tokens of before are refused, and those that do not say when they were signed. Null: all count. */
  readonly tokensFrom: number | null;
}

/** `tokensFrom` of an account whose external tokens never count again. */
export const NEVER = 8_640_000_000_000_000;

export interface Registration {
  readonly username: string;
  readonly email: string;
  readonly passwordHash: string;
}

/** What a user may change of what others see; what is left out stays. */
export type ProfileChanges = Partial<Pick<Account, 'username' | 'displayName' | 'bio' | 'avatar'>>;

/** What the live sockets of a user have to be compared with. */
export type Standing = PublicUser & Pick<Account, 'tokensFrom'>;

export type FoundUser = PublicUser & Pick<Account, 'displayName'>;

/**
 * Everybody who can have a token. Names are unique by `usernameKeyOf`, addresses by `emailKeyOf`, external ids as they are, over all
 * accounts, guests included. Every method is one atomic decision; a resolved write is durable.
 */
export interface AccountStore {
  /** @throws CONFLICT with those of `fields.username`, `.email` and `.externalId` that are taken; nothing is stored then */
  create(account: Account): Promise<void>;

  byId(id: string): Promise<Account | null>;
  /** Public profiles of those that exist, in the order asked for. */
  byIds(ids: readonly string[]): Promise<readonly PublicUser[]>;
  /** Compared by `emailKeyOf`. */
  byEmail(email: string): Promise<Account | null>;
  byExternalId(externalId: string): Promise<Account | null>;
  /** Of those that exist, in any order. */
  standing(ids: readonly string[]): Promise<readonly Standing[]>;
  /**
   * Whose name begins so, by `usernameKeyOf`, in the order of those keys, at most `limit`.
   * @param after a name: only those behind it
   */
  withNamePrefix(prefix: string, after: string | null, limit: number): Promise<readonly FoundUser[]>;

  /**
   * Makes a guest a registered user under the same id and removes the expiry. Null when there is no such guest, or its time
   * was up at `now`. The guest's own name is not taken.
   * @throws CONFLICT as `create` does; the guest stays one then
   */
  convertGuest(id: string, registration: Registration, now: number): Promise<Account | null>;

  /** Null when there is no such account. @throws CONFLICT with `fields.username` when it is somebody else's; nothing changes then */
  updateProfile(id: string, changes: ProfileChanges): Promise<Account | null>;
  /** Moves `tokensFrom` forward; an earlier time changes nothing. False when there is no such account. */
  revokeTokens(id: string, before: number): Promise<boolean>;

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
  'byExternalId',
  'standing',
  'withNamePrefix',
  'count',
] as const satisfies readonly (keyof AccountStore)[];

/** What every new account begins with; the rest says which kind it is. */
export const newAccount = (id: string, username: string, now: number): Account => ({
  id,
  username,
  email: null,
  passwordHash: null,
  avatar: null,
  displayName: null,
  bio: null,
  guest: false,
  status: 'online',
  adminConfirmed: false,
  createdAt: now,
  lastSeen: now,
  expiresAt: null,
  externalId: null,
  tokensFrom: null,
});

/** Whether an external token is refused. @param issuedAt null for a token that does not say */
export const isRevoked = (issuedAt: number | null, tokensFrom: number | null): boolean =>
  tokensFrom !== null && (issuedAt === null || issuedAt < tokensFrom);

/** Behind every name that begins so and before every other: no name has this character. */
export const endOfPrefix = (key: string): string => `${key}\u{10FFFF}`;

/** Two names with the same key are one name: `Ann`, `ann` and `ＡＮＮ`. */
export const usernameKeyOf = (username: string): string => username.normalize('NFKC').toLowerCase();

/** Two addresses with the same key are one address. */
export const emailKeyOf = (email: string): string => email.trim().toLowerCase();
