import type { RouteBody, RouteData, RouteName } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';

/**
 * What a route answered instead of data. `code` is one of the server's closed table, or `UNREACHABLE` when there was no
 * answer at all; `status` is 0 then. `fields` names the bad ones of a form.
 */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;
  readonly fields: Readonly<Record<string, string>>;
  /** How long a rate limit lasts; null when the server named no time. */
  readonly retryAfterMs: number | null;

  constructor(
    code: string,
    message: string,
    status: number,
    fields: Record<string, string>,
    retryAfterMs: number | null,
  ) {
    super(message);
    this.code = code;
    this.status = status;
    this.fields = fields;
    this.retryAfterMs = retryAfterMs;
  }
}

export const unreachable = () => new ApiError('UNREACHABLE', 'The server cannot be reached.', 0, {}, null);

/** Names of the parameters in a route's path. */
type ParamOf<R extends string> = R extends `${string}/:${infer P}/${infer Rest}`
  ? P | ParamOf<`/${Rest}`>
  : R extends `${string}/:${infer P}`
    ? P
    : never;

export type CallOptions<R extends RouteName> = {
  body?: RouteBody<R>;
  query?: Readonly<Record<string, string | number>>;
  /** `/api/v1` for the routes that exist only there. */
  prefix?: '/api' | '/api/v1';
} & ([ParamOf<R>] extends [never]
  ? { params?: Readonly<Record<string, never>> }
  : { params: Readonly<Record<ParamOf<R>, string>> });

/** Options may be left out where the path has no parameters. */
export type CallArgs<R extends RouteName> = [ParamOf<R>] extends [never]
  ? [options?: CallOptions<R>]
  : [options: CallOptions<R>];

const TIMEOUT_MS = 15_000;

/** Calls a route and resolves to the envelope's `data`. @throws ApiError */
export async function callApi<R extends RouteName>(
  route: R,
  token: string | undefined,
  ...[options]: CallArgs<R>
): Promise<RouteData<R>> {
  const { body, query, prefix = '/api' } = options ?? ({} as Partial<CallOptions<R>>);
  const [method, pattern] = route.split(' ') as [string, string];
  const path = addressOf(pattern, options?.params ?? {}, query);
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;

  let response: Response;
  try {
    response = await fetch(`${prefix}${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw unreachable();
  }

  return dataOf<RouteData<R>>(
    response.status,
    await response.json().catch(() => null),
    response.headers.get('retry-after'),
  );
}

/** What is in an answer's envelope. @throws ApiError */
export function dataOf<D>(status: number, body: unknown, retryAfterHeader: string | null): D {
  const envelope = body as { success: true; data: D } | Failure | null;
  if (status >= 200 && status < 300 && envelope?.success) return envelope.data;
  // A proxy in front may answer for a server that is away, with a page instead of an envelope.
  const failure = envelope && !envelope.success ? envelope.error : null;
  const retryAfter = Number(retryAfterHeader ?? Number.NaN);
  throw new ApiError(
    failure?.code ?? (status >= 500 ? 'UNREACHABLE' : status === 413 ? 'TOO_LARGE' : 'INTERNAL'),
    failure?.message ?? (status === 413 ? 'That is too large.' : 'The server gave no usable answer.'),
    status,
    failure?.fields ?? {},
    Number.isFinite(retryAfter) ? retryAfter * 1000 : null,
  );
}

function addressOf(
  pattern: string,
  params: Readonly<Record<string, string>>,
  query: Readonly<Record<string, string | number>> = {},
): string {
  const path = pattern.replace(/:(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const pairs = Object.entries(query).map(([name, value]) => [name, String(value)] as [string, string]);
  return pairs.length === 0 ? path : `${path}?${new URLSearchParams(pairs).toString()}`;
}
