import cluster, { type Worker } from 'node:cluster';
import { EventEmitter, once } from 'node:events';

/** How the dispatcher finds the session of a request. */
const SESSION = /sid=([\w-]{20})/;
const SESSION_WAIT_MS = 300;

/**
 * A worker tells the primary of a new session and the client at the same moment. A client that is faster than the message
 * was sent to any worker, which did not know it: one of some hundred polling clients that came at once.
 */
export function watchSessions() {
  const workerOf = new Map<string, number>();
  const arrived = new EventEmitter().setMaxListeners(0);
  cluster.on('message', (worker: Worker, message: { type?: string; data: string }) => {
    if (message.type === 'sticky:connection') {
      workerOf.set(message.data, worker.id);
      arrived.emit(message.data);
    }
    if (message.type === 'sticky:disconnection') workerOf.delete(message.data);
  });
  cluster.on('exit', (worker) => {
    for (const [session, id] of workerOf) if (id === worker.id) workerOf.delete(session);
  });
  return {
    /** Resolves when the session that the request names is known, or will not be. */
    async known(request: Buffer): Promise<void> {
      const session = SESSION.exec(headOf(request))?.[1];
      if (session === undefined || workerOf.has(session)) return;
      await once(arrived, session, { signal: AbortSignal.timeout(SESSION_WAIT_MS) }).catch(() => {
        // It has ended, or it is another node's: a worker says so.
      });
    },
  };
}

/** The request line and the headers, as far as they are in the chunk. */
export function headOf(chunk: Buffer): string {
  const end = chunk.indexOf('\r\n\r\n');
  return chunk.toString('latin1', 0, end === -1 ? undefined : end);
}
