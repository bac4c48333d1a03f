import type { Namespace, Socket } from 'socket.io';
import type { Authenticator } from './auth.ts';
import type { Clock } from './clock.ts';
import type { Identity } from './connection.ts';
import type { Bucket, RequestSpec } from './contract.ts';
import { AppError, asAppError, failureOf } from './errors.ts';
import type { Bound, RequestHandler } from './feature.ts';
import { addressGroup } from './address.ts';
import type { Ids } from './ids.ts';
import type { Limit, Limiter } from './limiter.ts';
import type { Logger } from './logger.ts';
import { isLarger, parse } from './parse.ts';
import { admit } from './handshake.ts';
import { connectionOf } from './socket-connection.ts';
import type { ConnectionTable } from './connections.ts';

export interface DispatchDeps {
  readonly auth: Authenticator;
  readonly limiter: Limiter;
  readonly limits: Record<Bucket, Limit>;
  readonly allowGuests: boolean;
  readonly ids: Ids;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The client's address, behind trusted proxies. */
  readonly addressOf: (socket: Socket) => string;
}

type Ack = (answer: object) => void;
interface Binding {
  readonly spec: RequestSpec;
  readonly handle: RequestHandler<RequestSpec>;
}

/** Events of one connection that may wait for each other; what floods beyond is refused unread. */
const MAX_PENDING = 1000;

/** @throws Error when two features claim one event name in one namespace and direction */
function bindingsOf(features: readonly Bound[]): Map<string, Binding> {
  const bindings = new Map<string, Binding>();
  const pushes = new Set<string>();
  for (const { contract, behaviour } of features) {
    for (const [event, spec] of Object.entries(contract.requests)) {
      if (bindings.has(event)) throw new Error(`two features claim the event ${event}`);
      const handle = behaviour.requests[event];
      if (!handle) throw new Error(`${contract.name} has no handler for ${event}`);
      bindings.set(event, { spec, handle });
    }
    for (const event of Object.keys(contract.pushes)) {
      if (pushes.has(event)) throw new Error(`two features push the event ${event}`);
      pushes.add(event);
    }
  }
  return bindings;
}

/**
 * The one road for every event: identity → rate limit → access → parse → handler → acknowledgement, in order for each socket.
 * Nothing that a client sends throws past here.
 */
export function dispatch(
  namespace: Namespace,
  features: readonly Bound[],
  deps: DispatchDeps,
  live: ConnectionTable,
): void {
  const bindings = bindingsOf(features);

  namespace.use(admit(deps));

  namespace.on('connection', (socket: Socket) => {
    const connection = connectionOf(socket, deps.addressOf(socket));
    live.add(connection);
    deps.logger.debug('connection', 'connected', { connectionId: socket.id, userId: connection.identity.id });
    const told = new Map<Bucket, number>();
    let pending = 0;
    let isSetUp = false;
    let tail = Promise.resolve();

    /** Runs one after the other for this socket, whatever becomes of each. */
    function inOrder(work: () => Promise<void>) {
      tail = tail
        .then(work)
        .catch((error: unknown) => deps.logger.error('error', 'dispatch failed', { error }));
    }

    async function connected() {
      try {
        for (const { behaviour } of features) await behaviour.connected?.(connection);
        isSetUp = true;
      } catch (error) {
        deps.logger.error('error', 'a connection could not be set up', { error });
        connection.drop();
      }
    }

    async function disconnected() {
      for (const { contract, behaviour } of features.toReversed()) {
        try {
          await behaviour.disconnected?.(connection);
        } catch (error) {
          deps.logger.error('error', `${contract.name} could not clean up after a connection`, { error });
        }
      }
      live.remove(connection);
    }

    async function identified(before: Identity) {
      try {
        for (const { behaviour } of features) await behaviour.identified?.(connection, before);
      } catch (error) {
        // Half of what goes with the new identity is missing: its rooms perhaps, and with them its logout.
        connection.drop();
        throw error;
      }
    }

    function fail(event: string, ack: Ack | undefined, error: AppError) {
      const failure = failureOf(error);
      if (ack) ack(failure);
      else socket.emit('error', { ...failure.error, event });
    }

    /** Says it once per window; every acknowledgement says it each time. */
    function refuse(event: string, ack: Ack | undefined, bucket: Bucket, resetMs: number) {
      const error = new AppError(
        'RATE_LIMITED',
        `Too many events. Try again in ${Math.ceil(resetMs / 1000)} s.`,
      );
      if (ack) ack(failureOf(error));
      const now = deps.clock.now();
      if ((told.get(bucket) ?? 0) > now) return;
      told.set(bucket, now + resetMs);
      socket.emit('rate_limit_exceeded', { event, retryAfterMs: Math.ceil(resetMs) });
      socket.emit('error', { ...failureOf(error).error, event });
    }

    async function run(event: string, args: unknown[], ack: Ack | undefined) {
      try {
        if (!isSetUp) throw new AppError('UNAVAILABLE', 'The connection could not be set up.');
        const binding = bindings.get(event);
        const bucket = binding?.spec.bucket ?? 'socket';
        const { identity } = connection;
        const key = identity.kind === 'user' ? `user:${identity.id}` : `ip:${addressGroup(connection.ip)}`;
        const hit = await deps.limiter.hit(bucket, key, deps.limits[bucket]);
        if (!hit.allowed) return refuse(event, ack, bucket, hit.resetMs);

        if (!binding) throw new AppError('BAD_INPUT', 'This event is not known.');
        const { spec, handle } = binding;
        if (spec.access === 'user' && identity.kind !== 'user') {
          throw new AppError('UNAUTHENTICATED', 'Sign in to do that.');
        }
        if (isLarger(args, spec.maxSize)) throw new AppError('TOO_LARGE', 'That is too large.');
        const parsed = parse(spec.args, args) as never[];
        const answer = await handle(
          connection,
          ...(parsed as Parameters<typeof handle> extends [unknown, ...infer A] ? A : never),
        );
        if (connection.identity !== identity) await identified(identity);
        ack?.({ success: true, ...(answer as object | undefined) });
      } catch (error) {
        if (!(error instanceof AppError))
          deps.logger.error('error', `the event ${event.slice(0, 64)} failed`, { error });
        fail(event, ack, asAppError(error));
      }
    }

    inOrder(connected);
    socket.onAny((name: string | number, ...args: unknown[]) => {
      const event = String(name);
      const ack = typeof args.at(-1) === 'function' ? (args.pop() as Ack) : undefined;
      if (pending >= MAX_PENDING) return refuse(event, ack, 'socket', deps.limits.socket.windowMs);
      pending += 1;
      inOrder(() => run(event, args, ack).finally(() => void (pending -= 1)));
    });
    // A client may emit an event named "error"; without a listener Node would throw.
    socket.on('error', () => {});
    socket.on('disconnect', (reason) => {
      deps.logger.debug('connection', 'disconnected', { connectionId: socket.id, reason });
      inOrder(disconnected);
    });
  });
}
