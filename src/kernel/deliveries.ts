import type { Namespace } from 'socket.io';
import type { Room } from './rooms.ts';

/**
 * Which numbered pushes have gone out to this worker's sockets, room by room. The adapter is at-most-once: what a lost publish or a
 * killed worker kept back is found by comparing with the store, and what comes late nevertheless must not go out twice.
 */
export interface Deliveries {
  /** This worker has sockets in the room: from now on it is recorded what goes out there. Up to `from` nothing is owed. Again: no effect. */
  follow(room: Room, from: number): void;
  unfollow(room: Room): void;
  /** Everything up to here went out, or is owed to nobody. Undefined for a room that is not followed. */
  reached(room: Room): number | undefined;
  /** False when this number went out already; from now on it has. */
  take(room: Room, seq: number): boolean;
  /** Everything up to here went out. */
  settle(room: Room, upTo: number): void;
}

interface Record {
  upTo: number;
  /** Numbers above `upTo` that went out: publishes of several workers overtake each other. */
  readonly beyond: Set<number>;
}

export function createDeliveries(): Deliveries {
  const records = new Map<Room, Record>();

  function settle(record: Record, upTo: number) {
    if (upTo > record.upTo) {
      record.upTo = upTo;
      for (const seq of record.beyond) if (seq <= upTo) record.beyond.delete(seq);
    }
    while (record.beyond.delete(record.upTo + 1)) record.upTo += 1;
  }

  return {
    follow(room, from) {
      if (!records.has(room)) records.set(room, { upTo: from, beyond: new Set() });
    },
    unfollow: (room) => void records.delete(room),
    reached: (room) => records.get(room)?.upTo,
    take(room, seq) {
      const record = records.get(room);
      if (!record) return true;
      if (seq <= record.upTo || record.beyond.has(seq)) return false;
      record.beyond.add(seq);
      settle(record, record.upTo);
      return true;
    },
    settle(room, upTo) {
      const record = records.get(room);
      if (record) settle(record, upTo);
    },
  };
}

/** What a numbered push carries beside its packet: adapters hand flags on from worker to worker. */
export interface NumberedFlags {
  readonly numbered?: number;
}

interface BroadcastOptions {
  readonly rooms: ReadonlySet<string>;
  readonly flags?: NumberedFlags;
}
type Apply = (options: BroadcastOptions, callback: (socket: unknown) => void) => void;

/**
 * Drops numbered broadcasts to followed rooms that went out before. `apply` is the one place that both local broadcasts and those
 * of other workers pass (socket.io-adapter 2.5; it is private there, a test holds it).
 */
export function dropRepeated(namespace: Namespace, deliveries: Deliveries): void {
  const adapter = namespace.adapter as unknown as { apply: Apply };
  const apply = adapter.apply.bind(adapter);
  adapter.apply = (options, callback) => {
    const seq = options.flags?.numbered;
    if (seq !== undefined) {
      // A numbered push goes to one room.
      const [room] = options.rooms;
      if (!deliveries.take(room as Room, seq)) return;
    }
    apply(options, callback);
  };
}
