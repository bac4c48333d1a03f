import { createServer, type RequestListener, type Server as HttpServer } from 'node:http';
import proxyaddr from 'proxy-addr';
import type { Namespace } from 'socket.io';
import type { Config } from '../config/config.ts';
import type { Ports } from './backends.ts';
import type { AccountFacts } from './features/accounts/contract.ts';
import { createAuthenticator } from './features/accounts/authenticator.ts';
import { randomText } from './features/accounts/random-text.ts';
import { features } from './features/index.ts';
import { copiedMatchPool } from './features/matching/pool.copied.ts';
import { createPairRelay, createPairTalk } from './features/matching/relay.ts';
import { createSeatCopy } from './features/matching/seat-copy.ts';
import type { ConversationFacts } from './features/conversations/contract.ts';
import { conversationReaders } from './features/conversations/access.ts';
import type { ModerationFacts } from './features/moderation/contract.ts';
import { limits as uploadLimits } from './features/uploads/contract.ts';
import { createUploadDesk } from './features/uploads/desk.ts';
import { createAudience } from './kernel/audience.ts';
import { startBacklogSweep } from './kernel/backlog.ts';
import { startReporting } from './kernel/census.ts';
import type { Clock } from './kernel/clock.ts';
import { createConnections } from './kernel/connections.ts';
import { createDeliveries, dropRepeated } from './kernel/deliveries.ts';
import { dispatch } from './kernel/dispatch.ts';
import { drainConnections } from './kernel/drain.ts';
import { createFacts } from './kernel/facts.ts';
import { bind } from './kernel/feature.ts';
import { createHttpApp } from './kernel/http.ts';
import { createIds } from './kernel/ids.ts';
import { createLifecycle } from './kernel/lifecycle.ts';
import type { Logger } from './kernel/logger.ts';
import type { NodeState } from './kernel/node-state.ts';
import { createOutbox } from './kernel/outbox.ts';
import { createPeers } from './kernel/peers.ts';
import { roomOf } from './kernel/rooms.ts';
import { createSignedUrls } from './kernel/signed-urls.ts';
import { createSocketServer } from './kernel/sockets.ts';

export interface AppOptions {
  readonly config: Config;
  readonly ports: Ports;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Names this worker in everything shared. */
  readonly owner: string;
  /** `n1.2` */
  readonly workerName: string;
  readonly node: Omit<NodeState, 'phase'>;
  /** Slot of the ids that this worker makes. */
  readonly idSlot: number;
  /** Socket.IO adapter; undefined reaches this process only. */
  readonly adapter: Parameters<ReturnType<typeof createSocketServer>['adapter']>[0] | undefined;
  readonly adapterIsUp: () => boolean;
  /** Folder of the built page; undefined serves none. */
  readonly pageDir: string | undefined;
}

export interface App {
  readonly http: HttpServer;
  readonly io: ReturnType<typeof createSocketServer>;
  /** The port without sticky dispatch, once it is known. */
  setPlainPort(port: number): void;
  /** From now on `/api/ready` says yes. */
  setReady(): void;
  /** Ends the sockets of sessions that a tool has revoked, on every worker. */
  endSessions(revoked: AccountFacts['session.revoked']): void;
  /** The features say again to the shared state what this worker's sockets have. */
  restate(): Promise<void>;
  /** Sends every client elsewhere and stops everything, all within the deadline. Idempotent. */
  drain(deadlineMs: number): Promise<void>;
}

