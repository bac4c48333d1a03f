import type { Audience } from '../../kernel/audience.ts';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf } from '../../kernel/feature.ts';
import { holdRole, type Leases } from '../../kernel/leases.ts';
import type { Logger } from '../../kernel/logger.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { AccountFacts } from '../accounts/contract.ts';
import type { PairTalk } from '../matching/contract.ts';
import type { ModerationFacts } from '../moderation/contract.ts';
import { dialectRoom, dialects } from './broadcast.ts';
import { channelsDialect } from './channels.ts';
import { chatDialect } from './chat.ts';
import { conversationsContract, type ConversationFacts } from './contract.ts';
import { roomsDialect } from './rooms.ts';
import { createConversations, type ConversationNeeds } from './service.ts';

/** While Redis is away what was published is lost to other workers: rights are asked about more often. */
const RIGHTS_MS = 5_000;
/** What was not delivered is found within this, and within FILL_AFTER_MS more where a number is in doubt. */
const DELIVERY_MS = 15_000;
const DEPARTURES_MS = 500;
const DESERTED_CHECK_MS = 60_000;
/** Others in direct and group conversations who are told of a user's presence. */
const PEERS = 1_000;

interface Needs extends ConversationNeeds {
  readonly audience: Audience;
  readonly facts: Facts<ConversationFacts & AccountFacts & ModerationFacts>;
  readonly leases: Leases;
  readonly logger: Logger;
  readonly pairTalk: PairTalk;
}

export const conversationsFeature = featureOf(conversationsContract)((needs: Needs) => {
  const { conversations, attendance, audience, facts, clock, logger } = needs;
  const talk = createConversations(needs);
  const [chat, channels, rooms] = [
    chatDialect(talk, needs),
    channelsDialect(talk),
    roomsDialect(talk, needs),
  ];
  let seenDepartures = 0;
  let checkedAt = clock.now();

  audience.add(async (userId) => {
    const [peers, open] = await Promise.all([
      conversations.peersOf(userId, PEERS),
      attendance.openBy(userId),
    ]);
    return [
      ...peers.map((id) => roomOf('user', id)),
      ...open.flatMap((id) => dialects.map((dialect) => dialectRoom(dialect, id))),
    ];
  });
  facts.on('account.removed', async ({ userIds }) => {
    for (const conversationId of await conversations.forget(userIds)) {
      await facts.announce('conversation.removed', { conversationId });
    }
  });
  facts.on('user.blocked', ({ userId }) => talk.blockers.forget(userId));

  function deliver() {
    checkedAt = clock.now();
    return talk.delivery.run().catch((error: unknown) => {
      logger.warn('error', 'what was not delivered could not be found yet', { error });
    });
  }

  return {
    requests: { ...chat.requests, ...channels.requests, ...rooms.requests },
    routes: { ...chat.routes, ...channels.routes, ...rooms.routes },
    identified: (connection, before) => talk.joining.identified(connection, before),
    async disconnected(connection) {
      talk.typing.depart(connection);
      await talk.joining.depart(connection);
    },
    restate: deliver,
    start(lifecycle) {
      lifecycle.onStop(
        'delivery',
        clock.every(RIGHTS_MS, () => {
          if (!needs.outbox.isUp() || clock.now() - checkedAt >= DELIVERY_MS) void deliver();
        }),
      );
      lifecycle.onStop(
        'room departures',
        holdRole(needs, 'room-departures', DEPARTURES_MS, async () => {
          seenDepartures = await talk.joining.announceDepartures(seenDepartures);
        }),
      );
      lifecycle.onStop(
        'deserted rooms',
        holdRole(needs, 'deserted-rooms', DESERTED_CHECK_MS, () => talk.removeDeserted()),
      );
    },
  };
});
