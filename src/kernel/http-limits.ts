import type { Request, RequestHandler, Response } from 'express';
import { rateLimit, type Store } from 'express-rate-limit';
import { addressGroup } from './address.ts';
import type { Authenticator } from './auth.ts';
import type { Bucket } from './contract.ts';
import { AppError } from './errors.ts';
import type { Caller } from './http.ts';
import type { Limit, Limiter } from './limiter.ts';

/** Signed-in users share an address with others: they are counted by user, with ten times the room. */
const SIGNED_IN_FACTOR = 10;

/** express-rate-limit's store over the limiter port, so that HTTP and sockets count in one place, across all workers. */
function storeOver(limiter: Limiter, bucket: string, limit: Limit): Store {
  return {
    async increment(key) {
      const hit = await limiter.hit(bucket, key, limit);
      return { totalHits: hit.used, resetTime: new Date(Date.now() + hit.resetMs) };
    },
    decrement: (key) => limiter.refund(bucket, key, limit),
    // Only its own resetKey() would call it; nobody does.
    resetKey: async () => {},
  };
}

/** One middleware per bucket, shared by every route and prefix that names it. */
export function httpLimits(
  deps: { limiter: Limiter; auth: Authenticator },
  limits: Record<Bucket, Limit>,
): (bucket: Bucket | 'exempt') => RequestHandler {
  const made = new Map<Bucket, RequestHandler>();
  const byAddress = (request: Request) => `ip:${addressGroup(request.ip ?? '')}`;
  const identityOf = (response: Response) => (response.locals['caller'] as Caller).identity;

  function keyOf(bucket: Bucket, request: Request, response: Response): string {
    if (bucket === 'api') {
      const identity = identityOf(response);
      if (identity) return `user:${identity.id}`;
    }
    if (bucket === 'refresh') {
      const { refreshToken } = (request.body ?? {}) as { refreshToken?: unknown };
      const subject =
        typeof refreshToken === 'string' ? deps.auth.subjectOfRefreshToken(refreshToken) : undefined;
      if (subject !== undefined) return `user:${subject}`;
    }
    return byAddress(request);
  }

  function middleware(bucket: Bucket): RequestHandler {
    const { max, windowMs } = limits[bucket];
    const allowance = (response: Response) =>
      bucket === 'api' && identityOf(response) ? max * SIGNED_IN_FACTOR : max;
    return rateLimit({
      windowMs,
      standardHeaders: 'draft-8',
      legacyHeaders: false,
      identifier: bucket,
      skip: (_request, response) => (response.locals['caller'] as Caller).isSigned,
      limit: (_request, response) => allowance(response),
      keyGenerator: (request, response) => keyOf(bucket, request, response),
      store: storeOver(deps.limiter, bucket, {
        max: bucket === 'api' ? max * SIGNED_IN_FACTOR : max,
        windowMs,
      }),
      handler: (_request, response) => {
        // The library has just set it.
        const seconds = String(response.getHeader('Retry-After'));
        throw new AppError('RATE_LIMITED', `Too many requests. Try again in ${seconds} s.`);
      },
    });
  }

  return (bucket) => {
    if (bucket === 'exempt') return (_request, _response, next) => next();
    let handler = made.get(bucket);
    if (!handler) made.set(bucket, (handler = middleware(bucket)));
    return handler;
  };
}
