import compression from 'compression';
import cors from 'cors';
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import helmet from 'helmet';
import { bearerOf, type Authenticator } from './auth.ts';
import type { UserIdentity } from './connection.ts';
import type { Bucket, RouteSpec } from './contract.ts';
import { Download, sendDownload } from './download.ts';
import { AppError, asAppError, errorTable, failureOf } from './errors.ts';
import { Paged, Reply, type Bound, type RouteCall, type RouteHandler } from './feature.ts';
import { httpLimits } from './http-limits.ts';
import type { Limit, Limiter } from './limiter.ts';
import type { Logger } from './logger.ts';
import { originAllowed } from './origin.ts';
import { parse } from './parse.ts';
import { receiving, type ReceivedFile, type ReceiveOptions } from './receive.ts';
import type { SignedUrls } from './signed-urls.ts';

export interface HttpOptions {
  readonly origins: readonly string[];
  readonly corsCredentials: boolean;
  readonly trustProxy: string | boolean | number;
  /** Folder of the built page; undefined serves none. */
  readonly pageDir: string | undefined;
  readonly limits: Record<Bucket, Limit>;
  /** The port without sticky dispatch, where connections may be kept alive. */
  readonly plainPort: () => number | undefined;
}

export interface HttpDeps {
  readonly auth: Authenticator;
  readonly limiter: Limiter;
  readonly logger: Logger;
  readonly signedUrls: Pick<SignedUrls, 'isSigned'>;
  /** For routes that receive files. */
  readonly files: ReceiveOptions;
}

const BODY_LIMIT = '100kb';
const D_PREFIX = '/api/v1';

/** What a route learns about its caller before it is limited and checked. */
export interface Caller {
  identity: UserIdentity | null;
  /** Why the token was refused, or could not be checked; said only by routes that need one. */
  refusal: AppError | null;
  /** The URL was made by this cluster, is still good, and counts as a right of its own. */
  isSigned: boolean;
}

export const securityHeaders = helmet({
  // Whoever ends TLS in front of this server decides for how long, and for which names.
  strictTransportSecurity: false,
  xFrameOptions: { action: 'deny' },
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      baseUri: ["'none'"],
      objectSrc: ["'none'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      imgSrc: ["'self'", 'data:', 'blob:'],
      mediaSrc: ["'self'", 'blob:'],
    },
  },
});

/** The one road for every route: identity → rate limit → access → parse → handler → envelope. */
export function createHttpApp(features: readonly Bound[], deps: HttpDeps, options: HttpOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', options.trustProxy);
  const limitFor = httpLimits(deps, options.limits);

  app.use(securityHeaders);
  app.use((request, response, next) => {
    // The sticky dispatcher closes every connection, its own need; on the plain port Nginx keeps them.
    if (request.socket.localPort === options.plainPort()) response.removeHeader('Connection');
    next();
  });
  app.use(compression());
  app.use(
    cors((request, callback) =>
      callback(null, {
        origin: originAllowed(request as Request, options.origins),
        credentials: options.corsCredentials,
        exposedHeaders: ['RateLimit', 'RateLimit-Policy', 'Retry-After'],
      }),
    ),
  );

  const json = express.json({ limit: BODY_LIMIT });
  const taken = new Set<string>();
  for (const { contract, behaviour } of features) {
    for (const [key, spec] of Object.entries(contract.routes)) {
      const [method, path] = key.split(' ') as [string, string];
      const handle = behaviour.routes[key as keyof typeof behaviour.routes] as
        RouteHandler<RouteSpec> | undefined;
      if (!handle) throw new Error(`${contract.name} has no handler for ${key}`);
      for (const prefix of spec.prefixes) {
        const place = `${method} ${prefix}${path}`;
        if (taken.has(place)) throw new Error(`two features claim ${place}`);
        taken.add(place);
        // Limited before the body is read, but where the body says who asks.
        const limit = limitFor(spec.bucket);
        app[method.toLowerCase() as 'get'](
          prefix + path,
          identify(deps),
          ...(spec.bucket === 'refresh' ? [json, limit] : [limit]),
          admit(spec, deps.auth),
          ...(spec.receives !== undefined ? [receiving(spec.receives, deps.files)] : [json]),
          answering(spec, handle, prefix),
        );
      }
    }
  }

  if (options.pageDir !== undefined) {
    app.use(
      '/assets',
      express.static(`${options.pageDir}/assets`, { immutable: true, maxAge: '1y', index: false }),
    );
    app.use(express.static(options.pageDir));
  }
  app.use(() => {
    throw new AppError('NOT_FOUND', 'There is nothing here.');
  });
  app.use(onError(deps.logger));
  return app;
}

