import type { Audience } from '../../kernel/audience.ts';
import type { Clock } from '../../kernel/clock.ts';
import { userOf } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf } from '../../kernel/feature.ts';
import { holdRole, type Leases } from '../../kernel/leases.ts';
import type { Logger } from '../../kernel/logger.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { ModerationFacts } from '../moderation/contract.ts';
import { matchingContract, type PairRelay } from './contract.ts';
import { createMatching, type MatchingNeeds } from './service.ts';

/** Widened entries meet, and lost partners are told of, within this. */
const COLLECT_MS = 200;
const BLOCKS_RETRY_MS = 1_000;

interface Needs extends MatchingNeeds {
  readonly audience: Audience;
  readonly clock: Clock;
  readonly facts: Facts<ModerationFacts>;
  readonly leases: Leases;
  readonly logger: Logger;
  readonly pairs: PairRelay<(typeof matchingContract)['pushes']>;
}

export const matchingFeature = featureOf(matchingContract)((needs: Needs) => {
  const matching = createMatching(needs);
  needs.facts.on('user.blocked', ({ by, userId }) => matching.block(by, userId));
  needs.audience.add(async (userId) => {
    const partner = await needs.pool.partnerOf(userId);
    return partner?.partnerConnectionId ? [roomOf('seat', partner.partnerConnectionId)] : [];
  });

  function catchUpOnBlocks(): void {
    matching.catchUpOnBlocks().catch((error: unknown) => {
      if (error instanceof AppError && error.code === 'UNAVAILABLE') return;
      needs.logger.warn('error', 'matches of those who blocked each other could not be ended yet', { error });
    });
  }

  return {
    requests: {
      'user:match': (connection, options) => matching.match(connection, userOf(connection), options ?? {}),
      'user:match:cancel': (connection) => matching.cancel(connection),
      'user:leave': (connection) => matching.leave(connection),
      async 'chat:clear'(connection) {
        await needs.pairs.send(connection.id, 'chat:clear', ({ matchId, from }) => ({ matchId, from }));
      },
    },
    routes: {},
    async connected(connection) {
      matching.listen(connection);
      if (connection.identity.kind === 'user') await matching.arrive(connection, connection.identity);
    },
    async identified(connection, before) {
      const { identity } = connection;
      if (identity.kind !== 'user') return;
      if (before.kind === 'user') {
        if (before.id === identity.id) return;
        await matching.depart(connection);
      }
      await matching.arrive(connection, identity);
    },
    async disconnected(connection) {
      if (connection.identity.kind === 'user') await matching.depart(connection);
    },
    async restate() {
      await matching.restate();
      catchUpOnBlocks();
    },
    start(lifecycle) {
      lifecycle.onStop('catching up on blocks', needs.clock.every(BLOCKS_RETRY_MS, catchUpOnBlocks));
      lifecycle.onStop(
        'match collector',
        holdRole(needs, 'match-collector', COLLECT_MS, () => matching.collect()),
      );
    },
  };
});
