import type { Worker } from 'node:cluster';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import * as sticky from '@socket.io/sticky';

/** A connection to the primary that has not said anything for so long is closed. */
const IDLE_MS = 60_000;

/** The dispatcher's own count of a worker's sessions; it sends newcomers to the lowest. */
interface Counted {
  clientsCount?: number;
}

/** What libuv reads with. Not in Node's types; closing it twice does no harm. */
interface Handle {
  readStop(): void;
  close(): void;
}
const handleOf = (socket: Socket) => (socket as { _handle?: Handle | null })._handle ?? undefined;

export interface StickyDispatch {
  /** To be listened with on the public port. */
  readonly server: Server;
  /** To be called for each worker that is forked. */
  adopt(worker: Worker): void;
  /** A booting or draining worker takes none; least-connection would prefer just those, the emptiest. */
  takeNewcomers(worker: Worker, takes: boolean): void;
  /** Closes the port and what is still open in this process. */
  close(): void;
}

/**
 * `@socket.io/sticky`, which hands each connection to the worker that has its Engine.IO session and new ones to the least
 * busy, with three things mended around it (README, Architecture).
 */
export function createStickyDispatch(): StickyDispatch {
  const dispatcher = createHttpServer();
  dispatcher.setTimeout(IDLE_MS);
  // The types still have only the old name of setupPrimary.
  sticky.setupMaster(dispatcher, { loadBalancingMethod: 'least-connection' });

  /** Have booted: one that drains answers newcomers with 503, one that boots would lose them. */
  const booted = new Set<Worker>();
  /** Connections that came while there was no such worker. */
  const held = new Set<Socket>();
  /** Whose first chunk the dispatcher is looking at: it chooses a worker and sends before it returns. */
  let arriving: Socket | undefined;

  function pass(socket: Socket) {
    dispatcher.emit('connection', socket);
    let isFirst = true;
    // After the dispatcher, which has taken all other listeners of the connection away.
    socket.prependListener('data', (chunk: Buffer) => {
      arriving = isFirst ? socket : undefined;
      if (isFirst && isHandedOver(chunk)) handleOf(socket)?.readStop();
      isFirst = false;
    });
    socket.resume();
  }

  const server = createServer({ pauseOnConnect: true }, (socket) => {
    if (booted.size > 0) return pass(socket);
    held.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => held.delete(socket));
    socket.setTimeout(IDLE_MS, () => socket.destroy());
  });

  return {
    server,
    adopt(worker) {
      const close = entrust(worker, () => arriving);
      worker.once('exit', () => {
        booted.delete(worker);
        close();
      });
    },
    takeNewcomers(worker, takes) {
      (worker as Counted).clientsCount = takes ? 0 : Infinity;
      if (!takes) return;
      booted.add(worker);
      for (const socket of held) {
        held.delete(socket);
        pass(socket);
      }
    },
    close() {
      server.close();
      dispatcher.closeAllConnections();
      for (const socket of held) socket.destroy();
    },
  };
}

/**
 * The dispatcher gives the connection itself to the worker when its first request has no body. Until the worker has confirmed
 * it, this process has the handle too and would go on reading: what a client sends right after its upgrade (its CONNECT
 * packet) was lost here for one connection in twenty, which then hung.
 */
function isHandedOver(firstChunk: Buffer): boolean {
  const end = firstChunk.indexOf('\r\n\r\n');
  const head = firstChunk.toString('latin1', 0, end === -1 ? undefined : end).toLowerCase();
  return !head.includes('content-length:') && !head.includes('transfer-encoding:');
}

/**
 * Notes what the dispatcher entrusts to a worker. The returned function closes what the dead worker left in this process:
 * connections that it had not confirmed yet or that still waited to be handed over (Node passes one handle at a time and
 * forgets them all), and those whose bodies are relayed. Their clients would wait for ever otherwise.
 */
function entrust(worker: Worker, arriving: () => Socket | undefined): () => void {
  const relayed = new Set<Socket>();
  const waiting = new Map<Socket, Handle | undefined>();
  /** Written to the channel; confirmed at the latest when the next one is. */
  let unconfirmed: Handle | undefined;

  const send = worker.send.bind(worker) as (...args: unknown[]) => boolean;
  worker.send = (message: { type?: string }, ...rest: unknown[]) => {
    const socket = arriving();
    if (socket && message.type === 'sticky:http-chunk-start') {
      relayed.add(socket);
      socket.once('close', () => relayed.delete(socket));
    }
    if (socket && message.type === 'sticky:connection') {
      const [, sent] = rest as [Socket, (error: Error | null) => void];
      waiting.set(socket, handleOf(socket));
      return send(message, socket, (error: Error | null) => {
        unconfirmed = waiting.get(socket);
        waiting.delete(socket);
        sent(error);
      });
    }
    return send(message, ...rest);
  };

  return () => {
    for (const socket of relayed) socket.destroy();
    for (const [socket, handle] of waiting) {
      socket.destroy();
      handle?.close();
    }
    unconfirmed?.close();
  };
}
