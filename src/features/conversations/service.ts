import type { Clock } from '../../kernel/clock.ts';
import type { Deliveries } from '../../kernel/deliveries.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Limiter } from '../../kernel/limiter.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import type { Peers } from '../../kernel/peers.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { UploadDesk } from '../uploads/contract.ts';
import { createAccess } from './access.ts';
import type { Attendance } from './attendance.ts';
import { createBlockers } from './blockers.ts';
import type { ConversationPushes } from './broadcast.ts';
import type { ConversationFacts } from './contract.ts';
import type { ConversationStore } from './conversations.ts';
import { createDelivery } from './delivery.ts';
import { createHistory } from './history.ts';
import { createJoining } from './joining.ts';
import { createMembers } from './members.ts';
import type { MessageStore } from './messages.ts';
import { shownMessages } from './messages.shown.ts';
import { createMessaging } from './messaging.ts';
import { createOpenings } from './openings.ts';
import { createSync } from './sync.ts';
import { createTyping } from './typing.ts';
import { createWriter } from './writer.ts';

export interface ConversationNeeds {
  readonly conversations: ConversationStore;
  readonly messages: MessageStore;
  readonly attendance: Attendance;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
  readonly blocks: { idsBlocking(userId: string): Promise<readonly string[]> };
  /** Who has a socket and is not invisible. */
  readonly presence: { onlineAmong(userIds: readonly string[]): Promise<readonly string[]> };
  readonly limiter: Limiter;
  readonly outbox: Outbox<ConversationPushes>;
  readonly deliveries: Deliveries;
  readonly peers: Peers;
  readonly facts: Facts<ConversationFacts>;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly owner: string;
  readonly uploadDesk: UploadDesk;
  readonly config: { readonly openRooms: boolean; readonly editWindowMs: number };
}

/** A public conversation that nobody has open for so long, and in which nobody ever wrote, goes. */
const DESERTED_MS = 5 * 60_000;
const SWEPT_AT_ONCE = 200;

/** The one conversation model behind three dialects: rules that know no event and no route. */
export function createConversations(given: ConversationNeeds) {
  const needs = { ...given, messages: shownMessages(given.messages, given.uploadDesk) };
  const { conversations, attendance, clock } = needs;
  const access = createAccess(needs);
  const openings = createOpenings(needs.deliveries);
  const blockers = createBlockers(needs.blocks, clock);
  const hiddenFrom = (userId: string) => blockers.of(userId);
  const joining = createJoining({ ...needs, access, openings });
  const writer = createWriter({
    ...needs,
    hiddenFrom,
    onStored: (conversation, { message: { id: messageId, seq, senderId } }) =>
      void needs.facts.announce('message.posted', {
        conversationId: conversation.id,
        messageId,
        seq,
        senderId,
      }),
  });
  const messaging = createMessaging({ ...needs, access, openings, writer });
  return {
    access,
    openings,
    blockers,
    joining,
    messaging,
    members: createMembers({ ...needs, access, joining }),
    history: createHistory({ ...needs, access, messaging }),
    sync: createSync({ ...needs, access }),
    typing: createTyping({ ...needs, hiddenFrom }),
    delivery: createDelivery({ ...needs, openings, joining }),

    /** For the one worker that has the role. */
    async removeDeserted(): Promise<void> {
      const now = clock.now();
      const ids = await conversations.deserted(now - DESERTED_MS, SWEPT_AT_ONCE);
      const counts = await attendance.counts(ids);
      await conversations.touch(
        ids.filter((_, index) => counts[index]! > 0),
        now,
      );
      for (const [index, id] of ids.entries()) {
        if (counts[index] === 0) await conversations.remove(id);
      }
    },
  };
}

export type Conversations = ReturnType<typeof createConversations>;
