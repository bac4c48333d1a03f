import type { Authenticator } from '../../kernel/auth.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Connection, Connections, Identity } from '../../kernel/connection.ts';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf, type RouteCall } from '../../kernel/feature.ts';
import type { Ids } from '../../kernel/ids.ts';
import { holdRole, type Leases } from '../../kernel/leases.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import type { Peers } from '../../kernel/peers.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { AccountStore } from './accounts.ts';
import { accountsContract, type AccountFacts } from './contract.ts';
import { createDisconnects } from './disconnects.ts';
import { createLiveSessions } from './live-sessions.ts';
import { createPasswords } from './passwords.ts';
import { createProfiles, RENAMED, type ProfileNeeds, type Renamed } from './profiles.ts';
import { randomText } from './random-text.ts';
import { greeting, ownUser, sessionInfo, socketUser } from './render.ts';
import { createRevocations } from './revocations.ts';
import { createAccounts, type SignedIn } from './service.ts';
import type { SessionStore } from './sessions.ts';
import { createTokens, type TokenSecrets } from './tokens.ts';

const EXPIRY_CHECK_MS = 1_000;
const SESSION_CHECK_MS = 60_000;
const SWEEP_MS = 60_000;
/** Rows that one write of the sweeper removes, so that others get their turn. */
const SWEEP_ROWS = 500;

export interface AccountNeeds {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly auth: Authenticator;
  /** Who has a socket and is not invisible; and how many sockets somebody has. */
  readonly presence: {
    onlineAmong(userIds: readonly string[]): Promise<readonly string[]>;
    connectionsOf(userId: string): Promise<number>;
  };
  readonly blocks: ProfileNeeds['blocks'];
  readonly uploadDesk: ProfileNeeds['uploadDesk'];
  readonly config: {
    readonly nodeId: string;
    readonly jwt: TokenSecrets & {
      readonly expiresInSeconds: number;
      readonly refreshExpiresInSeconds: number;
    };
  };
  /** Of bcrypt; left out, what production takes. */
  readonly passwordCost?: number;
  readonly workerName: string;
  readonly connections: Connections;
  readonly outbox: Pick<Outbox, 'endAll' | 'isUp'>;
  readonly peers: Pick<Peers, 'tell' | 'hear'>;
  readonly facts: Facts<AccountFacts>;
  readonly leases: Leases;
  readonly owner: string;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly logger: Logger;
}

