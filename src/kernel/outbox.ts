import type { Namespace } from 'socket.io';
import type { z } from 'zod';
import type { NumberedFlags } from './deliveries.ts';
import type { Room } from './rooms.ts';

type PushMap = { readonly [event: string]: z.ZodType };

export interface PushOptions {
  /** Sockets in one of these get nothing. */
  readonly except?: readonly Room[];
  /** Not worth waiting for: dropped where a client cannot take it at once. */
  readonly volatile?: boolean;
}

/** Everything a feature sends to other sockets goes through here, to rooms on every node. */
export interface Outbox<P extends PushMap = PushMap> {
  /** A socket in several of the rooms gets it once. At most once; the order of one sender's pushes to a room is kept. */
  push<E extends keyof P & string>(
    rooms: Room | readonly Room[],
    event: E,
    body: z.input<P[E]>,
    options?: PushOptions,
  ): void;
  /** To one room: each worker lets a number go out there once (see `Deliveries`), however often it is pushed. */
  pushNumbered<E extends keyof P & string>(
    room: Room,
    seq: number,
    event: E,
    body: z.input<P[E]>,
    options?: PushOptions,
  ): void;
  /** Server-side disconnect of every socket in the room, on every node. */
  endAll(room: Room): void;
  /** False while what is pushed would not reach other workers. */
  isUp(): boolean;
}

/** Socket.IO's packet type of an event (socket.io-protocol). */
const EVENT = 2;

export function createOutbox(namespace: Namespace, isUp: () => boolean): Outbox {
  return {
    push(rooms, event, body, { except = [], volatile = false } = {}) {
      const list = typeof rooms === 'string' ? [rooms] : [...rooms];
      // Socket.IO takes an empty list of rooms for everybody.
      if (list.length === 0) return;
      const to = namespace.to(list).except([...except]);
      (volatile ? to.volatile : to).emit(event, body);
    },
    pushNumbered(room, seq, event, body, { except = [] } = {}) {
      const flags: NumberedFlags = { numbered: seq };
      namespace.adapter.broadcast(
        { type: EVENT, nsp: namespace.name, data: [event, body] },
        { rooms: new Set([room]), except: new Set(except), flags: flags as object },
      );
    },
    endAll: (room) => void namespace.in(room).disconnectSockets(true),
    isUp,
  };
}
