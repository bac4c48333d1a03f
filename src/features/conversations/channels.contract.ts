import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Id, optional, Timestamp } from '../../kernel/schemas.ts';
import {
  Caption,
  ConversationName,
  ConversationRef,
  limits,
  MessageText,
  MessageType,
  TempId,
  UploadUrl,
} from './common.contract.ts';

/** D's channels. Ids are JSON numbers; both forms are accepted. */

export const Channel = z.object({
  id: z.number(),
  /** Of a direct one: the other's username. */
  name: z.string(),
  avatar: z.string().nullable(),
  type: z.enum(['direct', 'group']),
  /** Anyone may join (C's chats and E's rooms that were made by name). */
  public: z.boolean(),
  ownerId: z.number().nullable(),
  createdAt: Timestamp,
});
export type Channel = z.infer<typeof Channel>;

export const ChannelMessage = z.object({
  id: z.number(),
  type: MessageType,
  senderId: z.number(),
  senderName: z.string(),
  senderAvatar: z.string().nullable(),
  text: z.string(),
  url: z.string().nullable(),
  fileName: z.string().nullable(),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  channelId: z.number(),
});
export type ChannelMessage = z.infer<typeof ChannelMessage>;

const Text = z.object({ url: optional(z.never()), text: MessageText, tempId: optional(TempId) });
/** With an upload of the sender's own. */
const FileText = z.object({ url: UploadUrl, text: optional(Caption), tempId: optional(TempId) });

const PageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(limits.pageMax).default(limits.pageDefault),
  before: Id.optional(),
});

const Pagination = z.object({ limit: z.number(), before: z.number().nullable(), hasMore: z.boolean() });

const ChannelTarget = z.object({ channel_id: ConversationRef });
const ChannelPlace = z.object({ channel_id: z.number() });

/** One or several; an empty body or query is refused by the handler. */
const Users = z.object({ userId: Id.optional(), userIds: z.array(Id).max(limits.members).optional() });

const prefixes = ['/api/v1'] as const;
const byId = { params: z.object({ id: ConversationRef }), prefixes };

export const channelsContract = contractOf({
  name: 'channels',
  requests: {
    join_channel: request({ args: [ChannelTarget], ack: ChannelPlace }),
    /** Only this socket hears no more; `POST /channels/:id/leave` ends the membership. */
    leave_channel: request({ args: [ChannelTarget], ack: ChannelPlace }),
    /** Needs membership, not a join. */
    message: request({
      args: [
        z.object({
          type: z.literal('channel.message'),
          data: z.union([
            Text.extend({ channel_id: ConversationRef }),
            FileText.extend({ channel_id: ConversationRef }),
          ]),
        }),
      ],
      ack: z.object({ message: ChannelMessage }),
    }),
  },
  pushes: {
    joined_channel: ChannelPlace,
    /** Also when the membership ended, or the channel is gone. */
    left_channel: ChannelPlace,
    message: ChannelMessage,
  },
  routes: {
    'GET /channels': route({
      data: z.object({ direct: z.array(Channel), group: z.array(Channel) }),
      prefixes,
    }),
    /** `direct` takes exactly one other user, ignores `name`, and answers the existing channel on repeat. */
    'POST /channels': route({
      body: z.object({
        name: optional(z.string()),
        type: z.enum(['direct', 'group']),
        userIds: z.array(Id).max(limits.members).default([]),
      }),
      data: Channel,
      status: 201,
      prefixes,
    }),
    'GET /channels/:id': route({ ...byId, data: Channel }),
    /** Any member of a group, the owner of a public one; BAD_INPUT for a direct one. */
    'PUT /channels/:id': route({ ...byId, body: z.object({ name: ConversationName }), data: Channel }),
    /** The owner. */
    'DELETE /channels/:id': route(byId),
    /** The owner. Repeats succeed unchanged. */
    'POST /channels/:id/users': route({ ...byId, body: Users, data: Channel }),
    'DELETE /channels/:id/users': route({
      ...byId,
      body: Users,
      query: z.object({ userId: Id.optional() }),
      data: Channel,
    }),
    /** Leaving a direct channel hides it until the next message. */
    'POST /channels/:id/leave': route(byId),

    /** Newest first, without deleted ones. */
    'GET /messages/channel/:id': route({
      ...byId,
      query: PageQuery,
      data: z.array(ChannelMessage),
      pagination: Pagination,
    }),
    /** To a channel, or to a user, whose direct channel it opens. */
    'POST /messages': route({
      body: z.union([
        ...[Text, FileText].map((said) => said.extend({ channelId: ConversationRef })),
        ...[Text, FileText].map((said) => said.extend({ channelId: optional(z.never()), receiverId: Id })),
      ]),
      data: ChannelMessage,
      status: 201,
      prefixes,
    }),
    /** As a channel's; empty when the two have none. */
    'GET /messages/friend/:friendId': route({
      params: z.object({ friendId: Id }),
      query: PageQuery,
      data: z.array(ChannelMessage),
      pagination: Pagination,
      prefixes,
    }),
    'GET /messages/:id': route({ params: z.object({ id: Id }), data: ChannelMessage, prefixes }),
    /** The author, or the channel's owner. */
    'DELETE /messages/:id': route({ params: z.object({ id: Id }), prefixes }),

    /** Stored members, at most 1 000; `connected`: has a socket and is not invisible. */
    'GET /ws/channels/:channelId/members': route({
      params: z.object({ channelId: ConversationRef }),
      data: z.array(
        z.object({
          id: z.number(),
          username: z.string(),
          avatar: z.string().nullable(),
          connected: z.boolean(),
          joinedAt: Timestamp,
        }),
      ),
      prefixes,
    }),
    /** Stores a `system` message. Administrators, who need no membership. */
    'POST /ws/channels/:channelId/broadcast': route({
      params: z.object({ channelId: ConversationRef }),
      body: z.object({ text: MessageText }),
      data: ChannelMessage,
      access: 'admin',
      prefixes,
    }),
  },
});
