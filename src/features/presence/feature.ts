import type { Clock } from '../../kernel/clock.ts';
import { userOf } from '../../kernel/connection.ts';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf, Paged } from '../../kernel/feature.ts';
import { holdRole, type Leases } from '../../kernel/leases.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { AccountFacts } from '../accounts/contract.ts';
import { presenceContract } from './contract.ts';
import { createPresence, type PresenceNeeds } from './service.ts';

const SWEEP_MS = 500;

interface Needs extends PresenceNeeds {
  readonly facts: Facts<AccountFacts>;
  readonly clock: Clock;
  readonly leases: Leases;
  readonly logger: Logger;
}

export const presenceFeature = featureOf(presenceContract)((needs: Needs) => {
  const presence = createPresence(needs);
  const listOf = async <T>(users: Promise<readonly T[]>) => {
    const list = [...(await users)];
    return { users: list, count: list.length };
  };

  needs.facts.on('profile.changed', (fact) => presence.tellProfile(fact));

  return {
    requests: {
      async update_status(connection, status) {
        const user = userOf(connection);
        await presence.setStatus(user, status);
        return { status };
      },
    },
    routes: {
      'GET /users/online': () => listOf(presence.online()),
      'GET /users/available': ({ identity }) => listOf(presence.available(identity!)),
      async 'GET /ws/users'({ query: { limit, after = null }, renderId }) {
        const { users, hasMore } = await presence.onlinePage(after, limit);
        return new Paged(
          users.map((user) => ({ ...user, id: renderId(user.id) })),
          { limit, after: after === null ? null : renderId(after), hasMore },
        );
      },
      'GET /users/stats': () => presence.stats(),
    },
    async connected(connection) {
      if (connection.identity.kind === 'user') await presence.arrive(connection, connection.identity);
    },
    async identified(connection, before) {
      const { identity } = connection;
      if (identity.kind !== 'user') return;
      if (before.kind === 'user' && before.id !== identity.id) await presence.depart(connection, before);
      await presence.arrive(connection, identity);
    },
    async disconnected(connection) {
      if (connection.identity.kind === 'user') await presence.depart(connection, connection.identity);
    },
    start(lifecycle) {
      lifecycle.onStop(
        'presence sweeper',
        holdRole(needs, 'presence-sweeper', SWEEP_MS, () => presence.announceDepartures()),
      );
    },
  };
});
