import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import {
  contracts,
  type Answer,
  type PushBody,
  type PushName,
  type RequestArgs,
  type RequestName,
} from '../../src/contract.ts';

const pushSchemas = new Map(contracts.flatMap(({ pushes }) => Object.entries(pushes)));
const DEFAULT_WAIT_MS = 20_000;

interface Waiter {
  readonly event: string;
  readonly accept: (body: never) => boolean;
  readonly resolve: (body: never) => void;
}

/**
 * A socket.io-client that keeps every push until somebody asks for it, so that tests read as a conversation and never miss
 * one. Every push is checked against its contract: an undocumented event or shape fails the next `next`.
 */
export class TestClient {
  readonly socket: Socket;
  readonly url: string;
  #inbox: { event: string; body: unknown }[] = [];
  #waiters: Waiter[] = [];
  #violations: string[] = [];

  constructor(url: string, options: Partial<ManagerOptions & SocketOptions>) {
    this.url = url;
    this.socket = io(url, { forceNew: true, reconnection: false, transports: ['websocket'], ...options });
    this.socket.onAny((event: string, body: unknown) => this.#receive(event, body));
  }

  #receive(event: string, body: unknown) {
    const schema = pushSchemas.get(event);
    const problem = schema ? schema.safeParse(body).error?.message : 'is in no contract';
    if (problem) this.#violations.push(`${event}: ${problem}`);
    const index = this.#waiters.findIndex((waiter) => waiter.event === event && waiter.accept(body as never));
    if (index === -1) return void this.#inbox.push({ event, body });
    this.#waiters.splice(index, 1)[0]!.resolve(body as never);
  }

  /** Resolves when the server has accepted the connection; rejects with the `connect_error`. */
  connected(): Promise<this> {
    if (this.socket.connected) return Promise.resolve(this);
    return new Promise((resolve, reject) => {
      this.socket.once('connect', () => resolve(this));
      this.socket.once('connect_error', reject);
    });
  }

  /** The acknowledgement, success or failure. Rejects when none comes. */
  request<E extends RequestName>(event: E, ...args: RequestArgs<E>): Promise<Answer<E>> {
    return this.socket.timeout(DEFAULT_WAIT_MS).emitWithAck(event, ...args) as Promise<Answer<E>>;
  }

  /** Any event with any arguments, for bad input. */
  raw(
    event: string,
    ...args: unknown[]
  ): Promise<{ success: boolean; error?: { code: string; fields?: object } }> {
    return this.socket.timeout(DEFAULT_WAIT_MS).emitWithAck(event, ...args) as never;
  }

  /** The oldest push of this name nobody has taken yet, or the next one that comes. */
  next<E extends PushName>(
    event: E,
    accept: (body: PushBody<E>) => boolean = () => true,
    waitMs = DEFAULT_WAIT_MS,
  ): Promise<PushBody<E>> {
    if (this.#violations.length > 0)
      return Promise.reject(new Error(`against the contract: ${this.#violations.join('; ')}`));
    const index = this.#inbox.findIndex((item) => item.event === event && accept(item.body as PushBody<E>));
    if (index !== -1) return Promise.resolve(this.#inbox.splice(index, 1)[0]!.body as PushBody<E>);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        event,
        accept,
        resolve: (body) => {
          clearTimeout(timer);
          resolve(body);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        const seen = this.#inbox.map((item) => item.event).join(', ') || 'nothing';
        reject(new Error(`no ${event} within ${waitMs} ms; waiting in the inbox: ${seen}`));
      }, waitMs);
      this.#waiters.push(waiter);
    });
  }

  /** Pushes of this name that nobody has taken. */
  waiting<E extends PushName>(event: E): PushBody<E>[] {
    return this.#inbox.filter((item) => item.event === event).map((item) => item.body as PushBody<E>);
  }

  /** Resolves with the reason when the server or the network ends the connection. */
  ended(): Promise<string> {
    if (this.socket.disconnected) return Promise.resolve('already');
    return new Promise((resolve) => this.socket.once('disconnect', resolve));
  }

  /** Everything that was sent before has arrived and was handled: events of one socket take effect in order. */
  async settled(): Promise<void> {
    await this.request('ping');
  }

  close(): void {
    this.socket.close();
  }
}
