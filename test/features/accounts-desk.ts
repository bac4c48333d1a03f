import { createAuthenticator } from '../../src/features/accounts/authenticator.ts';
import type { AccountFacts } from '../../src/features/accounts/contract.ts';
import { createPasswords } from '../../src/features/accounts/passwords.ts';
import { createRevocations } from '../../src/features/accounts/revocations.ts';
import { createAccounts, type Origin, type SignedIn } from '../../src/features/accounts/service.ts';
import { createTokens } from '../../src/features/accounts/tokens.ts';
import type { UserIdentity } from '../../src/kernel/connection.ts';
import { createFacts } from '../../src/kernel/facts.ts';
import { createIds } from '../../src/kernel/ids.ts';
import type { Room } from '../../src/kernel/rooms.ts';
import { fakeClock } from '../contracts/fake-clock.ts';
import type { StorageUnderTest } from '../contracts/storage-backends.ts';

export const DAY_MS = 24 * 60 * 60 * 1000;
export const from: Origin = { ip: '192.0.2.1', userAgent: 'a browser' };

export const jwtConfig = {
  secret: 'the secret of these tests, long enough',
  previousSecret: 'the secret of before, long enough too',
  refreshSecret: 'the refresh secret of these tests',
  previousRefreshSecret: 'the refresh secret of before',
  trustExternal: false,
  expiresInSeconds: 7 * 24 * 60 * 60,
  refreshExpiresInSeconds: 30 * 24 * 60 * 60,
};

/** The accounts feature without a network: one clock, its rules, and what they told the sockets. */
export function accountsDesk(
  { stores }: StorageUnderTest,
  admin: { emails: string[]; apiKey?: string } = { emails: [] },
  jwt = jwtConfig,
) {
  const clock = fakeClock();
  const ids = createIds(clock, 1);
  const facts = createFacts<AccountFacts>();
  const endedRooms: Room[] = [];
  const revoked: string[] = [];
  facts.on('session.revoked', ({ sessionIds }) => void revoked.push(...sessionIds));
  const outbox = { endAll: (room: Room) => void endedRooms.push(room) };
  const revocations = createRevocations({ ...stores, outbox, facts, clock });
  const passwords = createPasswords(4);
  const tokens = createTokens(jwtConfig, clock);
  const guestNames: string[] = [];
  const randomText = (length: number) => (guestNames.shift() ?? ids.next()).slice(-length);
  const auth = createAuthenticator({ config: { jwt, admin }, ports: stores, ids, clock, randomText });
  const rules = createAccounts({
    ...stores,
    passwords,
    tokens,
    tokenLifeMs: jwtConfig.expiresInSeconds * 1000,
    refreshLifeMs: jwtConfig.refreshExpiresInSeconds * 1000,
    revocations,
    ids,
    clock,
    randomText,
  });

  return {
    stores,
    clock,
    ids,
    facts,
    outbox,
    /** Rooms whose sockets were ended, in order. */
    endedRooms,
    /** Sessions that were announced as revoked, in order. */
    revoked,
    passwords,
    tokens,
    auth,
    rules,
    /** What chance gives next for names. */
    guestNames,
    register: (name: string) =>
      rules.register({ username: name, email: `${name}@example.org`, password: 'Password123' }, from, null),
    login: (name: string, password = 'Password123', origin = from) =>
      rules.login({ email: `${name}@example.org`, password }, origin),
    whoIs: ({ token }: SignedIn): Promise<UserIdentity> => auth.verify(token),
    lives: async ({ token }: SignedIn): Promise<boolean> =>
      auth.verify(token).then(
        () => true,
        () => false,
      ),
  };
}

export type Desk = ReturnType<typeof accountsDesk>;
