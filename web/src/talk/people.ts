import type { Session } from '../session/session.ts';
import type { ChatDetails, ChatInfo, PublicUser } from './state.ts';

/** What is asked over HTTP: who there is, and what a conversation consists of. Every method may throw `ApiError`. */
export interface People {
  /** Users whose name begins so; at least two characters. */
  find(text: string): Promise<readonly PublicUser[]>;
  /** The one direct conversation with a user. */
  direct(userId: string): Promise<ChatInfo>;
  group(name: string, userIds: readonly string[]): Promise<ChatInfo>;
  details(chatId: string): Promise<ChatDetails>;
  rename(channelId: number, name: string): Promise<void>;
  add(channelId: number, userIds: readonly string[]): Promise<void>;
  remove(channelId: number, userId: string): Promise<void>;
  /** A direct conversation is only hidden until the next message. */
  leave(channelId: number): Promise<void>;
}

const prefix = '/api/v1';

export function createPeople(session: Pick<Session, 'call'>): People {
  const at = (channelId: number) => ({ params: { id: String(channelId) }, prefix }) as const;
  return {
    async find(text) {
      const { users } = await session.call('GET /users/search', { query: { q: text } });
      return users.map(({ id, username, avatar }) => ({ id: String(id), username, avatar }));
    },
    direct: (userId) => session.call('POST /conversations', { body: { userId } }),
    group: (name, userIds) => session.call('POST /conversations', { body: { name, userIds: [...userIds] } }),
    details: (id) => session.call('GET /conversations/:id', { params: { id } }),
    async rename(channelId, name) {
      await session.call('PUT /channels/:id', { ...at(channelId), body: { name } });
    },
    async add(channelId, userIds) {
      await session.call('POST /channels/:id/users', {
        ...at(channelId),
        body: { userIds: [...userIds] },
      });
    },
    async remove(channelId, userId) {
      await session.call('DELETE /channels/:id/users', { ...at(channelId), query: { userId } });
    },
    async leave(channelId) {
      await session.call('POST /channels/:id/leave', at(channelId));
    },
  };
}
