import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { newAccount, type Account, type AccountStore } from './accounts.ts';
import type { Passwords } from './passwords.ts';
import type { Revocations } from './revocations.ts';
import type { Location, Session, SessionStore } from './sessions.ts';
import { newRefreshId, unusableToken, type Tokens } from './tokens.ts';

export const GUEST_LIFE_MS = 24 * 60 * 60 * 1000;
const GUEST_NAME_LENGTH = 6;
/** Of 2 · 10⁹ names one that is taken comes once in a while, never often. */
const GUEST_NAME_TRIES = 5;

export interface AccountsNeeds {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly passwords: Passwords;
  readonly tokens: Tokens;
  readonly tokenLifeMs: number;
  readonly refreshLifeMs: number;
  readonly revocations: Revocations;
  readonly ids: Ids;
  readonly clock: { now(): number };
  /** So many characters of a–z and 0–9, by chance. */
  readonly randomText: (length: number) => string;
}

/** Where a sign-in comes from. */
export interface Origin {
  readonly ip: string;
  readonly userAgent: string;
}

/** Whom a request acts for, as far as the rules need to know. */
export interface Caller {
  readonly id: string;
  /** Null with a token that another service signed. */
  readonly sessionId: string | null;
  readonly guest: boolean;
}

export interface SignedIn {
  readonly account: Account;
  readonly sessionId: string;
  readonly token: string;
  readonly refreshToken: string;
  /** When `token` ends; milliseconds since the epoch. */
  readonly expiresAt: number;
}

const wrongCredentials = () => new AppError('UNAUTHENTICATED', 'E-mail or password is wrong.');
const gone = () => new AppError('UNAUTHENTICATED', 'This account is gone.');

