import { z } from 'zod';

/**
 * What crosses the wire, as data: *requests* (client → server events), *pushes* (server → client events) and HTTP routes.
 * Everything typed about the wire (handlers, the tests' client, the page, the published documents) derives from these values.
 * Safe to import in a browser.
 */

/** Who may use an event or a route. `anyone` includes sockets and requests without a token. */
export type Access = 'anyone' | 'user' | 'admin';

/** Rate-limit buckets, one pair of variables each (`RATE_LIMIT_<BUCKET>_MAX`, `_WINDOW_MS`). */
export type Bucket = 'auth' | 'guest' | 'refresh' | 'api' | 'upload' | 'socket' | 'signal';

export type Args = z.ZodTuple<readonly z.ZodType[], null>;

export interface RequestSpec<A extends Args = Args, R extends z.ZodType = z.ZodType> {
  /** Positional arguments in front of the optional acknowledgement callback. */
  readonly args: A;
  /** Fields of a successful acknowledgement beside `success: true`. */
  readonly ack: R;
  readonly access: Exclude<Access, 'admin'>;
  readonly bucket: 'socket' | 'signal';
  /** Larger arguments answer TOO_LARGE before they are parsed. In UTF-16 units, which bounds bytes within a factor of three. */
  readonly maxSize: number;
}

const DEFAULT_MAX_SIZE = 16_384;

export function request<const A extends readonly z.ZodType[], R extends z.ZodType = z.ZodObject<{}>>(spec: {
  args: A;
  ack?: R;
  access?: RequestSpec['access'];
  bucket?: RequestSpec['bucket'];
  maxSize?: number;
}): RequestSpec<z.ZodTuple<A, null>, R> {
  return {
    args: z.tuple(spec.args as never) as unknown as z.ZodTuple<A, null>,
    ack: spec.ack ?? (z.object({}) as unknown as R),
    access: spec.access ?? 'user',
    bucket: spec.bucket ?? 'socket',
    maxSize: spec.maxSize ?? DEFAULT_MAX_SIZE,
  };
}

export interface RouteSpec<
  B extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  P extends z.ZodType = z.ZodType,
  D extends z.ZodType = z.ZodType,
  G extends z.ZodType | undefined = z.ZodType | undefined,
> {
  readonly body: B;
  readonly query: Q;
  readonly params: P;
  /** Shape of `data` in the envelope, or of the whole body when `bare`. */
  readonly data: D;
  /** Shape of `pagination`, beside `data` in either envelope; a route that has it answers with `Paged`. */
  readonly pagination: G;
  readonly access: Access;
  /** `exempt` routes are never limited (health, status, statistics). */
  readonly bucket: Bucket | 'exempt';
  readonly status: number;
  /** `message` of B's envelope. */
  readonly message: string;
  /** Answers the data alone, without an envelope (A's health routes, E's status). */
  readonly bare: boolean;
  /**
   * The field of multipart/form-data that has the file which the route receives; nothing else of the body is read. Undefined: no file.
   * Who may is checked before the body is read.
   */
  readonly receives: string | undefined;
  /** The route is served under each; `/api/v1` answers in D's envelope with numeric ids, everything else in B's. */
  readonly prefixes: readonly string[];
}

const nothing = z.object({});

export function route<
  B extends z.ZodType = typeof nothing,
  Q extends z.ZodType = typeof nothing,
  P extends z.ZodType = typeof nothing,
  D extends z.ZodType = typeof nothing,
  G extends z.ZodType | undefined = undefined,
>(
  spec: Partial<Omit<RouteSpec, 'body' | 'query' | 'params' | 'data' | 'pagination'>> & {
    body?: B;
    query?: Q;
    params?: P;
    data?: D;
    pagination?: G;
  },
): RouteSpec<B, Q, P, D, G> {
  return {
    body: spec.body ?? (nothing as unknown as B),
    query: spec.query ?? (nothing as unknown as Q),
    params: spec.params ?? (nothing as unknown as P),
    data: spec.data ?? (nothing as unknown as D),
    pagination: spec.pagination as G,
    access: spec.access ?? 'user',
    bucket: spec.bucket ?? 'api',
    status: spec.status ?? 200,
    message: spec.message ?? 'OK',
    bare: spec.bare ?? false,
    receives: spec.receives,
    prefixes: spec.prefixes ?? ['/api'],
  };
}

/** `'POST /auth/register'`: method and path below each prefix, in Express' syntax. */
export type RouteKey = `${'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'} /${string}`;

export interface Contract {
  readonly name: string;
  /** Socket.IO namespace of the events. */
  readonly namespace: string;
  readonly requests: { readonly [event: string]: RequestSpec };
  readonly pushes: { readonly [event: string]: z.ZodType };
  readonly routes: { readonly [key: RouteKey]: RouteSpec };
}

export function contractOf<
  const N extends string,
  const R extends Contract['requests'] = {},
  const P extends Contract['pushes'] = {},
  const H extends Contract['routes'] = {},
>(spec: {
  name: N;
  namespace?: string;
  requests?: R;
  pushes?: P;
  routes?: H;
}): { name: N; namespace: string; requests: R; pushes: P; routes: H } {
  return {
    name: spec.name,
    namespace: spec.namespace ?? '/',
    requests: spec.requests ?? ({} as R),
    pushes: spec.pushes ?? ({} as P),
    routes: spec.routes ?? ({} as H),
  };
}

/** Parsed arguments, as a handler receives them. */
export type ParsedArgs<S extends RequestSpec> =
  z.output<S['args']> extends infer T extends unknown[] ? T : never;
/** Arguments as a client writes them. */
export type WireArgs<S extends RequestSpec> =
  z.input<S['args']> extends infer T extends unknown[] ? T : never;

/** What a client's acknowledgement callback receives. */
export type Answer<S extends RequestSpec> = ({ success: true } & z.output<S['ack']>) | Failure;

export interface Failure {
  success: false;
  message: string;
  error: { code: string; message: string; retryable: boolean; fields?: Record<string, string> };
}
