import type { UserIdentity } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import { isRevoked, newAccount, type Account, type AccountStore } from './accounts.ts';
import { limits, Username } from './contract.ts';
import type { ExternalClaims } from './tokens.ts';

interface Needs {
  readonly accounts: Pick<AccountStore, 'byExternalId' | 'create'>;
  readonly ids: Ids;
  readonly clock: { now(): number };
  /** So many characters of a–z and 0–9, by chance. */
  readonly randomText: (length: number) => string;
}

const SUFFIX_LENGTH = 6;
/** Of 2 · 10⁹ suffixes one that is taken comes once in a while, never often. */
const TRIES = 5;

/** Users whose tokens another service signs with the shared secret (CONTRACT 11). */
export function createExternals({ accounts, ids, clock, randomText }: Needs) {
  /** Of two processes that see a user first at the same moment one makes the account; the other finds it. */
  async function accountOf({ externalId, name }: ExternalClaims): Promise<Account> {
    const { full, stem } = nameFrom(name);
    for (let tries = 0; tries < TRIES; tries++) {
      const known = await accounts.byExternalId(externalId);
      if (known) return known;
      const username = tries === 0 && full !== undefined ? full : `${stem}-${randomText(SUFFIX_LENGTH)}`;
      const account = { ...newAccount(ids.next(), username, clock.now()), externalId };
      try {
        await accounts.create(account);
        return account;
      } catch (error) {
        if (!(error instanceof AppError) || error.code !== 'CONFLICT') throw error;
      }
    }
    throw new AppError('UNAVAILABLE', 'No account could be made for this token. Try again.');
  }

  return {
    /** Makes the user's account at first sight. @throws UNAUTHENTICATED when the user's tokens have been revoked */
    async identityOf(claims: ExternalClaims): Promise<UserIdentity> {
      const { id, username, avatar, guest, status, tokensFrom } = await accountOf(claims);
      const { issuedAt, expiresAt } = claims;
      if (isRevoked(issuedAt, tokensFrom)) {
        throw new AppError('UNAUTHENTICATED', 'This token has been revoked. Sign in again.');
      }
      return { kind: 'user', id, username, avatar, guest, status, sessionId: null, issuedAt, expiresAt };
    },
  };
}

/** What is left of a foreign name within our rules: as a whole, where that is a name, and with room for a suffix. */
function nameFrom(name = ''): { readonly full: string | undefined; readonly stem: string } {
  const clean = name
    .slice(0, 2 * limits.usernameMax)
    .normalize('NFKC')
    .replaceAll(/[^\p{L}\p{N}_.-]+/gu, '_')
    .replaceAll(/^_+|_+$/g, '');
  // Where half of a letter is left over, it goes.
  const cut = (length: number) => clean.slice(0, length).replace(/\p{Cs}$/u, '');
  return {
    full: Username.safeParse(cut(limits.usernameMax)).data,
    stem: cut(limits.usernameMax - SUFFIX_LENGTH - 1) || 'user',
  };
}
