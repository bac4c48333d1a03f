import type { Clock } from '../../kernel/clock.ts';
import type { PresenceStatus } from '../../kernel/schemas.ts';

/** How long a user stays announced as online after the last socket went. */
export const OFFLINE_DELAY_MS = 5_000;

export interface Presence {
  readonly connectionId: string;
  readonly userId: string;
  /** The worker that holds the socket. */
  readonly owner: string;
  readonly status: PresenceStatus;
}

/** A user whose last socket went, and when. */
export interface Departure {
  readonly userId: string;
  readonly since: number;
  /** Others saw the user online until then. */
  readonly visible: boolean;
}

/**
 * Which users have live sockets, cluster-wide. The roster changes at once; only what others are told about a departure
 * waits. Every method is one atomic decision.
 */
export interface Roster {
  /**
   * `first`: nobody took the user for online any more: no visible socket, and none that went so short a time ago that `departures`
   * has not yet reported it. Adding a connection again changes nothing but the status.
   */
  add(presence: Presence): Promise<{ first: boolean }>;
  /** `last`: the user has no socket any more; `departures` reports it after OFFLINE_DELAY_MS unless one comes back. */
  remove(connectionId: string): Promise<{ last: boolean }>;
  /** For all sockets of the user. Answers the status before, null for a user without a socket. */
  setStatus(userId: string, status: PresenceStatus): Promise<PresenceStatus | null>;
  /** Which of these users have a socket and are not invisible. */
  onlineAmong(userIds: readonly string[]): Promise<readonly string[]>;
  /** Users with a socket who are not invisible, longest online first. */
  online(limit: number): Promise<readonly string[]>;
  /** The same, in the order of their ids as text, so that those who come and go change no page: those behind `after`. */
  onlineAfter(after: string | null, limit: number): Promise<readonly string[]>;
  counts(): Promise<{ users: number; connections: number }>;
  /** How many sockets the user has; 0 for nobody. */
  connectionsOf(userId: string): Promise<number>;
  /** Departures that are due, until they are seen: those up to `seen` are forgotten, the others come again. Numbered from 1. */
  departures(seen: number): Promise<{ departures: readonly Departure[]; last: number }>;
  /** Removes every socket of a worker that is gone. */
  dropOwner(owner: string): Promise<void>;
}

interface Member {
  readonly connections: Set<string>;
  status: PresenceStatus;
}

/** In the process that all workers call. */
export function memoryRoster(clock: Clock): Roster {
  const connections = new Map<string, { userId: string; owner: string }>();
  const members = new Map<string, Member>();
  /** Gone, not yet due. In order of `since`. */
  const leaving = new Map<string, Departure>();
  /** Due and reported, not yet seen: others may have been told. */
  let due: (Departure & { number: number })[] = [];
  let lastNumber = 0;

  function drop(connectionId: string): { last: boolean } {
    const connection = connections.get(connectionId);
    if (!connection) return { last: false };
    connections.delete(connectionId);
    const { userId } = connection;
    const member = members.get(userId);
    member?.connections.delete(connectionId);
    if (!member || member.connections.size > 0) return { last: false };
    members.delete(userId);
    leaving.set(userId, { userId, since: clock.now(), visible: member.status !== 'offline' });
    return { last: true };
  }

  const visible = (userId: string) => {
    const member = members.get(userId);
    return member !== undefined && member.status !== 'offline';
  };

  return {
    async add({ connectionId, userId, owner, status }) {
      connections.set(connectionId, { userId, owner });
      const takenForOnline = visible(userId) || (leaving.get(userId)?.visible ?? false);
      leaving.delete(userId);
      due = due.filter((departure) => departure.userId !== userId);
      const member = members.get(userId);
      if (member) {
        member.connections.add(connectionId);
        member.status = status;
      } else {
        members.set(userId, { connections: new Set([connectionId]), status });
      }
      return { first: !takenForOnline };
    },
    async remove(connectionId) {
      return drop(connectionId);
    },
    async setStatus(userId, status) {
      const member = members.get(userId);
      if (!member) return null;
      const before = member.status;
      member.status = status;
      return before;
    },
    async onlineAmong(userIds) {
      return userIds.filter(visible);
    },
    async online(limit) {
      const users: string[] = [];
      for (const userId of members.keys()) {
        if (users.length === limit) break;
        if (visible(userId)) users.push(userId);
      }
      return users;
    },
    async onlineAfter(after, limit) {
      const behind = [...members.keys()].filter(
        (userId) => visible(userId) && (after === null || userId > after),
      );
      return behind.sort().slice(0, limit);
    },
    async counts() {
      return { users: members.size, connections: connections.size };
    },
    async connectionsOf(userId) {
      return members.get(userId)?.connections.size ?? 0;
    },
    async departures(seen) {
      due = due.filter(({ number }) => number > seen);
      for (const [userId, departure] of leaving) {
        if (departure.since + OFFLINE_DELAY_MS > clock.now()) break;
        leaving.delete(userId);
        due.push({ ...departure, number: ++lastNumber });
      }
      return { departures: due.map(({ number: _, ...departure }) => departure), last: lastNumber };
    },
    async dropOwner(owner) {
      for (const [connectionId, connection] of connections)
        if (connection.owner === owner) drop(connectionId);
    },
  };
}