/** Registration, sign-in and sessions: CONTRACT 10 and 11. */
export function createAccounts(needs: AccountsNeeds) {
  const { accounts, sessions, passwords, tokens, revocations, ids, clock } = needs;

  /** When a session that is signed in or refreshed now ends: not before its token, and not after a guest's account. */
  function sessionEnd({ expiresAt }: Account): number {
    const end = clock.now() + Math.max(needs.refreshLifeMs, needs.tokenLifeMs);
    return expiresAt === null ? end : Math.min(end, expiresAt);
  }

  function credentials(
    account: Account,
    sessionId: string,
    refreshId: string,
    sessionEndsAt: number,
  ): SignedIn {
    const claims = { userId: account.id, sessionId };
    const end = Math.min(clock.now() + needs.tokenLifeMs, sessionEndsAt);
    const expiresAt = Math.floor(end / 1000) * 1000;
    return {
      account,
      sessionId,
      token: tokens.signAccess({ ...claims, expiresAt }),
      refreshToken: tokens.signRefresh({ ...claims, refreshId, expiresAt: sessionEndsAt }),
      expiresAt,
    };
  }

  async function signIn(account: Account, { ip, userAgent }: Origin): Promise<SignedIn> {
    const now = clock.now();
    const session: Session = {
      id: ids.next(),
      userId: account.id,
      ip,
      userAgent,
      deviceId: null,
      location: null,
      createdAt: now,
      lastSeen: now,
      expiresAt: sessionEnd(account),
      refreshId: newRefreshId(),
    };
    await revocations.ended(account.id, await sessions.create(session));
    return credentials(account, session.id, session.refreshId, session.expiresAt);
  }

  /** The guest's id and session go on; its old tokens end when they would have. */
  async function convert(
    guest: Caller,
    registration: { username: string; email: string; passwordHash: string },
    from: Origin,
  ) {
    const account = await accounts.convertGuest(guest.id, registration, clock.now());
    if (!account) throw new AppError('CONFLICT', 'This guest account is registered already.');
    const [refreshId, end] = [newRefreshId(), sessionEnd(account)];
    const { sessionId } = guest;
    if (sessionId === null || !(await sessions.renew(sessionId, refreshId, end, clock.now()))) {
      return signIn(account, from);
    }
    return credentials(account, sessionId, refreshId, end);
  }

  return {
    /**
     * @param caller a guest who registers keeps id and session
     * @throws CONFLICT with `fields.username`, `fields.email` or both
     */
    async register(
      { username, email, password }: { username: string; email: string; password: string },
      from: Origin,
      caller: Caller | null,
    ): Promise<SignedIn> {
      const passwordHash = await passwords.hash(password);
      if (caller?.guest) return convert(caller, { username, email, passwordHash }, from);
      const account = { ...newAccount(ids.next(), username, clock.now()), email, passwordHash };
      await accounts.create(account);
      return signIn(account, from);
    },

    /** @throws UNAUTHENTICATED, the same and after the same time, for an unknown address and a wrong password */
    async login({ email, password }: { email: string; password: string }, from: Origin): Promise<SignedIn> {
      const account = await accounts.byEmail(email);
      const matches = await passwords.matches(password, account?.passwordHash ?? null);
      if (!account || !matches) throw wrongCredentials();
      const signedIn = await signIn(account, from);
      // A password change that ended all sessions while this one was being made must not leave it alive.
      const now = await accounts.byId(account.id);
      if (now?.passwordHash === account.passwordHash) return signedIn;
      await revocations.ended(account.id, await sessions.revoke(account.id, [signedIn.sessionId]));
      throw wrongCredentials();
    },

    /** @throws CONFLICT with `fields.username` when the wanted name is taken */
    async guest(username: string | undefined, from: Origin): Promise<SignedIn> {
      for (let tries = 1; ; tries++) {
        const name = username ?? `guest-${needs.randomText(GUEST_NAME_LENGTH)}`;
        const now = clock.now();
        const account = {
          ...newAccount(ids.next(), name, now),
          ...{ guest: true, expiresAt: now + GUEST_LIFE_MS },
        };
        try {
          await accounts.create(account);
        } catch (error) {
          const isTaken = error instanceof AppError && error.code === 'CONFLICT';
          if (isTaken && username === undefined && tries < GUEST_NAME_TRIES) continue;
          throw error;
        }
        return signIn(account, from);
      }
    },

    /** @throws UNAUTHENTICATED; a token that was used before ends the session */
    async refresh(refreshToken: string, { ip }: Origin): Promise<SignedIn> {
      const { userId, sessionId, refreshId } = tokens.verifyRefresh(refreshToken);
      const found = await sessions.withOwner(sessionId, clock.now());
      if (!found || found.account.id !== userId) throw unusableToken();
      const { account } = found;
      const [next, expiresAt] = [newRefreshId(), sessionEnd(account)];
      const outcome = await sessions.rotate(
        sessionId,
        { presented: refreshId, next, expiresAt, ip },
        clock.now(),
      );
      if (outcome === 'ok') return credentials(account, sessionId, next, expiresAt);
      if (outcome === 'reused') await revocations.ended(userId, [sessionId]);
      throw unusableToken();
    },

    async me(caller: Caller): Promise<Account> {
      const account = await accounts.byId(caller.id);
      if (!account) throw gone();
      return account;
    },

    /** Without a session there is only the user to tell tokens by: all of before end. */
    async logout(caller: Caller): Promise<void> {
      if (caller.sessionId === null) return revocations.externalTokens(caller.id);
      await revocations.ended(caller.id, await sessions.revoke(caller.id, [caller.sessionId]));
    },

    /** Returns how many sessions ended, the caller's among them. */
    async logoutEverywhere(caller: Caller): Promise<number> {
      if (caller.sessionId === null) await revocations.externalTokens(caller.id);
      return revocations.sessionsOf(caller.id, null);
    },

    /** @throws BAD_INPUT with `fields.current` when it is wrong, FORBIDDEN for those who have none */
    async changePassword(
      caller: Caller,
      { current, next }: { current: string; next: string },
    ): Promise<void> {
      const account = await accounts.byId(caller.id);
      if (!account) throw gone();
      if (account.passwordHash === null) {
        throw new AppError('FORBIDDEN', 'This account has no password.');
      }
      if (!(await passwords.matches(current, account.passwordHash))) {
        throw new AppError('BAD_INPUT', 'The current password is wrong.', { current: 'is wrong' });
      }
      await accounts.setPassword(caller.id, await passwords.hash(next));
      await revocations.sessionsOf(caller.id, caller.sessionId);
    },

    sessionsOf: (caller: Caller): Promise<readonly Session[]> => sessions.listOf(caller.id, clock.now()),

    /** @throws NOT_FOUND for a session that is not the caller's own */
    async revokeSession(caller: Caller, sessionId: string): Promise<void> {
      const revoked = await sessions.revoke(caller.id, [sessionId]);
      if (revoked.length === 0) throw new AppError('NOT_FOUND', 'There is no such session.');
      await revocations.ended(caller.id, revoked);
    },

    /** @throws FORBIDDEN with a token that has no session */
    async setDevice(caller: Caller, deviceId: string, location: Location | null): Promise<void> {
      if (caller.sessionId === null) {
        throw new AppError('FORBIDDEN', 'This token was not issued here: it has no session.');
      }
      if (!(await sessions.setDevice(caller.sessionId, deviceId, location))) throw gone();
    },
  };
}

export type Accounts = ReturnType<typeof createAccounts>;
