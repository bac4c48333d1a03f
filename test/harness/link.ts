import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/** The network between one process and a server, which tests may break for that process alone. */
export interface Link {
  /** What the process is told instead of the server's address. */
  readonly url: string;
  /** Every connection breaks, and none can be made. */
  cut(): void;
  /** Nothing gets through and nobody is told so; what was sent meanwhile arrives after `mend`, as with TCP. */
  stall(): void;
  mend(): void;
  close(): Promise<void>;
}

/** @param target address of the server, with its port */
export async function startLink(target: string): Promise<Link> {
  const { hostname, port } = new URL(target);
  let state: 'whole' | 'cut' | 'stalled' = 'whole';
  const sockets = new Set<Socket>();

  function carry(from: Socket, to: Socket): void {
    sockets.add(from);
    from.on('data', (chunk) => to.write(chunk));
    // A broken connection is told to the other side by its end.
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      to.destroySoon();
    });
    if (state === 'stalled') from.pause();
  }

  const server = createServer((client) => {
    if (state === 'cut') return void client.destroy();
    const upstream = connect(Number(port), hostname);
    carry(client, upstream);
    carry(upstream, client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');

  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    cut() {
      state = 'cut';
      for (const socket of sockets) socket.destroy();
    },
    stall() {
      state = 'stalled';
      for (const socket of sockets) socket.pause();
    },
    mend() {
      state = 'whole';
      for (const socket of sockets) socket.resume();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
