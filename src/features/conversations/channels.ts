import { userOf, type UserIdentity } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import { Paged, Reply, type Behaviour } from '../../kernel/feature.ts';
import type { Channel, channelsContract } from './channels.contract.ts';
import { ConversationName } from './common.contract.ts';
import type { Listed } from './history.ts';
import type { Shown } from './messaging.ts';
import { contentInD } from './content.ts';
import { channelMessage, iso } from './render.ts';
import type { Conversations } from './service.ts';

const show = ({ message, sender }: Shown) => channelMessage(message, sender);

function channel({ conversation, peer }: Listed): Channel {
  const { id, type, name, ownerId, createdAt } = conversation;
  const isDirect = type === 'direct';
  return {
    id: Number(id),
    name: isDirect ? (peer?.username ?? '') : name,
    avatar: peer?.avatar ?? null,
    type: isDirect ? 'direct' : 'group',
    public: type === 'public' || type === 'stream',
    ownerId: ownerId === null ? null : Number(ownerId),
    createdAt: iso(createdAt),
  };
}

/** D documents `userId` and `userIds`, and for DELETE the query too. */
function usersOf(given: {
  userId?: string | undefined;
  userIds?: readonly string[] | undefined;
}): readonly string[] {
  const ids = [...new Set([...(given.userId === undefined ? [] : [given.userId]), ...(given.userIds ?? [])])];
  if (ids.length > 0) return ids;
  throw new AppError('BAD_INPUT', 'Name a user.', { userId: 'or userIds is required' });
}

function groupName(name: string | null | undefined): string {
  const parsed = ConversationName.safeParse(name ?? '');
  if (parsed.success) return parsed.data;
  const problem = parsed.error.issues[0]!.message;
  throw new AppError('BAD_INPUT', `name: ${problem}`, { name: problem });
}

/** D's channels. */
export function channelsDialect(
  talk: Conversations,
): Pick<Behaviour<typeof channelsContract>, 'requests' | 'routes'> {
  const { joining, messaging, members, history } = talk;

  const one = async (who: UserIdentity, ref: string) => channel(await history.one(who, ref));

  async function page(
    who: UserIdentity,
    ref: string,
    { limit, before }: { limit: number; before?: string | undefined },
  ) {
    const { messages, more } = await history.newest(who, ref, before, limit);
    return new Paged(messages.map(show), pagination(limit, before, more));
  }

  const pagination = (limit: number, before: string | undefined, hasMore: boolean) => ({
    limit,
    before: before === undefined ? null : Number(before),
    hasMore,
  });

  return {
    requests: {
      async join_channel(connection, { channel_id: ref }) {
        const { conversation } = await joining.join(connection, 'channel', ref);
        const place = { channel_id: Number(conversation.id) };
        connection.emit('joined_channel', place);
        return place;
      },
      async leave_channel(connection, { channel_id: ref }) {
        const { conversation } = await talk.access.visible(ref, connection.identity);
        await joining.leave(connection, 'channel', conversation.id);
        const place = { channel_id: Number(conversation.id) };
        connection.emit('left_channel', place);
        return place;
      },
      async message(connection, { data }) {
        return {
          message: show(await messaging.sendAs(userOf(connection), data.channel_id, contentInD(data))),
        };
      },
    },

    routes: {
      async 'GET /channels'({ identity }) {
        const all = (await history.list(identity!)).map(channel);
        return {
          direct: all.filter(({ type }) => type === 'direct'),
          group: all.filter(({ type }) => type === 'group'),
        };
      },
      async 'POST /channels'({ identity, body: { name, type, userIds } }) {
        if (type === 'group') {
          const { id } = await members.createGroup(identity!, groupName(name), userIds);
          return one(identity!, id);
        }
        const [other, ...more] = new Set(userIds);
        if (other === undefined || more.length > 0) {
          throw new AppError('BAD_INPUT', 'A direct channel is with one other user.', {
            userIds: 'must be exactly one',
          });
        }
        const { conversation, created } = await members.openDirect(identity!, other);
        return new Reply(created ? 201 : 200, await one(identity!, conversation.id));
      },
      'GET /channels/:id': ({ identity, params }) => one(identity!, params.id),
      async 'PUT /channels/:id'({ identity, params, body }) {
        const { id } = await members.rename(identity!, params.id, body.name);
        return one(identity!, id);
      },
      'DELETE /channels/:id': ({ identity, params }) => members.remove(identity!, params.id),
      async 'POST /channels/:id/users'({ identity, params, body }) {
        const { id } = await members.add(identity!, params.id, usersOf(body));
        return one(identity!, id);
      },
      async 'DELETE /channels/:id/users'({ identity, params, body, query }) {
        const { id } = await members.expel(identity!, params.id, usersOf({ ...body, ...query }));
        return one(identity!, id);
      },
      'POST /channels/:id/leave': ({ identity, params }) => members.leave(identity!, params.id),

      'GET /messages/channel/:id': ({ identity, params, query }) => page(identity!, params.id, query),
      async 'POST /messages'({ identity, body }) {
        const ref =
          typeof body.channelId === 'string'
            ? body.channelId
            : (await members.openDirect(identity!, body.receiverId)).conversation.id;
        return show(await messaging.sendAs(identity!, ref, contentInD(body)));
      },
      async 'GET /messages/friend/:friendId'({ identity, params: { friendId }, query }) {
        const direct = await members.directWith(identity!, friendId);
        if (direct) return page(identity!, direct.id, query);
        return new Paged([], pagination(query.limit, query.before, false));
      },
      'GET /messages/:id': async ({ identity, params }) =>
        show(await messaging.message(identity!, params.id)),
      'DELETE /messages/:id': ({ identity, params }) => messaging.remove(identity!, params.id),

      async 'GET /ws/channels/:channelId/members'({ identity, params }) {
        const { conversation } = await talk.access.member(params.channelId, identity!);
        return (await members.withPresence(conversation.id)).map(({ user, joinedAt, connected }) => ({
          id: Number(user.id),
          username: user.username,
          avatar: user.avatar,
          connected,
          joinedAt: iso(joinedAt),
        }));
      },
      async 'POST /ws/channels/:channelId/broadcast'({ params, body }) {
        const conversation = await members.anyOf(params.channelId);
        return show(await messaging.announce(conversation, body.text));
      },
    },
  };
}
