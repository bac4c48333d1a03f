import type { Server } from 'socket.io';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';

const SWEEP_MS = 5_000;
/** Packets that wait for a client which does not read. Engine.IO itself keeps any number of them. */
const MOST_PACKETS = 2_000;

/** Closes connections whose client stopped reading, before what waits for them fills the worker's memory. */
export function startBacklogSweep(io: Server, clock: Clock, logger: Logger): () => void {
  return clock.every(SWEEP_MS, () => {
    for (const { conn } of io.of('/').sockets.values()) {
      const waiting = conn['writeBuffer'].length;
      if (waiting <= MOST_PACKETS) continue;
      logger.warn('connection', 'a client does not read: closed', { waiting });
      conn.close(true);
    }
  });
}
