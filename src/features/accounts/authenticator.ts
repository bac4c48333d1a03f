import { createHash, timingSafeEqual } from 'node:crypto';
import type { Authenticator } from '../../kernel/auth.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { emailKeyOf, type AccountStore } from './accounts.ts';
import { createExternals } from './externals.ts';
import { TOUCH_INTERVAL_MS, type SessionStore } from './sessions.ts';
import { createTokens, unusableToken, type TokenSecrets } from './tokens.ts';

export interface AuthenticatorNeeds {
  readonly config: {
    readonly jwt: TokenSecrets & { readonly trustExternal: boolean };
    readonly admin: { readonly emails: readonly string[]; readonly apiKey?: string };
  };
  readonly ports: {
    readonly accounts: Pick<AccountStore, 'byId' | 'byExternalId' | 'create'>;
    readonly sessions: Pick<SessionStore, 'withOwner' | 'touch'>;
  };
  readonly ids: Ids;
  readonly clock: { now(): number };
  /** So many characters of a–z and 0–9, by chance. */
  readonly randomText: (length: number) => string;
}

/** Accepts our own tokens, each for as long as its session lives; and those of others, where the settings say so. */
export function createAuthenticator(needs: AuthenticatorNeeds): Authenticator {
  const { config, ports, clock } = needs;
  const { accounts, sessions } = ports;
  const externals = config.jwt.trustExternal ? createExternals({ ...needs, accounts }) : undefined;
  const tokens = createTokens(config.jwt, clock);
  const adminEmails = new Set(config.admin.emails.map(emailKeyOf));

  return {
    async verify(token) {
      const external = externals && tokens.external(token);
      if (external) return externals.identityOf(external);
      const { userId, sessionId, expiresAt } = tokens.verifyAccess(token);
      const now = clock.now();
      const found = await sessions.withOwner(sessionId, now);
      if (!found) throw new AppError('UNAUTHENTICATED', 'This session has ended. Sign in again.');
      const { session, account } = found;
      if (account.id !== userId) throw unusableToken();
      if (session.lastSeen <= now - TOUCH_INTERVAL_MS) {
        // Only for the list of sessions: nobody waits for it, and the next request notes it just as well.
        sessions.touch(sessionId, now, null).catch(() => {});
      }
      const { id, username, avatar, guest, status } = account;
      return { kind: 'user', id, username, avatar, guest, status, sessionId, expiresAt };
    },

    subjectOfRefreshToken(token) {
      try {
        return tokens.verifyRefresh(token).userId;
      } catch {
        return undefined;
      }
    },

    async isAdmin({ apiKey, identity }) {
      const expected = config.admin.apiKey;
      if (apiKey !== undefined && expected !== undefined && isSame(apiKey, expected)) return true;
      if (!identity) return false;
      const account = await accounts.byId(identity.id);
      if (!account?.adminConfirmed || account.email === null) return false;
      return adminEmails.has(emailKeyOf(account.email));
    },
  };
}

/** In a time that tells nothing about either: digests have one length. */
function isSame(one: string, other: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(one), digest(other));
}
