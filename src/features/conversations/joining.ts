import type { Connection, Identity } from '../../kernel/connection.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import type { Peers } from '../../kernel/peers.ts';
import { roomOf } from '../../kernel/rooms.ts';
import { isOpen, noConversation, type Access } from './access.ts';
import type { Attendance, Departure } from './attendance.ts';
import { dialectRoom, type ConversationPushes, type Dialect } from './broadcast.ts';
import type { Conversation, ConversationStore, Membership } from './conversations.ts';
import type { MessageStore, Position } from './messages.ts';
import type { Opening, Openings } from './openings.ts';
import { refOf } from './render.ts';

export interface JoiningNeeds {
  readonly access: Access;
  readonly openings: Openings;
  readonly attendance: Attendance;
  readonly conversations: Pick<ConversationStore, 'find' | 'join'>;
  readonly messages: Pick<MessageStore, 'positions'>;
  readonly outbox: Outbox<ConversationPushes>;
  readonly peers: Peers;
  readonly clock: { now(): number };
  readonly owner: string;
}

export interface Joined {
  readonly conversation: Conversation;
  /** Null for sockets without an account. */
  readonly membership: Membership | null;
  readonly position: Position;
  /** Users who have it open. */
  readonly count: number;
}

/** Who lost the right to a conversation. */
interface Ended {
  readonly conversationId: string;
  /** All of their sockets have been told. */
  readonly userIds: readonly string[];
  /** Nobody has it any more: it is gone. */
  readonly isGone: boolean;
}

const placeOf = (conversationId: string) => ({ channel_id: Number(conversationId) });

/** Opens and closes conversations for sockets of this worker, and says who came and went. */
export function createJoining(needs: JoiningNeeds) {
  const { access, openings, attendance, conversations, messages, outbox } = needs;

  async function positionOf(conversationId: string): Promise<Position> {
    const [position] = await messages.positions([conversationId]);
    if (!position) throw noConversation();
    return position;
  }

  function tellRoom(event: 'room_joined' | 'room_left', ref: string, { conversationId, ...who }: Departure) {
    const body = { roomId: ref, userId: who.userId, username: who.username, memberCount: who.count };
    outbox.push(dialectRoom('room', conversationId), event, body);
  }

  /** The socket's user is in there; says so, unless another socket of the user was already. */
  async function enter({ connection, conversation }: Opening): Promise<number> {
    const { id: userId, username } = connection.identity;
    const place = { conversationId: conversation.id, connectionId: connection.id };
    const { first, count } = await attendance.enter({ ...place, userId, username, owner: needs.owner });
    if (first) tellRoom('room_joined', refOf(conversation), { ...place, userId, username, count });
    return count;
  }

  async function exit({ connection, conversation }: Opening): Promise<void> {
    const departure = await attendance.leave(conversation.id, connection.id);
    if (departure) tellRoom('room_left', refOf(conversation), departure);
  }

  async function closeAll(opening: Opening): Promise<void> {
    for (const dialect of [...opening.from.keys()]) openings.close(opening, dialect);
    await exit(opening);
  }

  needs.peers.hear('conversations:ended', ({ conversationId, userIds, isGone }: Ended) => {
    for (const opening of openings.socketsIn(conversationId)) {
      const isTold = userIds.includes(opening.connection.identity.id);
      if (!isTold && !isGone) continue;
      if (!isTold) opening.connection.emit('left_channel', placeOf(conversationId));
      // Out of the rooms at once; a worker that cannot say so to the shared state does when that is back.
      closeAll(opening).catch(() => {});
    }
  });

  function tellEnded(ended: Ended) {
    const { conversationId, userIds } = ended;
    // Not to the conversation's own rooms: sockets here would be out of them before the adapter pushes.
    outbox.push(
      userIds.map((id) => roomOf('user', id)),
      'left_channel',
      placeOf(conversationId),
    );
    needs.peers.tell('conversations:ended', ended);
  }

  return {
    closeAll,

    /** Checks the right, joins, and checks again: a right that ends meanwhile withdraws what the socket just got. */
    async join(connection: Connection, dialect: Dialect, ref: string): Promise<Joined> {
      const who = connection.identity;
      const { conversation, membership: before } = await access.orMade(ref, who, connection.ip);
      const start = await positionOf(conversation.id);
      openings.open(connection, dialect, conversation, start.upTo);
      const opening = openings.find(connection, conversation.id)!;
      try {
        if (who.kind === 'user' && !before && isOpen(conversation)) {
          await conversations.join(conversation.id, [who.id], needs.clock.now(), start.upTo);
        }
        const [{ membership }, position] = await Promise.all([
          access.visible(conversation.id, who),
          positionOf(conversation.id),
        ]);
        const count = await enter(opening);
        // Whoever took the socket out a moment ago did not find it in there yet.
        if (!opening.from.has(dialect)) throw noConversation();
        return { conversation, membership, position, count };
      } catch (error) {
        if (openings.close(opening, dialect).closed) await exit(opening).catch(() => {});
        throw error;
      }
    },

    /** Without effect where the socket had not opened it so. */
    async leave(connection: Connection, dialect: Dialect, ref: string): Promise<void> {
      const opening = openings.find(connection, ref);
      if (!opening?.from.has(dialect)) return;
      if (openings.close(opening, dialect).closed) await exit(opening);
    },

    /** The socket is gone. */
    async depart(connection: Connection): Promise<void> {
      await Promise.all(openings.by(connection).map(closeAll));
    },

    /** The socket speaks for somebody else now: keeps open what the new user may see, as that user. */
    async identified(connection: Connection, before: Identity): Promise<void> {
      if (before.id === connection.identity.id) return;
      for (const opening of openings.by(connection)) {
        const { conversation } = opening;
        await exit(opening);
        const found = await conversations.find(conversation.id, connection.identity.id);
        if (!found || (!found.membership && !isOpen(conversation))) {
          for (const dialect of [...opening.from.keys()]) openings.close(opening, dialect);
          continue;
        }
        if (connection.identity.kind === 'user' && !found.membership) {
          const { upTo } = await positionOf(conversation.id);
          await conversations.join(conversation.id, [connection.identity.id], needs.clock.now(), upTo);
        }
        await enter(opening);
      }
    },

    /** Takes the sockets of these users out on every node, in all dialects, and says so to all of their sockets. */
    end(conversationId: string, userIds: readonly string[]): void {
      tellEnded({ conversationId, userIds, isGone: false });
    },

    /** As `end`, and whoever else has it open too. */
    endAll(conversationId: string, memberIds: readonly string[]): void {
      tellEnded({ conversationId, userIds: memberIds, isGone: true });
    },

    /** For the one worker that has the role: says who went with a worker that was killed. Answers the number to ask from next. */
    async announceDepartures(seen: number): Promise<number> {
      const { departures, last } = await attendance.departures(seen);
      for (const departure of departures) {
        const found = await conversations.find(departure.conversationId, '');
        if (!found) continue;
        const ref = refOf(found.conversation);
        tellRoom('room_left', ref, departure);
        // Who came back meanwhile was announced before it was said here that they left.
        const isBack = (await attendance.openBy(departure.userId)).includes(departure.conversationId);
        if (isBack) tellRoom('room_joined', ref, { ...departure, count: departure.count + 1 });
      }
      return last;
    },
  };
}

export type Joining = ReturnType<typeof createJoining>;
