import { userOf } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Behaviour } from '../../kernel/feature.ts';
import type { PairTalk } from '../matching/contract.ts';
import type { ChatInfo, chatContract } from './chat.contract.ts';
import { contentOf } from './content.ts';
import type { Listed, Place } from './history.ts';
import type { Joined } from './joining.ts';
import type { Shown } from './messaging.ts';
import { chatMessage, iso, refOf } from './render.ts';
import { Reply } from '../../kernel/feature.ts';
import type { Conversations } from './service.ts';

const show = ({ conversation, message, sender }: Shown, tempId?: string) =>
  chatMessage(conversation, message, sender, tempId);

function joinedBody({ conversation, membership, position }: Joined) {
  const { upTo: lastSeq, floor, epoch } = position;
  const { type, name } = conversation;
  return {
    chatId: refOf(conversation),
    type,
    name,
    lastSeq,
    floor,
    epoch,
    readSeq: membership?.readSeq ?? 0,
  };
}

function info({ conversation, membership, peer, position, unread, latest }: Listed): ChatInfo {
  const { id, type, ownerId, createdAt, name } = conversation;
  return {
    id: refOf(conversation),
    channelId: Number(id),
    type,
    name: type === 'direct' ? (peer?.username ?? '') : name,
    avatar: peer?.avatar ?? null,
    ownerId,
    createdAt: iso(createdAt),
    peer,
    lastSeq: position.upTo,
    readSeq: membership?.readSeq ?? 0,
    unread,
    lastMessage: latest && show(latest),
  };
}

/** C's chats, and what our page needs beside them. */
export function chatDialect(
  talk: Conversations,
  needs: { readonly pairTalk: PairTalk },
): Pick<Behaviour<typeof chatContract>, 'requests' | 'routes'> {
  const { joining, messaging, members, history, openings } = talk;

  return {
    requests: {
      async 'chat:join'(connection, ref) {
        const joined = joinedBody(await joining.join(connection, 'chat', ref));
        connection.emit('chat:joined', joined);
        return joined;
      },
      async 'chat:leave'(connection, ref) {
        await joining.leave(connection, 'chat', ref);
        return { chatId: ref };
      },
      async 'chat:message'(connection, said) {
        if (typeof said.chatId !== 'string') return needs.pairTalk.say(connection.id, said);
        const { chatId: ref, tempId } = said;
        const sent = await messaging.sendFrom(connection, ref, contentOf(said));
        void talk.typing.stop(connection, sent.conversation);
        const message = show(sent, tempId ?? undefined);
        return {
          chatId: message.chatId,
          id: message.id,
          seq: message.seq,
          ...(tempId && { tempId }),
          message,
        };
      },
      async 'chat:typing'(connection, { chatId, isTyping }) {
        const { conversation } =
          openings.find(connection, chatId) ?? (await talk.access.member(chatId, connection.identity));
        await (isTyping ? talk.typing.start : talk.typing.stop)(connection, conversation);
      },
      'chat:read': async (connection, { chatId, messageId }) => ({
        readSeq: await messaging.read(userOf(connection), chatId, messageId),
      }),
      'chat:reaction': async (connection, { messageId, reaction }) => ({
        reactions: await messaging.react(userOf(connection), messageId, reaction),
      }),
      'chat:reaction:remove': async (connection, { messageId, reaction }) => ({
        reactions: await messaging.unreact(userOf(connection), messageId, reaction),
      }),
      'chat:edit': async (connection, { messageId, content }) => ({
        message: show(await messaging.edit(userOf(connection), messageId, content)),
      }),
      'chat:delete': (connection, { messageId }) => messaging.remove(userOf(connection), messageId),
      'chat:sync': async (connection, { conversations }) => ({
        conversations: await talk.sync.sync(userOf(connection), conversations),
      }),
    },

    routes: {
      'GET /conversations': async ({ identity }) => ({
        conversations: (await history.list(identity!)).map(info),
      }),
      async 'POST /conversations'({ identity, body }) {
        if ('userId' in body) {
          const { conversation, created } = await members.openDirect(identity!, body.userId);
          return new Reply(created ? 201 : 200, info(await history.one(identity!, conversation.id)));
        }
        const { id } = await members.createGroup(identity!, body.name, body.userIds);
        return info(await history.one(identity!, id));
      },
      async 'GET /conversations/:id'({ identity, params }) {
        const one = await history.one(identity!, params.id);
        return { ...info(one), ...(await members.list(one.conversation.id)) };
      },
      async 'GET /conversations/:id/messages'({ identity, params, query }) {
        const { conversation } = await talk.access.visible(params.id, identity!);
        const seqOf = (messageId: string | undefined, field: string) =>
          messageId === undefined ? undefined : messaging.seqOf(conversation, messageId, field);
        const before = query.beforeSeq ?? (await seqOf(query.before, 'before'));
        const after = query.afterSeq ?? (await seqOf(query.after, 'after'));
        const around = query.aroundSeq ?? (await seqOf(query.around, 'around'));
        const place: Place | null =
          before !== undefined
            ? { before }
            : after !== undefined
              ? { after }
              : around !== undefined
                ? { around }
                : null;
        const page = await history.around(identity!, conversation.id, place, query.limit);
        if (!page.position) throw new AppError('NOT_FOUND', 'There is no such conversation.');
        const { moreBefore, moreAfter, position } = page;
        const { upTo: lastSeq, floor, epoch } = position;
        return {
          messages: page.messages.map((one) => show(one)),
          moreBefore,
          moreAfter,
          lastSeq,
          floor,
          epoch,
        };
      },
    },
  };
}