export const accountsFeature = featureOf(accountsContract)((needs: AccountNeeds) => {
  const { accounts, sessions, auth, presence, config, facts, clock, logger } = needs;
  const revocations = createRevocations(needs);
  const service = createAccounts({
    ...needs,
    revocations,
    passwords: createPasswords(needs.passwordCost),
    tokens: createTokens(config.jwt, clock),
    tokenLifeMs: config.jwt.expiresInSeconds * 1000,
    refreshLifeMs: config.jwt.refreshExpiresInSeconds * 1000,
    randomText,
  });
  const live = createLiveSessions(needs);
  const profiles = createProfiles(needs);
  const disconnects = createDisconnects({ ...needs, revocations });

  const isOnline = async (userId: string) => (await presence.onlineAmong([userId])).length > 0;

  async function credentials({ account, token, refreshToken, expiresAt }: SignedIn, { renderId }: RouteCall) {
    logger.info('auth', 'credentials issued', { userId: account.id, guest: account.guest });
    const user = ownUser(account, await isOnline(account.id), renderId);
    return { token, refreshToken, expiresAt: new Date(expiresAt).toISOString(), user };
  }

  function enterRooms(connection: Connection) {
    const { identity } = connection;
    connection.join(roomOf('user', identity.id));
    if (identity.kind === 'user' && identity.sessionId !== null) {
      connection.join(roomOf('session', identity.sessionId));
    }
  }

  function leaveRooms(connection: Connection, { identity: now }: { identity: Identity }, before: Identity) {
    if (before.id !== now.id) connection.leave(roomOf('user', before.id));
    if (before.kind !== 'user' || before.sessionId === null) return;
    const isSameSession = now.kind === 'user' && now.sessionId === before.sessionId;
    if (!isSameSession) connection.leave(roomOf('session', before.sessionId));
  }

  async function sweep(): Promise<void> {
    let removed: readonly string[];
    do {
      removed = await accounts.removeExpiredGuests(clock.now(), SWEEP_ROWS);
      if (removed.length > 0) await facts.announce('account.removed', { userIds: removed });
    } while (removed.length === SWEEP_ROWS);
    while ((await sessions.removeExpired(clock.now(), SWEEP_ROWS)) === SWEEP_ROWS);
  }

  return {
    requests: {
      async authenticate(connection, given) {
        const identity = await auth.verify(typeof given === 'string' ? given : given.token);
        connection.identify(identity);
        connection.emit('authenticated', { userId: Number(identity.id) });
        return { user: socketUser(identity) };
      },
    },

    routes: {
      'POST /auth/register': async (call) =>
        credentials(await service.register(call.body, call, call.identity), call),
      'POST /auth/login': async (call) => credentials(await service.login(call.body, call), call),
      'POST /auth/guest': async (call) =>
        credentials(await service.guest(call.body.username ?? undefined, call), call),
      'POST /auth/refresh': async (call) =>
        credentials(await service.refresh(call.body.refreshToken, call), call),
      async 'GET /auth/me'({ identity, renderId }) {
        const account = await service.me(identity!);
        return { user: ownUser(account, await isOnline(account.id), renderId) };
      },
      async 'PATCH /users/me'({ identity, body, renderId }) {
        const account = await profiles.change(identity!.id, body);
        return { user: ownUser(account, await isOnline(account.id), renderId) };
      },
      async 'GET /users/search'({ identity, query, renderId }) {
        const found = await profiles.search(identity!.id, query.q);
        return { users: found.map((user) => ({ ...user, id: renderId(user.id) })), count: found.length };
      },
      'DELETE /ws/users/:userId': ({ params, query }) =>
        disconnects.disconnect(params.userId, query.revoke === 'true'),
      'POST /auth/logout': ({ identity }) => service.logout(identity!),
      'POST /auth/logout-all': async ({ identity }) => ({
        revoked: await service.logoutEverywhere(identity!),
      }),
      'POST /auth/password': ({ identity, body }) => service.changePassword(identity!, body),
      async 'GET /users/sessions'({ identity }) {
        const { sessionId } = identity!;
        return {
          sessions: (await service.sessionsOf(identity!)).map((session) => sessionInfo(session, sessionId)),
        };
      },
      'DELETE /users/sessions/:id': ({ identity, params }) => service.revokeSession(identity!, params.id),
      async 'POST /users/device'({ identity, body: { deviceId, location = null } }) {
        await service.setDevice(identity!, deviceId, location);
        return { deviceId, location };
      },
    },

    async connected(connection) {
      enterRooms(connection);
      const { identity } = connection;
      if (identity.kind === 'user') {
        if (await live.endIfRevoked(connection, identity)) return;
        // For the list of sessions only: nobody waits for it.
        if (identity.sessionId !== null) {
          sessions.touch(identity.sessionId, clock.now(), connection.ip).catch(() => {});
        }
      }
      const body = greeting(connection.id, identity, {
        nodeId: config.nodeId,
        workerId: needs.workerName,
        now: clock.now(),
      });
      connection.emit('connection:established', body);
      connection.emit('connected', body);
    },

    async identified(connection, before) {
      leaveRooms(connection, connection, before);
      enterRooms(connection);
      if (connection.identity.kind === 'user') await live.endIfRevoked(connection, connection.identity);
    },

    start(lifecycle) {
      needs.peers.hear(RENAMED, (news: Renamed) => live.rename(news));
      lifecycle.onStop(
        'token expiry',
        clock.every(EXPIRY_CHECK_MS, () => live.endExpired()),
      );
      lifecycle.onStop(
        'session check',
        clock.every(SESSION_CHECK_MS, () => {
          live
            .catchUp()
            .catch((error: unknown) => logger.warn('error', 'sessions could not be checked', { error }));
        }),
      );
      lifecycle.onStop('accounts sweeper', holdRole(needs, 'accounts-sweeper', SWEEP_MS, sweep));
    },
  };
});
