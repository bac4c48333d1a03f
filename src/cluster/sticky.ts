import type { Worker } from 'node:cluster';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import * as sticky from '@socket.io/sticky';
import { headOf, watchSessions } from './sessions.ts';

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
 * busy, with four things mended around it (README, Architecture).
 */
export function createStickyDispatch(): StickyDispatch {
  const dispatcher = createHttpServer();
  dispatcher.setTimeout(IDLE_MS);
  // The types still have only the old name of setupPrimary.
  sticky.setupMaster(dispatcher, { loadBalancingMethod: 'least-connection' });
  const sessions = watchSessions();

  /** Have booted: one that drains answers newcomers with 503, one that boots would lose them. */
  const booted = new Set<Worker>();
  /** Came while there was no such worker. */
  const held = new Map<Socket, Buffer>();
  /** Whom the dispatcher is choosing a worker for; it sends before it returns. */
  let arriving: Socket | undefined;

  function pass(socket: Socket, chunk: Buffer) {
    if (socket.destroyed) return;
    arriving = socket;
    dispatcher.emit('connection', socket);
    socket.emit('data', chunk);
    arriving = undefined;
    if (!isHandedOver(chunk)) socket.resume();
  }

  async function admit(socket: Socket, chunk: Buffer) {
    if (booted.size === 0) {
      held.set(socket, chunk);
      socket.once('close', () => held.delete(socket));
      return;
    }
    await sessions.known(chunk);
    pass(socket, chunk);
  }

  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    socket.once('data', (chunk: Buffer) => {
      socket.pause();
      if (isHandedOver(chunk)) handleOf(socket)?.readStop();
      void admit(socket, chunk);
    });
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
      for (const [socket, chunk] of held) {
        held.delete(socket);
        pass(socket, chunk);
      }
    },
    close() {
      server.close();
      dispatcher.closeAllConnections();
      for (const socket of held.keys()) socket.destroy();
    },
  };
}

/**
 * The dispatcher gives the connection itself to the worker when its first request has no body. Until the worker has confirmed
 * it, this process has the handle too and would go on reading: what a client sends right after its upgrade (its CONNECT
 * packet) was lost here for one connection in twenty, which then hung.
 */
function isHandedOver(firstChunk: Buffer): boolean {
  const head = headOf(firstChunk).toLowerCase();
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
