import type { Connection } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Behaviour } from '../../kernel/feature.ts';
import { isOpen } from './access.ts';
import type { Attendance } from './attendance.ts';
import { limits } from './contract.ts';
import type { Conversation } from './conversations.ts';
import { contentOf } from './content.ts';
import { iso, refOf, roomMessage } from './render.ts';
import type { roomsContract } from './rooms.contract.ts';
import type { Conversations } from './service.ts';

/** Nobody: what a request without a token may see is what everybody may. */
const ANYBODY = { id: '' };

/** E's rooms. */
export function roomsDialect(
  talk: Conversations,
  needs: { readonly attendance: Pick<Attendance, 'users'> },
): Pick<Behaviour<typeof roomsContract>, 'requests' | 'routes'> {
  const { joining, messaging, openings, typing } = talk;

  /** A public room must have been joined by the socket; elsewhere membership is enough. */
  async function entered(connection: Connection, ref: string): Promise<Conversation> {
    const opening = openings.find(connection, ref);
    if (opening) return opening.conversation;
    const { conversation } = await talk.access.visible(ref, connection.identity);
    if (isOpen(conversation)) throw new AppError('FORBIDDEN', 'Join the room first.');
    return conversation;
  }

  return {
    requests: {
      async join_room(connection, ref) {
        const { conversation, position, count } = await joining.join(connection, 'room', ref);
        const { name } = conversation;
        return { roomId: refOf(conversation), name, memberCount: count, lastSeq: position.upTo };
      },
      async leave_room(connection, ref) {
        await joining.leave(connection, 'room', ref);
        return { roomId: ref };
      },
      async send_message(connection, said) {
        const { id } = await entered(connection, said.roomId);
        const sent = await messaging.sendFrom(connection, id, contentOf(said));
        void typing.stop(connection, sent.conversation);
        return { message: roomMessage(sent.conversation, sent.message, sent.sender) };
      },
      typing_start: async (connection, ref) => typing.start(connection, await entered(connection, ref)),
      typing_stop: async (connection, ref) => typing.stop(connection, await entered(connection, ref)),
    },

    routes: {
      async 'GET /rooms/:id'({ identity, params }) {
        const { conversation } = await talk.access.visible(params.id, identity ?? ANYBODY);
        const { users, count } = await needs.attendance.users(conversation.id, limits.membersShown);
        return {
          id: refOf(conversation),
          name: conversation.name,
          type: conversation.type,
          memberCount: count,
          members: users.map(({ userId, username }) => ({ userId, username })),
          createdAt: iso(conversation.createdAt),
        };
      },
    },
  };
}
