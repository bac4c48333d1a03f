import type { Server } from 'socket.io';
import type { Clock } from './clock.ts';
import type { ConnectionTable } from './connections.ts';

/** Clients come back elsewhere as fast as they are sent away: this many a second each node sends. */
const CLOSES_PER_SECOND = 500;
const BATCH_MS = 50;

/**
 * Closes every transport (clients reconnect by themselves, unlike after a server-side disconnect), in batches whose members
 * are picked at random and spread over at most half of the deadline. Resolves when the last one is cleaned up after, or at
 * the deadline: a handler that hangs must not keep the rest from stopping.
 */
export async function drainConnections(
  io: Server,
  connections: ConnectionTable,
  deadlineMs: number,
  clock: Clock,
): Promise<void> {
  const endsAt = clock.now() + deadlineMs;
  const windowMs = deadlineMs / 2;
  const waiting = [...connections.all()]
    .map((connection) => ({ connection, turn: Math.random() }))
    .sort((one, other) => one.turn - other.turn);
  const batchSize = Math.max(
    Math.ceil((CLOSES_PER_SECOND * BATCH_MS) / 1000),
    Math.ceil((waiting.length * BATCH_MS) / Math.max(windowMs, BATCH_MS)),
  );
  while (waiting.length > 0) {
    for (const { connection } of waiting.splice(0, batchSize)) connection.drop();
    if (waiting.length === 0) break;
    const pauseMs = BATCH_MS * (0.5 + Math.random());
    await new Promise<void>((resolve) => void clock.after(pauseMs, resolve));
  }
  // Whoever was still in a handshake.
  io.engine.close();
  const late = new Promise<void>((resolve) => void clock.after(endsAt - clock.now(), resolve));
  await Promise.race([connections.empty(), late]);
}
