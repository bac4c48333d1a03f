import { BATCH, inBatches } from '../../drivers/redis-batches.ts';
import type { Redis } from '../../drivers/redis.ts';
import * as decisions from './attendance-decisions.redis.ts';
import type { Attendance, Attendee, Departure } from './attendance.ts';

export interface RedisAttendance extends Attendance {
  /**
   * Makes the attendance, as far as this process's sockets go, what it is here: says again those that are, removes those that are
   * not. Other calls may go on meanwhile. To be called after each return of Redis, and when the owner was dropped.
   */
  restate(): Promise<void>;
}

type Detail = [conversationId: string, userId: string, username: string, count: number];

const keyOf = (conversationId: string, connectionId: string) => `${conversationId}\n${connectionId}`;

/** An `enter` that fails has not happened; a `leave` that fails has, and others are told by `departures`. */
export function redisAttendance(redis: Redis): RedisAttendance {
  const keys = decisions.NAMES.map((name) => redis.key('attendance', name));
  const owned = keys[decisions.NAMES.indexOf('owned')]!;
  const opened = keys[decisions.NAMES.indexOf('opened')]!;
  const totals = keys[decisions.NAMES.indexOf('totals')]!;
  /** Sockets of this process, by conversation and socket. */
  const own = new Map<string, Attendee>();
  /** Those that went, which Redis has not been told. */
  const unsaid = new Map<string, Attendee>();
  const owners = new Set<string>();

  /** Until then a user's other workers may not have said again what they have. */
  const settledAt = () => redis.server.settledAt;

  function tell({ conversationId, connectionId, owner, userId, username }: Attendee) {
    return redis.run(decisions.enter, keys, [conversationId, connectionId, owner, userId, username]);
  }

  async function sayGone(key: string, attendee: Attendee): Promise<void> {
    // It entered again, and said so then.
    if (unsaid.get(key) !== attendee) return;
    const { conversationId, connectionId, userId, username } = attendee;
    await redis.run(decisions.leaveLate, keys, [conversationId, connectionId, userId, username, settledAt()]);
    if (unsaid.get(key) === attendee) unsaid.delete(key);
  }

  async function sayAgain(key: string, attendee: Attendee): Promise<void> {
    // It went, or entered as another user, before its turn came.
    if (own.get(key) === attendee) await tell(attendee);
  }

  /**
   * Redis has them, this process does not: an entrance whose outcome nobody knows, an old snapshot, or a socket that went while it
   * was said again.
   */
  async function removeUnknown(owner: string): Promise<void> {
    const entries = await redis.command((client) =>
      client.zrangebylex(owned, `[${owner}\n`, `(${owner}\x0b`),
    );
    const held = entries.map((entry) => entry.slice(owner.length + 1));
    // Looked up when the answer is here: who came meanwhile is among them.
    const unknown = held.filter((key) => !own.has(key));
    await inBatches(unknown, (key) => redis.run(decisions.leave, keys, key.split('\n')));
  }

  return {
    async enter(attendee) {
      const key = keyOf(attendee.conversationId, attendee.connectionId);
      owners.add(attendee.owner);
      const left = unsaid.get(key);
      if (left) await sayGone(key, left);
      const isNew = own.get(key)?.userId !== attendee.userId;
      if (isNew) own.set(key, attendee);
      try {
        const [first, count] = await tell(attendee);
        return { first: first === 1, count };
      } catch (error) {
        if (isNew) own.delete(key);
        throw error;
      }
    },
    async leave(conversationId, connectionId) {
      const key = keyOf(conversationId, connectionId);
      const attendee = own.get(key);
      own.delete(key);
      try {
        const answer = await redis.run(decisions.leave, keys, [conversationId, connectionId]);
        // Redis was lost, or the owner dropped: `restate` is due, and had not come to this one.
        if (answer === null && attendee) unsaid.set(key, attendee);
        if (!answer || answer.length === 0) return null;
        const [userId, username, count] = answer;
        return { conversationId, userId, username, count };
      } catch (error) {
        if (attendee) unsaid.set(key, attendee);
        throw error;
      }
    },
    async users(conversationId, limit) {
      const [count, ...details] = await redis.run(decisions.users, keys, [conversationId, limit]);
      const found = [];
      for (let n = 0; n < details.length; n += 2)
        found.push({ userId: details[n]!, username: details[n + 1]! });
      return { users: found, count };
    },
    async counts(conversationIds) {
      if (conversationIds.length === 0) return [];
      return (await redis.command((client) => client.hmget(totals, ...conversationIds))).map(Number);
    },
    async openBy(userId) {
      const entries = await redis.command((client) =>
        client.zrangebylex(opened, `[${userId}\n`, `(${userId}\x0b`),
      );
      return entries.map((entry) => entry.slice(userId.length + 1));
    },
    async departures(seen) {
      const [last, ...details] = await redis.run(decisions.departures, keys, [seen]);
      const found: Departure[] = [];
      for (let n = 0; n < details.length; n += 4) {
        const [conversationId, userId, username, count] = details.slice(n, n + 4) as Detail;
        found.push({ conversationId, userId, username, count });
      }
      return { departures: found, last };
    },
    async dropOwner(owner) {
      while ((await redis.run(decisions.dropSome, keys, [owner, BATCH, settledAt()])) === BATCH);
    },
    async restate() {
      // Those that are come first: a user who has one of them has not departed.
      await inBatches([...own], ([key, attendee]) => sayAgain(key, attendee));
      await inBatches([...unsaid], ([key, attendee]) => sayGone(key, attendee));
      for (const owner of owners) await removeUnknown(owner);
    },
  };
}
