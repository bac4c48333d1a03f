import type { Worker } from 'node:cluster';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
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

/** The connection whose first chunk the dispatcher is looking at: it chooses a worker and sends before it returns. */
let arriving: Socket | undefined;

/** Hands each connection on the public port to the worker that has its Engine.IO session, new ones to the least busy. */
export function createStickyServer(): Server {
  const server = createServer();
  server.setTimeout(IDLE_MS);
  // The types still have only the old name of setupPrimary.
  sticky.setupMaster(server, { loadBalancingMethod: 'least-connection' });
  // After the dispatcher, which takes all other listeners of a connection away.
  server.on('connection', (socket: Socket) => {
    let isFirst = true;
    socket.prependListener('data', (chunk: Buffer) => {
      arriving = isFirst ? socket : undefined;
      if (isFirst && isHandedOver(chunk)) handleOf(socket)?.readStop();
      isFirst = false;
    });
  });
  return server;
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
 * Closes what a worker leaves in this process when it dies: connections that it had not confirmed yet or that still waited to
 * be handed over (Node passes one handle at a time and forgets them all), and those whose bodies are relayed. Their clients
 * would wait for ever otherwise.
 */
export function closeWithWorker(worker: Worker): void {
  const relayed = new Set<Socket>();
  const waiting = new Map<Socket, Handle | undefined>();
  /** Written to the channel; confirmed at the latest when the next one is. */
  let unconfirmed: Handle | undefined;

  const send = worker.send.bind(worker) as (...args: unknown[]) => boolean;
  worker.send = (message: { type?: string }, ...rest: unknown[]) => {
    const socket = arriving;
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

  worker.once('exit', () => {
    for (const socket of relayed) socket.destroy();
    for (const [socket, handle] of waiting) {
      socket.destroy();
      handle?.close();
    }
    unconfirmed?.close();
  });
}

/** Least-connection prefers the emptiest worker, which a booting or draining one is: it must not get newcomers. */
export function takeNewcomers(worker: Worker, takes: boolean): void {
  (worker as Counted).clientsCount = takes ? 0 : Infinity;
}
