import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Id, PresenceStatus, PublicUser, RenderedId } from '../../kernel/schemas.ts';

const UserList = z.object({ users: z.array(PublicUser), count: z.number() });

export const limits = { usersPage: 100, usersPageMax: 1000 } as const;

export const presenceContract = contractOf({
  name: 'presence',
  requests: {
    /** `offline` makes invisible: others see offline, messages and calls still arrive. Outlives a reconnect. */
    update_status: request({ args: [PresenceStatus], ack: z.object({ status: PresenceStatus }) }),
  },
  pushes: {
    /** What changed of a user, to all of the user's own sockets and to those who may see it. */
    user_updated: z.looseObject({
      userId: z.string(),
      status: PresenceStatus.optional(),
      username: z.string().optional(),
      displayName: z.string().nullable().optional(),
      bio: z.string().nullable().optional(),
      avatar: z.string().nullable().optional(),
    }),
    user_online: z.string(),
    /** Five seconds after the last socket went, if none came back. */
    user_offline: z.string(),
  },
  routes: {
    'GET /users/online': route({ data: UserList }),
    /** Online, without a seat, not the caller, no block either way. */
    'GET /users/available': route({ data: UserList }),
    /** Who has a socket on any node and is not invisible, by id; `after`: the last id of the page before. */
    'GET /ws/users': route({
      query: z.object({
        limit: z.coerce.number().int().min(1).max(limits.usersPageMax).default(limits.usersPage),
        after: Id.optional(),
      }),
      data: z.array(PublicUser.extend({ id: RenderedId })),
      pagination: z.object({ limit: z.number(), after: RenderedId.nullable(), hasMore: z.boolean() }),
      prefixes: ['/api/v1'],
    }),
    'GET /users/stats': route({
      data: z.object({
        totalUsers: z.number(),
        onlineUsers: z.number(),
        waitingUsers: z.number(),
        activeMatches: z.number(),
      }),
      access: 'anyone',
      bucket: 'exempt',
    }),
  },
});
