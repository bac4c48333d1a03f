import { setTimeout as delay } from 'node:timers/promises';
import { Manager, type ManagerOptions, type SocketOptions } from 'socket.io-client';
import type { RouteData } from '../../src/contract.ts';
import { TestClient } from './client.ts';
import { http } from './http.ts';

export interface PersonOptions {
  /** Signs in as this account instead of making a guest. */
  readonly token?: string;
  readonly socket?: Partial<ManagerOptions & SocketOptions>;
}

/** Somebody with an account and a live socket. */
export interface Person extends TestClient {
  readonly id: string;
  readonly username: string;
  readonly token: string;
  /** Which worker serves the socket: `n1.2`. */
  workerId: string;
  /** Reconnects until another worker serves the socket. */
  moveAway(): Promise<void>;
}

const MOST_MOVES = 50;
const GUEST_MS = 20_000;
const ASK_AGAIN_MS = 100;

export async function personOf(url: string, options: PersonOptions): Promise<Person> {
  const token = options.token ?? (await guestToken(url));
  const client = new TestClient(url, { auth: { token }, ...options.socket });
  await client.connected();
  const greeting = await client.next('connected');
  await client.next('connection:established');
  const person = Object.assign(client, {
    id: greeting.user!.id,
    username: greeting.user!.username,
    token,
    workerId: greeting.workerId,
    async moveAway() {
      const before = person.workerId;
      const ballast: Manager[] = [];
      try {
        for (let move = 0; move < MOST_MOVES; move++) {
          person.socket.disconnect().connect();
          await person.connected();
          person.workerId = (await person.next('connected')).workerId;
          await person.next('connection:established');
          if (person.workerId !== before) return;
          ballast.push(await heldOpen(url));
        }
      } finally {
        for (const manager of ballast) manager._close();
      }
      throw new Error(`${MOST_MOVES} connections in a row came to worker ${before}`);
    },
  });
  return person;
}

/** A connection that is nobody's: newcomers go to the least busy worker, which has to get busier before another one is chosen. */
async function heldOpen(url: string): Promise<Manager> {
  const manager = new Manager(url, { transports: ['websocket'], reconnection: false, autoConnect: false });
  await new Promise<void>((resolve, reject) => {
    manager.open((error) => (error ? reject(error) : resolve()));
  });
  return manager;
}

/** As a client does: what is UNAVAILABLE for a moment, on a machine that has much else to do, is asked for again. */
async function guestToken(url: string): Promise<string> {
  for (const endsAt = performance.now() + GUEST_MS; ; await delay(ASK_AGAIN_MS)) {
    const { status, body } = await http(url, 'POST', '/api/auth/guest', { body: {} });
    if (status === 201) return (body as { data: RouteData<'POST /auth/guest'> }).data.token;
    if (status !== 503 || performance.now() > endsAt)
      throw new Error(`no guest account: ${status} ${JSON.stringify(body)}`);
  }
}
