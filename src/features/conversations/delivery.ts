import type { Deliveries } from '../../kernel/deliveries.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import { dialectRoom, dialects, pushOf, type Dialect } from './broadcast.ts';
import type { ConversationStore } from './conversations.ts';
import type { Joining } from './joining.ts';
import type { Message, MessageStore, Position } from './messages.ts';
import type { Opening, Openings } from './openings.ts';
import { sendersOf } from './profiles.ts';

export interface DeliveryNeeds {
  readonly openings: Openings;
  readonly deliveries: Deliveries;
  readonly joining: Pick<Joining, 'closeAll'>;
  readonly conversations: Pick<ConversationStore, 'admitted'>;
  readonly messages: Pick<MessageStore, 'positions' | 'since'>;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
}

/** Conversations that one question to the store is about, and messages that it brings. */
const BATCH = 200;

/**
 * What a lost publish or a killed worker kept from sockets of this worker, found by comparing with the store. Clients that know no
 * numbers (D, E) lose nothing while they are connected because of this.
 */
export function createDelivery(needs: DeliveryNeeds) {
  const { openings, deliveries, messages } = needs;

  /** Takes out the sockets whose right has ended: whoever is out gets nothing below. */
  async function withdraw(): Promise<void> {
    const all = openings.conversationIds().flatMap((id) => openings.socketsIn(id));
    const keyOf = (conversationId: string, userId: string) => `${conversationId}/${userId}`;
    const pairs = new Map(
      all.map(({ conversation, connection: { identity } }) => [
        keyOf(conversation.id, identity.id),
        { conversationId: conversation.id, userId: identity.id },
      ]),
    );
    const admitted = new Set<string>();
    for (const batch of batches([...pairs.values()])) {
      for (const { conversationId, userId } of await needs.conversations.admitted(batch)) {
        admitted.add(keyOf(conversationId, userId));
      }
    }
    for (const opening of all) {
      const key = keyOf(opening.conversation.id, opening.connection.identity.id);
      // Somebody else's by now: that right was checked when it changed hands.
      if (!pairs.has(key) || admitted.has(key)) continue;
      opening.connection.emit('left_channel', { channel_id: Number(opening.conversation.id) });
      await needs.joining.closeAll(opening).catch(() => {});
    }
  }

  const reached = (conversationId: string, dialect: Dialect) =>
    deliveries.reached(dialectRoom(dialect, conversationId));

  function lowest(conversationId: string): number | undefined {
    const numbers = dialects.flatMap((dialect) => reached(conversationId, dialect) ?? []);
    return numbers.length === 0 ? undefined : Math.min(...numbers);
  }

  function hand(message: Message, sender: PublicUser, dialect: Dialect, sockets: readonly Opening[]) {
    for (const { connection, conversation, from } of sockets) {
      const owedFrom = from.get(dialect);
      if (owedFrom === undefined || owedFrom >= message.seq) continue;
      if (message.hiddenFrom.includes(connection.identity.id)) continue;
      const { event, body } = pushOf(dialect, conversation, message, sender);
      connection.emit(event, body);
    }
  }

  async function catchUp({ conversationId }: Position): Promise<void> {
    for (;;) {
      const after = lowest(conversationId);
      if (after === undefined) return;
      const page = await messages.since(conversationId, after, { limit: BATCH, reader: '' });
      if (!page) return;
      const senderOf = await sendersOf(needs.accounts, page.messages);
      const sockets = openings.socketsIn(conversationId);
      for (const dialect of dialects) {
        const room = dialectRoom(dialect, conversationId);
        for (const message of page.messages) {
          if (!deliveries.take(room, message.seq) || message.deletedAt !== null) continue;
          hand(message, senderOf(message), dialect, sockets);
        }
        // What the page does not have up to here is void.
        deliveries.settle(room, page.upTo);
      }
      if (!page.more) return;
    }
  }

  async function sweep(): Promise<void> {
    await withdraw();
    for (const ids of batches(openings.conversationIds())) {
      for (const position of await messages.positions(ids)) {
        const after = lowest(position.conversationId);
        // The head, not the decided prefix: a hole that nobody asks about would stay one.
        if (after !== undefined && position.head > after) await catchUp(position);
      }
    }
  }

  let running: Promise<void> | undefined;
  return {
    /** One at a time: whoever asks while it runs waits for a run that begins afterwards. */
    async run(): Promise<void> {
      await running?.catch(() => {});
      await (running ??= sweep().finally(() => (running = undefined)));
    },
  };
}

function* batches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += BATCH) yield items.slice(at, at + BATCH);
}
