import type { Connection } from '../../kernel/connection.ts';
import type { Deliveries } from '../../kernel/deliveries.ts';
import { AppError } from '../../kernel/errors.ts';
import { dialectRoom, type Dialect } from './broadcast.ts';
import { limits } from './contract.ts';
import type { Conversation } from './conversations.ts';

/** A socket of this worker that has a conversation open. */
export interface Opening {
  readonly connection: Connection;
  readonly conversation: Conversation;
  /** For each dialect it was opened by, the number up to which the socket is owed nothing. */
  readonly from: Map<Dialect, number>;
}

/**
 * What the sockets of this worker have open. An opening is no right: the right is asked of the store at every event, and an opening is
 * withdrawn as soon as this worker hears that the right is gone.
 */
export function createOpenings(deliveries: Deliveries) {
  const ofConversation = new Map<string, Map<string, Opening>>();
  const ofConnection = new Map<string, Map<string, Opening>>();

  function remove({ connection, conversation }: Opening) {
    for (const [outer, key, inner] of [
      [ofConversation, conversation.id, connection.id],
      [ofConnection, connection.id, conversation.id],
    ] as const) {
      const rest = outer.get(key);
      rest?.delete(inner);
      if (rest?.size === 0) outer.delete(key);
    }
  }

  const socketsIn = (conversationId: string): readonly Opening[] => [
    ...(ofConversation.get(conversationId)?.values() ?? []),
  ];

  return {
    socketsIn,
    /** Every conversation that some socket here has open. */
    conversationIds: (): readonly string[] => [...ofConversation.keys()],
    by: (connection: Connection): readonly Opening[] => [
      ...(ofConnection.get(connection.id)?.values() ?? []),
    ],
    /** By id or handle. */
    find(connection: Connection, ref: string): Opening | undefined {
      const open = ofConnection.get(connection.id);
      return (
        open?.get(ref) ?? [...(open?.values() ?? [])].find(({ conversation }) => conversation.handle === ref)
      );
    },

    /** From now on the socket gets what is pushed, and is owed what comes after `from`. Opening again changes nothing. */
    open(connection: Connection, dialect: Dialect, conversation: Conversation, from: number): void {
      const open = ofConnection.get(connection.id) ?? new Map<string, Opening>();
      let opening = open.get(conversation.id);
      if (!opening) {
        if (open.size >= limits.openPerSocket) {
          throw new AppError(
            'CONFLICT',
            `You have ${limits.openPerSocket} conversations open. Leave one first.`,
          );
        }
        opening = { connection, conversation, from: new Map() };
        const sockets = ofConversation.get(conversation.id) ?? new Map<string, Opening>();
        ofConversation.set(conversation.id, sockets.set(connection.id, opening));
        ofConnection.set(connection.id, open.set(conversation.id, opening));
      }
      if (opening.from.has(dialect)) return;
      opening.from.set(dialect, from);
      const room = dialectRoom(dialect, conversation.id);
      deliveries.follow(room, from);
      connection.join(room);
    },

    /** `closed`: no dialect is left. */
    close(opening: Opening, dialect: Dialect): { closed: boolean } {
      const { connection, conversation, from } = opening;
      const room = dialectRoom(dialect, conversation.id);
      from.delete(dialect);
      connection.leave(room);
      if (from.size === 0) remove(opening);
      if (!socketsIn(conversation.id).some((other) => other.from.has(dialect))) deliveries.unfollow(room);
      return { closed: from.size === 0 };
    },
  };
}

export type Openings = ReturnType<typeof createOpenings>;
