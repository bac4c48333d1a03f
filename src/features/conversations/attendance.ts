/** Somebody's one socket in a conversation that it has open. */
export interface Attendee {
  readonly conversationId: string;
  readonly connectionId: string;
  /** The worker that holds the socket. */
  readonly owner: string;
  /** `guest:<id>` for a socket without an account. */
  readonly userId: string;
  readonly username: string;
}

/** A user who has no socket in the conversation any more; `count` users are left there. */
export interface Departure {
  readonly conversationId: string;
  readonly userId: string;
  readonly username: string;
  readonly count: number;
}

/** Who has which conversation open at this moment, cluster-wide. Counts users, not sockets. Every method is one atomic decision. */
export interface Attendance {
  /**
   * `first`: the user had no socket in there. Entering again with one socket changes nothing; with one that speaks for another
   * user by now, it is in there for that one only.
   */
  enter(attendee: Attendee): Promise<{ first: boolean; count: number }>;
  /** Null when the socket was not in there, or the user has another one there. */
  leave(conversationId: string, connectionId: string): Promise<Departure | null>;
  /** In the order of their coming, at most `limit`; `count` is of all. */
  users(
    conversationId: string,
    limit: number,
  ): Promise<{ users: readonly { userId: string; username: string }[]; count: number }>;
  /** In the order asked. */
  counts(conversationIds: readonly string[]): Promise<readonly number[]>;
  /** Conversations in which the user has a socket. */
  openBy(userId: string): Promise<readonly string[]>;
  /**
   * Users whose last socket in a conversation went with its worker, or while that could not be said, until they are seen: those up
   * to `seen` are forgotten, the others come again. Numbered from 1. Who enters again has not departed.
   */
  departures(seen: number): Promise<{ departures: readonly Departure[]; last: number }>;
  /** Removes every socket of a worker that is gone. */
  dropOwner(owner: string): Promise<void>;
}

/** In the process that all workers call. */
export function memoryAttendance(): Attendance {
  /** By conversation and socket. */
  const attendees = new Map<string, Attendee>();
  /** By conversation, then by user, in the order of their coming. */
  const rooms = new Map<string, Map<string, { username: string; readonly sockets: Set<string> }>>();
  const openings = new Map<string, Set<string>>();
  /** By conversation and user. Numbered when it is reported for the first time. */
  const gone = new Map<string, Departure & { number?: number }>();
  let lastNumber = 0;
  const keyOf = (conversationId: string, id: string) => `${conversationId}\n${id}`;
  const countOf = (conversationId: string) => rooms.get(conversationId)?.size ?? 0;

  /** Answers whether it is the user's first there. */
  function add(attendee: Attendee): boolean {
    const { conversationId, connectionId, userId, username } = attendee;
    attendees.set(keyOf(conversationId, connectionId), attendee);
    const room = rooms.get(conversationId) ?? new Map<string, { username: string; sockets: Set<string> }>();
    rooms.set(conversationId, room);
    const place = room.get(userId) ?? { username, sockets: new Set() };
    room.set(userId, place);
    place.username = username;
    place.sockets.add(connectionId);
    openings.set(userId, (openings.get(userId) ?? new Set()).add(conversationId));
    gone.delete(keyOf(conversationId, userId));
    return place.sockets.size === 1;
  }

  function drop(conversationId: string, connectionId: string): Departure | null {
    const attendee = attendees.get(keyOf(conversationId, connectionId));
    if (!attendee) return null;
    attendees.delete(keyOf(conversationId, connectionId));
    const { userId } = attendee;
    const room = rooms.get(conversationId)!;
    const { username, sockets } = room.get(userId)!;
    sockets.delete(connectionId);
    if (sockets.size > 0) return null;
    room.delete(userId);
    if (room.size === 0) rooms.delete(conversationId);
    const open = openings.get(userId)!;
    open.delete(conversationId);
    if (open.size === 0) openings.delete(userId);
    return { conversationId, userId, username, count: room.size };
  }

  return {
    async enter(attendee) {
      const { conversationId, connectionId, userId } = attendee;
      const before = attendees.get(keyOf(conversationId, connectionId))?.userId;
      if (before !== userId) drop(conversationId, connectionId);
      const first = before !== userId && add(attendee);
      return { first, count: countOf(conversationId) };
    },
    async leave(conversationId, connectionId) {
      return drop(conversationId, connectionId);
    },
    async users(conversationId, limit) {
      const users: { userId: string; username: string }[] = [];
      for (const [userId, { username }] of rooms.get(conversationId) ?? []) {
        if (users.length === limit) break;
        users.push({ userId, username });
      }
      return { users, count: countOf(conversationId) };
    },
    async counts(conversationIds) {
      return conversationIds.map(countOf);
    },
    async openBy(userId) {
      return [...(openings.get(userId) ?? [])];
    },
    async departures(seen) {
      for (const [key, { number }] of gone) if (number !== undefined && number <= seen) gone.delete(key);
      const departures = Array.from(gone.values(), (departure): Departure => {
        departure.number ??= ++lastNumber;
        const { number: _, ...who } = departure;
        return { ...who, count: countOf(who.conversationId) };
      });
      return { departures, last: lastNumber };
    },
    async dropOwner(owner) {
      for (const attendee of attendees.values()) {
        if (attendee.owner !== owner) continue;
        const departure = drop(attendee.conversationId, attendee.connectionId);
        if (departure) gone.set(keyOf(departure.conversationId, departure.userId), departure);
      }
    },
  };
}