/** The composition root: everything a worker is made of, and the only place that knows all of it. Tests call it too. */
export async function createApp(options: AppOptions): Promise<App> {
  const { config, ports, clock, logger, owner } = options;
  const lifecycle = createLifecycle(logger);
  let phase: NodeState['phase'] = 'starting';
  let plainPort: number | undefined;
  const node: NodeState = {
    ...options.node,
    get phase() {
      return phase;
    },
  };

  let answer: RequestListener = () => {};
  const http = createServer((request, response) => answer(request, response));
  const io = createSocketServer(http, {
    nodeId: config.nodeId,
    origins: config.origins,
    corsCredentials: config.corsCredentials,
    ...config.socket,
    plainPort: () => plainPort,
    draining: () => phase === 'draining',
  });
  if (options.adapter) io.adapter(options.adapter);
  const main = io.of('/');

  const ids = createIds(clock, options.idSlot);
  const auth = createAuthenticator({ config, ports, ids, clock, randomText });
  const outbox = createOutbox(main, options.adapterIsUp);
  const deliveries = createDeliveries();
  dropRepeated(main, deliveries);
  const connections = createConnections(() => reporting.changed());
  const reporting = startReporting({
    census: ports.census,
    clock,
    owner,
    nodeId: config.nodeId,
    role: 'worker',
    counts: () => ({
      connections: connections.size,
      discord: 0,
      guests: [...connections.all()].filter(({ identity }) => identity.kind === 'guest').length,
      rooms: main.adapter.rooms.size - connections.size,
    }),
  });
  lifecycle.onStop('reporting', () => reporting.stop());
  lifecycle.onStop('backlog sweep', startBacklogSweep(io, clock, logger));

  const pool = copiedMatchPool(ports.pool, createSeatCopy(clock), owner);
  const pairs = createPairRelay(pool, outbox, connections);
  const signedUrls = createSignedUrls(config.urlSecrets, clock, uploadLimits.signedMs);
  const uploadDesk = createUploadDesk({ uploads: ports.uploads, signedUrls, clock });
  const deps = {
    ...ports,
    pool,
    matches: pool,
    presence: ports.roster,
    auth,
    audience: createAudience(),
    clock,
    config,
    connections,
    deliveries,
    facts: createFacts<AccountFacts & ModerationFacts & ConversationFacts>(),
    ids,
    logger,
    node,
    outbox,
    owner,
    pairs,
    pairTalk: createPairTalk(pairs, uploadDesk, clock),
    peers: createPeers(options.adapter ? overAdapter(main) : toNobody, { clock, owner }),
    reporting,
    signedUrls,
    uploadDesk,
    mayRead: conversationReaders(ports.conversations),
    workerName: options.workerName,
  };
  const bound = bind(features, deps);

  const httpApp = createHttpApp(
    bound,
    {
      auth,
      limiter: ports.limiter,
      logger,
      signedUrls,
      files: { workspace: () => ports.blobs.workspace(), maxBytes: config.uploads.maxFileBytes },
    },
    {
      origins: config.origins,
      corsCredentials: config.corsCredentials,
      trustProxy: config.trustProxy,
      limits: config.rateLimits,
      pageDir: options.pageDir,
      plainPort: () => plainPort,
    },
  );
  answer = httpApp;
  const trusted = httpApp.get('trust proxy fn') as Parameters<typeof proxyaddr>[1];
  dispatch(
    main,
    bound,
    {
      auth,
      limiter: ports.limiter,
      limits: config.rateLimits,
      allowGuests: config.allowGuests,
      ids,
      clock,
      logger,
      addressOf: (socket) => proxyaddr(socket.request, trusted),
    },
    connections,
  );
  for (const { behaviour } of bound) await behaviour.start?.(lifecycle);
  await reporting.now();

  async function drain(deadlineMs: number): Promise<void> {
    const endsAt = clock.now() + deadlineMs;
    await drainConnections(io, connections, (deadlineMs * 2) / 3, clock);
    http.close();
    http.closeIdleConnections();
    await lifecycle.stop(Math.max(endsAt - clock.now(), 0));
    // Those of this worker alone: without `local` the adapter would end everybody's, on every node.
    io.local.disconnectSockets(true);
    http.closeAllConnections();
  }

  let drained: Promise<void> | undefined;
  return {
    http,
    io,
    setPlainPort: (port) => void (plainPort = port),
    setReady: () => void (phase = 'ready'),
    endSessions(revoked) {
      for (const id of revoked.sessionIds) outbox.endAll(roomOf('session', id));
      deps.facts.announce('session.revoked', revoked).catch((error: unknown) => {
        logger.error('error', 'a revoked session was not announced', { error });
      });
    },
    async restate() {
      for (const { behaviour } of bound) await behaviour.restate?.();
    },
    drain(deadlineMs) {
      phase = 'draining';
      return (drained ??= drain(deadlineMs));
    },
  };
}

/** Questions between workers travel like broadcasts. */
function overAdapter(namespace: Namespace) {
  return {
    publish: (event: string, message: unknown) => void namespace.serverSideEmit(event, message),
    subscribe: (event: string, listener: (message: never) => void) =>
      void namespace.on(event, listener as never),
  };
}

/** A lone process has no peers. */
const toNobody = { publish() {}, subscribe() {} };
