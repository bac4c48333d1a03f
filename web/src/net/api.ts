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

/** Routes without parameters in their path, which is all the page needs. */
export type PlainRoute = Exclude<RouteName, `${string}:${string}`>;

const TIMEOUT_MS = 15_000;

/** Calls a route under `/api` and resolves to the envelope's `data`. @throws ApiError */
export async function callApi<R extends PlainRoute>(
  route: R,
  { body, token }: { body?: RouteBody<R>; token?: string | undefined } = {},
): Promise<RouteData<R>> {
  const [method, path] = route.split(' ') as [string, string];
  const headers: Record<string, string> = { accept: 'application/json' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  if (token !== undefined) headers['authorization'] = `Bearer ${token}`;

  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers,
      body: body === undefined ? null : JSON.stringify(body),
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new ApiError('UNREACHABLE', 'The server cannot be reached.', 0, {}, null);
  }

  const envelope = (await response.json().catch(() => null)) as
    { success: true; data: RouteData<R> } | Failure | null;
  if (response.ok && envelope?.success) return envelope.data;
  // A proxy in front may answer for a server that is away, with a page instead of an envelope.
  const failure = envelope && !envelope.success ? envelope.error : null;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  throw new ApiError(
    failure?.code ?? (response.status >= 500 ? 'UNREACHABLE' : 'INTERNAL'),
    failure?.message ?? 'The server gave no usable answer.',
    response.status,
    failure?.fields ?? {},
    Number.isFinite(retryAfter) ? retryAfter * 1000 : null,
  );
}