/** Reads the token without insisting on it: the rate limit needs to know the user, and some routes serve both. */
function identify({ auth, signedUrls }: HttpDeps) {
  return async (request: Request, response: Response, next: () => void) => {
    const isSigned = signedUrls.isSigned(request.path, request.query);
    const caller: Caller = { identity: null, refusal: null, isSigned };
    const token = bearerOf(request.headers.authorization);
    if (token !== undefined) {
      try {
        caller.identity = await auth.verify(token);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        caller.refusal = error;
      }
    }
    response.locals['caller'] = caller;
    next();
  };
}

function admit(spec: RouteSpec, auth: Authenticator) {
  return async (request: Request, response: Response, next: () => void) => {
    await checkAccess(spec, request, response.locals['caller'] as Caller, auth);
    next();
  };
}

async function checkAccess(
  spec: RouteSpec,
  request: Request,
  caller: Caller,
  auth: Authenticator,
): Promise<void> {
  if (spec.access === 'admin') {
    if (await auth.isAdmin({ apiKey: request.get('x-api-key'), identity: caller.identity })) return;
    if (caller.identity) throw new AppError('FORBIDDEN', 'That is for administrators.');
  }
  if (spec.access === 'anyone' || caller.identity) return;
  throw caller.refusal ?? new AppError('UNAUTHENTICATED', 'A token is required.');
}

function answering(spec: RouteSpec, handle: RouteHandler<RouteSpec>, prefix: string) {
  const inD = prefix === D_PREFIX;
  return async (request: Request, response: Response) => {
    const { identity, isSigned } = response.locals['caller'] as Caller;
    const file = (response.locals['file'] as ReceivedFile | undefined) ?? null;
    const call: RouteCall = {
      body: parse(spec.body, request.body ?? {}),
      query: parse(spec.query, request.query),
      params: parse(spec.params, request.params),
      file,
      identity,
      isSigned,
      ip: request.ip ?? '',
      userAgent: (request.get('user-agent') ?? '').slice(0, 512),
      renderId: inD ? Number : String,
    };
    const result = await done(handle, call);
    if (result instanceof Download) return sendDownload(request, response, result);
    const status = result instanceof Reply ? result.status : spec.status;
    const answer = envelopeOf(result);
    response.set('Cache-Control', 'no-store').status(status);
    if (spec.bare) response.json(answer.data);
    else if (inD) response.json({ success: true, ...answer });
    else response.json({ success: true, message: spec.message, ...answer });
  };
}

async function done(handle: RouteHandler<RouteSpec>, call: RouteCall): Promise<unknown> {
  try {
    return await handle(call);
  } finally {
    await call.file?.workspace.discard();
  }
}

function envelopeOf(result: unknown): { data: unknown; pagination?: unknown } {
  if (result instanceof Paged) return { data: result.data, pagination: result.pagination };
  return { data: result instanceof Reply ? result.data : (result ?? {}) };
}

/** Express' own errors carry a status: a body that is no JSON, one that is too long, a URL that cannot be decoded. */
function fromExpress(error: unknown): AppError {
  const { status } = (error ?? {}) as { status?: number };
  if (error instanceof AppError || status === undefined) return asAppError(error);
  if (status === 413) return new AppError('TOO_LARGE', `The body is larger than ${BODY_LIMIT}.`);
  if (status === 415)
    return new AppError('UNSUPPORTED_MEDIA', 'This content type or encoding is not supported.');
  return status < 500 ? new AppError('BAD_INPUT', 'The request could not be read.') : asAppError(error);
}

function onError(logger: Logger): ErrorRequestHandler {
  // Express knows an error handler by its four parameters.
  return (error: unknown, request, response, next) => {
    const known = fromExpress(error);
    if (known.code === 'INTERNAL') {
      logger.error('error', `${request.method} ${request.path} failed`, { error });
    }
    if (response.headersSent) return next(error);
    response.status(errorTable[known.code].status).json(failureOf(known));
  };
}
