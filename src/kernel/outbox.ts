import type { Namespace } from 'socket.io';
import type { z } from 'zod';
import type { Room } from './rooms.ts';

type PushMap = { readonly [event: string]: z.ZodType };

/** Everything a feature sends to other sockets goes through here, to rooms on every node. */
export interface Outbox<P extends PushMap = PushMap> {
  /** A socket in several of the rooms gets it once. At most once; the order of one sender's pushes to a room is kept. */
  push<E extends keyof P & string>(rooms: Room | readonly Room[], event: E, body: z.input<P[E]>): void;
  /** Server-side disconnect of every socket in the room, on every node. */
  endAll(room: Room): void;
  /** False while what is pushed would not reach other workers. */
  isUp(): boolean;
}

export function createOutbox(namespace: Namespace, isUp: () => boolean): Outbox {
  return {
    push(rooms, event, body) {
      const list = typeof rooms === 'string' ? [rooms] : [...rooms];
      // Socket.IO takes an empty list of rooms for everybody.
      if (list.length > 0) namespace.to(list).emit(event, body);
    },
    endAll: (room) => void namespace.in(room).disconnectSockets(true),
    isUp,
  };
}
