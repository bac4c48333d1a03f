import { randomBytes } from 'node:crypto';
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http';
import { Server } from 'socket.io';
import { securityHeaders } from './http.ts';
import { originAllowed } from './origin.ts';

export interface SocketServerOptions {
  readonly nodeId: string;
  readonly origins: readonly string[];
  readonly corsCredentials: boolean;
  readonly pingIntervalMs: number;
  readonly pingTimeoutMs: number;
  readonly maxHttpBufferBytes: number;
  /** Requests on this port are refused: long-polling would reach any worker. Asked for each, since it is known after listening. */
  readonly plainPort: () => number | undefined;
  readonly draining: () => boolean;
}

const CONNECT_TIMEOUT_MS = 10_000;
const SESSION_ID_LENGTH = 20;

/** Exactly 20 characters, which the sticky dispatcher looks for; the node's name in front lets Nginx route by it. */
export function sessionId(nodeId: string): string {
  const prefix = `${nodeId}-`;
  return (
    prefix +
    randomBytes(15)
      .toString('base64url')
      .slice(0, SESSION_ID_LENGTH - prefix.length)
  );
}

export function createSocketServer(http: HttpServer, options: SocketServerOptions): Server {
  const io = new Server(http, {
    serveClient: false,
    cors: { origin: [...options.origins], credentials: options.corsCredentials },
    pingInterval: options.pingIntervalMs,
    pingTimeout: options.pingTimeoutMs,
    maxHttpBufferSize: options.maxHttpBufferBytes,
    connectTimeout: CONNECT_TIMEOUT_MS,
    perMessageDeflate: false,
    allowRequest(request, callback) {
      if (request.socket.localPort === options.plainPort()) {
        return callback('Socket.IO is not on this port: it needs the sticky one (PORT).', false);
      }
      // `cors` stops a browser from reading an answer; only this stops a foreign page's WebSocket.
      if (!originAllowed(request, options.origins)) return callback('This origin is not allowed.', false);
      callback(null, true);
    },
  });

  io.engine.use(securityHeaders);
  io.engine.generateId = () => sessionId(options.nodeId);
  io.engine.use(
    (
      request: IncomingMessage & { _query?: { sid?: string } },
      response: ServerResponse,
      next: () => void,
    ) => {
      // Sessions that are open go on until their turn; only newcomers are sent elsewhere.
      if (!options.draining() || request._query?.sid) return next();
      response.writeHead(503, {
        'Content-Type': 'application/json',
        'Retry-After': '1',
        Connection: 'close',
      });
      response.end(JSON.stringify({ code: 'UNAVAILABLE', message: 'This server is restarting. Try again.' }));
    },
  );
  return io;
}
