import { userOf } from '../../kernel/connection.ts';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf } from '../../kernel/feature.ts';
import type { AccountFacts } from '../accounts/contract.ts';
import { moderationContract, type ModerationFacts } from './contract.ts';
import { createModeration, type ModerationNeeds } from './service.ts';

interface Needs extends ModerationNeeds {
  readonly facts: Facts<ModerationFacts & AccountFacts>;
}

export const moderationFeature = featureOf(moderationContract)((needs: Needs) => {
  const moderation = createModeration(needs);
  needs.facts.on('account.removed', ({ userIds }) => needs.blocks.forget(userIds));
  return {
    requests: {
      async 'user:block'(connection, target) {
        return {
          userId: await moderation.block(connection.id, userOf(connection).id, target?.userId ?? undefined),
        };
      },
      async 'user:report'(connection, { userId, reason, details }) {
        const report = { reason, ...(userId && { userId }), ...(details && { details }) };
        return { reportId: await moderation.report(connection.id, userOf(connection).id, report) };
      },
    },
    routes: {
      async 'GET /admin/reports'({ query: { limit, before } }) {
        return { reports: await moderation.reports(limit, before ?? null) };
      },
      async 'GET /users/blocked'({ identity }) {
        const users = [...(await moderation.blockedBy(identity!.id))];
        return { users, count: users.length };
      },
      async 'DELETE /users/blocked/:id'({ identity, params }) {
        await moderation.unblock(identity!.id, params.id);
      },
    },
  };
});
