import type { Socket } from 'socket.io';
import type { Connection, Identity } from './connection.ts';

/** Engine.IO's own way to send a ping; a client answers each with a pong. Not in its types. */
interface Pingable {
  sendPacket(type: 'ping'): void;
}

export function connectionOf(socket: Socket, ip: string): Connection {
  return {
    id: socket.id,
    ip,
    userAgent: String(socket.handshake.headers['user-agent'] ?? '').slice(0, 512),
    auth: socket.handshake.auth,
    get identity() {
      return socket.data.identity as Identity;
    },
    identify(identity) {
      socket.data.identity = identity;
    },
    rename({ username, avatar }) {
      Object.assign(socket.data.identity as Identity, { username, avatar });
    },
    join: (room) => void socket.join(room),
    leave: (room) => void socket.leave(room),
    emit: (event, body) => void socket.emit(event, body),
    onPushed: (listener) => void socket.onAnyOutgoing(listener),
    get alive() {
      return socket.connected;
    },
    drop: (unsent) => socket.conn.close(unsent === 'discard'),
    end: () => void socket.disconnect(true),
    probe: (timeoutMs) =>
      new Promise((resolve) => {
        if (socket.conn.readyState !== 'open') return resolve(false);
        const settle = (answered: boolean) => {
          clearTimeout(timer);
          socket.conn.off('heartbeat', onHeartbeat);
          socket.conn.off('close', onClose);
          resolve(answered);
        };
        const onHeartbeat = () => settle(true);
        const onClose = () => settle(false);
        const timer = setTimeout(() => settle(false), timeoutMs).unref();
        socket.conn.on('heartbeat', onHeartbeat);
        socket.conn.on('close', onClose);
        (socket.conn as unknown as Pingable).sendPacket('ping');
      }),
  };
}
