import type { Account } from './accounts.ts';

/** Coarse on purpose (CONTRACT, B). */
export interface Location {
  readonly country: string;
  readonly city: string;
}

/** One sign-in, and what has been refreshed from it. Times are milliseconds since the epoch. */
export interface Session {
  readonly id: string;
  readonly userId: string;
  readonly ip: string;
  readonly userAgent: string;
  readonly deviceId: string | null;
  readonly location: Location | null;
  readonly createdAt: number;
  readonly lastSeen: number;
  /** From here on the session counts as gone. */
  readonly expiresAt: number;
  /** The one refresh token that may be used next. */
  readonly refreshId: string;
}

export interface Rotation {
  /** Of the refresh token that was presented. */
  readonly presented: string;
  /** Of the one that takes its place. */
  readonly next: string;
  readonly expiresAt: number;
  readonly ip: string;
}

/** Living sessions of one user; the longest unused one makes room for a new one. */
export const MAX_SESSIONS_PER_USER = 50;
/** `touch` is recorded no more often, unless the address changes. */
export const TOUCH_INTERVAL_MS = 60_000;

/**
 * Sign-ins. A session lives until `expiresAt` or until it is revoked, and is never found again after that. Every method is
 * one atomic decision; a resolved write is durable.
 */
export interface SessionStore {
  /** Returns the ids of sessions that were revoked because the user had `MAX_SESSIONS_PER_USER` living ones. */
  create(session: Session): Promise<readonly string[]>;

  /** The living session and its owner's account as they are now. Null when either is gone or expired. */
  withOwner(
    id: string,
    now: number,
  ): Promise<{ readonly session: Session; readonly account: Account } | null>;
  /** Which of these sessions live. */
  alive(ids: readonly string[], now: number): Promise<readonly string[]>;
  /** The user's living sessions, the latest used first. */
  listOf(userId: string, now: number): Promise<readonly Session[]>;

  /**
   * Uses up a refresh token. `ok`: `next` is the current one now. `reused`: `presented` was used up before, so somebody has a
   * copy, and the session is revoked. `gone`: there is no such living session. Of two calls with the same token one at most
   * is `ok`.
   */
  rotate(id: string, rotation: Rotation, now: number): Promise<'ok' | 'reused' | 'gone'>;
  /** Gives the living session a new refresh token and a new end, whatever the current ones are. False when it is gone. */
  renew(id: string, refreshId: string, expiresAt: number, now: number): Promise<boolean>;
  /** Replaces device and location. False when there is no such session. */
  setDevice(id: string, deviceId: string, location: Location | null): Promise<boolean>;
  /** Moves `lastSeen` forward (see `TOUCH_INTERVAL_MS`) and notes the address, where one is given. */
  touch(id: string, at: number, ip: string | null): Promise<void>;

  /** Ends those of the sessions that are the user's; says which. */
  revoke(userId: string, ids: readonly string[]): Promise<readonly string[]>;
  /** Ends all of the user's sessions but `exceptId`; says which. */
  revokeAllOf(userId: string, exceptId: string | null): Promise<readonly string[]>;
  /** Forgets sessions that had expired at `now`, at most `limit`; says how many. */
  removeExpired(now: number, limit: number): Promise<number>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const sessionReads = [
  'withOwner',
  'alive',
  'listOf',
] as const satisfies readonly (keyof SessionStore)[];
