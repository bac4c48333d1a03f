import type { IncomingMessage } from 'node:http';

/** The page's own origin and requests without `Origin` (not from a page) pass; others must be listed. */
export function originAllowed(request: IncomingMessage, origins: readonly string[]): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  if (origins.includes('*') || origins.includes(origin)) return true;
  return host !== undefined && URL.parse(origin)?.host === host;
}
