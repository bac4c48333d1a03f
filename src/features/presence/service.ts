import type { Audience } from '../../kernel/audience.ts';
import type { Connection, UserIdentity } from '../../kernel/connection.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { PresenceStatus, PublicUser } from '../../kernel/schemas.ts';
import type { AccountFacts } from '../accounts/contract.ts';
import type { presenceContract } from './contract.ts';
import type { Roster } from './roster.ts';

/** The most users that a list answers; `count` is of the list. */
const LIST_LIMIT = 1000;

type Pushes = (typeof presenceContract)['pushes'];

export interface PresenceNeeds {
  readonly roster: Roster;
  readonly accounts: {
    byIds(ids: readonly string[]): Promise<readonly PublicUser[]>;
    setStatus(userId: string, status: PresenceStatus): Promise<void>;
    seen(userId: string, at: number): Promise<void>;
    count(): Promise<number>;
  };
  readonly matches: {
    seated(userIds: readonly string[]): Promise<readonly string[]>;
    counts(): Promise<{ waiting: number; matches: number }>;
  };
  readonly blocks: { betweenAny(userId: string, others: readonly string[]): Promise<readonly string[]> };
  readonly audience: Audience;
  readonly outbox: Pick<Outbox<Pushes>, 'push'>;
  readonly clock: { now(): number };
  readonly owner: string;
}

export function createPresence(needs: PresenceNeeds) {
  const { roster, accounts, audience, outbox, clock } = needs;
  /** Number of the last departure that was announced. */
  let seen = 0;

  async function pushToOthers<E extends keyof Pushes & string>(
    userId: string,
    event: E,
    body: Parameters<typeof outbox.push<E>>[2],
  ) {
    const rooms = await audience.of(userId);
    // Who shares an open room with others shares it with the own other sockets.
    if (rooms.length > 0) outbox.push(rooms, event, body, { except: [roomOf('user', userId)] });
  }

  const tellOthers = (userId: string, event: 'user_online' | 'user_offline') =>
    pushToOthers(userId, event, userId);

  return {
    async arrive(connection: Connection, user: UserIdentity): Promise<void> {
      const { first } = await roster.add({
        connectionId: connection.id,
        userId: user.id,
        owner: needs.owner,
        status: user.status,
      });
      if (first && user.status !== 'offline') await tellOthers(user.id, 'user_online');
    },

    async depart(connection: Connection, user: UserIdentity): Promise<void> {
      const { last } = await roster.remove(connection.id);
      if (last) await accounts.seen(user.id, clock.now());
    },

    async setStatus(user: UserIdentity, status: PresenceStatus): Promise<void> {
      await accounts.setStatus(user.id, status);
      const before = await roster.setStatus(user.id, status);
      if (before === status) return;
      const body = { userId: user.id, status };
      outbox.push(roomOf('user', user.id), 'user_updated', body);
      // Going invisible must look exactly like going offline.
      if (status === 'offline') return tellOthers(user.id, 'user_offline');
      if (before === 'offline') return tellOthers(user.id, 'user_online');
      return pushToOthers(user.id, 'user_updated', body);
    },

    /** Also of somebody who is not online, or seems so: a name can be changed without a socket. */
    async tellProfile({ userId, changed }: AccountFacts['profile.changed']): Promise<void> {
      const body = { userId, ...changed };
      outbox.push(roomOf('user', userId), 'user_updated', body);
      await pushToOthers(userId, 'user_updated', body);
    },

    /** For the one worker that has the role: tells who went, and stores when, also for those whose worker was killed. */
    async announceDepartures(): Promise<void> {
      const { departures, last } = await roster.departures(seen);
      for (const { userId, since, visible } of departures) {
        await accounts.seen(userId, since);
        if (visible) await tellOthers(userId, 'user_offline');
      }
      seen = last;
      // Who came back meanwhile was announced before it was said here that they left.
      for (const userId of await roster.onlineAmong(departures.map(({ userId }) => userId))) {
        await tellOthers(userId, 'user_online');
      }
    },

    async online(): Promise<readonly PublicUser[]> {
      return accounts.byIds(await roster.online(LIST_LIMIT));
    },

    /** Those behind `after`, and whether there are more. */
    async onlinePage(after: string | null, limit: number) {
      const ids = await roster.onlineAfter(after, limit + 1);
      return { users: await accounts.byIds(ids.slice(0, limit)), hasMore: ids.length > limit };
    },

    async available(user: UserIdentity): Promise<readonly PublicUser[]> {
      const online = (await roster.online(LIST_LIMIT)).filter((id) => id !== user.id);
      const [seated, blocked] = await Promise.all([
        needs.matches.seated(online),
        needs.blocks.betweenAny(user.id, online),
      ]);
      const hidden = new Set([...seated, ...blocked]);
      return accounts.byIds(online.filter((id) => !hidden.has(id)));
    },

    async stats() {
      const [totalUsers, { users }, { waiting, matches }] = await Promise.all([
        accounts.count(),
        roster.counts(),
        needs.matches.counts(),
      ]);
      return { totalUsers, onlineUsers: users, waitingUsers: waiting, activeMatches: matches };
    },
  };
}
