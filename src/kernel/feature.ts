import type { z } from 'zod';
import type { Contract, ParsedArgs, RequestSpec, RouteSpec } from './contract.ts';
import type { Connection, Identity, UserIdentity } from './connection.ts';
import type { Download } from './download.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { ReceivedFile } from './receive.ts';

type Awaitable<T> = T | Promise<T>;

/** Returns the acknowledgement's fields or throws AppError; never sees the callback. */
export type RequestHandler<S extends RequestSpec> = (
  connection: Connection,
  ...args: ParsedArgs<S>
) => Awaitable<z.input<S['ack']> | void>;

export interface RouteCall<S extends RouteSpec = RouteSpec> {
  readonly body: z.output<S['body']>;
  readonly query: z.output<S['query']>;
  readonly params: z.output<S['params']>;
  /** What a route with `receives` got; gone when it has answered. Null on every other. */
  readonly file: ReceivedFile | null;
  /** The URL was signed for this path by this cluster, and its time is not over. */
  readonly isSigned: boolean;
  /** Null on routes that anyone may call without a token. */
  readonly identity: UserIdentity | null;
  readonly ip: string;
  readonly userAgent: string;
  /** Renders an id as this route's dialect documents it: a JSON number under `/api/v1`, a string elsewhere. */
  readonly renderId: (id: string) => string | number;
}

/** An answer whose status is not the route's usual one (a readiness probe that says no). */
export class Reply<T> {
  readonly status: number;
  readonly data: T;
  constructor(status: number, data: T) {
    this.status = status;
    this.data = data;
  }
}

/** An answer with `pagination` beside `data`, of a route whose contract has one. */
export class Paged<T, G> {
  readonly data: T;
  readonly pagination: G;
  constructor(data: T, pagination: G) {
    this.data = data;
    this.pagination = pagination;
  }
}

/** Returns `data` of the envelope, or throws AppError; never sees the response. */
export type RouteHandler<S extends RouteSpec> = (
  call: RouteCall<S>,
) => Awaitable<
  S['pagination'] extends z.ZodType
    ? Paged<z.input<S['data']>, z.input<S['pagination']>>
    : z.input<S['data']> | Reply<z.input<S['data']>> | Download | void
>;

export interface Behaviour<C extends Contract> {
  readonly requests: { readonly [E in keyof C['requests']]: RequestHandler<C['requests'][E]> };
  readonly routes: {
    readonly [R in keyof C['routes']]: C['routes'][R] extends RouteSpec
      ? RouteHandler<C['routes'][R]>
      : never;
  };
  /** A socket connected, before any of its events. In feature order; a rejection closes the socket. */
  readonly connected?: (connection: Connection) => Awaitable<void>;
  /** `authenticate` changed who the socket is. In feature order. */
  readonly identified?: (connection: Connection, before: Identity) => Awaitable<void>;
  /** The socket is gone and its last event is done. In reverse feature order. */
  readonly disconnected?: (connection: Connection) => Awaitable<void>;
  /** The shared state was away, or has forgotten this worker: says again what the worker's sockets have. */
  readonly restate?: () => Promise<void>;
  /** Called once before the worker listens. What starts here stops through `lifecycle`. */
  readonly start?: (lifecycle: Lifecycle) => Awaitable<void>;
}

export interface Feature<Needs> {
  readonly contract: Contract;
  readonly define: (needs: Needs) => Behaviour<Contract>;
}

/**
 * Curried, so that the contract's literal types survive while `Needs` is inferred from the definer's parameter.
 * A contract event or route without a handler, and a handler without a contract entry, do not compile.
 */
export function featureOf<const C extends Contract>(contract: C) {
  return <Needs>(define: (needs: Needs) => Behaviour<C>): Feature<Needs> => ({
    contract,
    define: define as (needs: Needs) => Behaviour<Contract>,
  });
}

/** Everything that the features of a list ask for, together. */
export type NeedsOf<L extends readonly Feature<never>[]> = L[number]['define'] extends (
  needs: infer N,
) => unknown
  ? N
  : never;

export interface Bound {
  readonly contract: Contract;
  readonly behaviour: Behaviour<Contract>;
}

/** Gives each feature of the list what it needs; a need that `needs` does not meet does not compile. */
export function bind<const L extends readonly Feature<never>[]>(list: L, needs: NeedsOf<L>): Bound[] {
  return list.map(({ contract, define }) => ({ contract, behaviour: define(needs as never) }));
}
