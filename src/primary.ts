import cluster, { type Worker } from 'node:cluster';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setupPrimary as setupAdapter } from '@socket.io/cluster-adapter';
import type { Config } from '../config/config.ts';
import { serveAdmin } from './admin/commands.ts';
import { describeBackends, dropOwner, openHostState, openHostStorage } from './backends.ts';
import { banner } from './cluster/banner.ts';
import { BIRTH_VARIABLE, wireToWorker, type Birth } from './cluster/messages.ts';
import { onStopSignals } from './cluster/signals.ts';
import { createStickyDispatch } from './cluster/sticky.ts';
import { createSupervisor } from './cluster/supervisor.ts';
import { runCalls, serve } from './kernel/bridge.ts';
import { startReporting } from './kernel/census.ts';
import { systemClock as clock } from './kernel/clock.ts';
import { createIds, PRIMARY_SLOT } from './kernel/ids.ts';
import { createLifecycle } from './kernel/lifecycle.ts';
import { keepNodeId, leaseNodeId } from './kernel/nodes.ts';
import { keepOwner } from './kernel/owners.ts';
import { createLogger } from './kernel/winston.ts';

/** Kept from the drain's deadline for what stops after the workers. */
const LAST_WORDS_MS = 500;
const STATS_MS = 60_000;

/** Forks and minds the workers, dispatches connections to them, hosts the state they share. Returns when all are ready. */
export async function runPrimary(
  settings: Config,
  { bootstrapped }: { bootstrapped: boolean },
): Promise<void> {
  const startedAt = clock.now();
  const incarnation = randomBytes(4).toString('hex');
  const logger = createLogger({
    level: settings.logLevel,
    directory: settings.logDir,
    production: settings.env === 'production',
    process: settings.nodeId,
  });
  const lifecycle = createLifecycle(logger);
  for (const warning of settings.warnings) logger.warn('error', warning);

  async function giveUp(reason: string): Promise<never> {
    logger.error('error', reason);
    await lifecycle.stop(LAST_WORDS_MS);
    await logger.close();
    process.exit(1);
  }

  const state = await openHostState(settings, clock, logger).catch((error: Error) => giveUp(error.message));
  lifecycle.onStop('state', () => state.close());
  const storage = await openHostStorage(settings, logger, incarnation, () => {
    void giveUp('The storage ended: without it nothing can be acknowledged.');
  }).catch((error: Error) => giveUp(error.message));
  lifecycle.onStop('storage', () => storage.close());
  const run = runCalls({ ...state.hosted, ...storage.hosted }, (error, [, port, method]) =>
    logger.error('error', `${port}.${method} failed`, { error }),
  );

  const nodeId = await becomeNode().catch((error: Error) => giveUp(error.message));
  const config = { ...settings, nodeId };
  const owner = `${nodeId}.0.${incarnation}`;

  /** Takes the node's name wherever other nodes can see it, which is where they see each other. */
  async function becomeNode(): Promise<string> {
    const record = { holder: incarnation, ...describeBackends(settings) };
    const registers = [state.nodes, storage.nodes].filter((nodes) => nodes !== undefined);
    let name = settings.nodeId;
    for (const nodes of registers) {
      name = await leaseNodeId({ nodes, clock, logger }, name, record);
      const kept = keepNodeId({ nodes, clock, logger }, { ...record, nodeId: name }, () => {
        void giveUp(`NODE_ID: another node is called ${name} by now, while this one was away.`);
      });
      lifecycle.onStop('node name', () => kept.stop());
    }
    return name;
  }

  // Asked before anybody can register.
  const leftBehind = await storage.leftBehind().catch((error: unknown) => {
    logger.warn('error', `DATA_DIR: what is in ${config.dataDir} cannot be looked at`, { error });
    return 0;
  });

  // It reports to the census: who keeps no lease would stand there for ever after a kill.
  const keeper = await keepOwner({ owners: state.ports.owners, clock, logger, owner }, async () => {});
  lifecycle.onStop('owner', () => keeper.stop());

  const stopAdmin = await serveAdmin({
    dataDir: config.dataDir,
    ...storage.stores,
    ids: createIds(clock, PRIMARY_SLOT),
    clock,
    onRevoked(userId, sessionIds) {
      const worker = Object.values(cluster.workers ?? {}).find((each) => each?.isConnected());
      if (worker) wireToWorker(worker).tell({ control: 'revoked', userId, sessionIds });
    },
    onUnexpected: (error) => logger.error('error', 'an admin command failed', { error }),
  }).catch((error: Error) =>
    logger.warn('error', `npm run admin does not reach this server: ${error.message}`),
  );
  lifecycle.onStop('admin socket', () => stopAdmin?.());

  const sticky = createStickyDispatch();
  let httpPort = config.httpPort;
  let births = 0;
  /** What dead workers had is being given back: a stop waits for that. */
  const drops = new Set<Promise<void>>();
  function fork(): Worker {
    const name = `${config.nodeId}.${++births}`;
    const birth: Birth = { owner: `${name}.${incarnation}`, name, nodeId: config.nodeId, startedAt };
    const worker = cluster.fork({ [BIRTH_VARIABLE]: JSON.stringify(birth) });
    sticky.adopt(worker);
    sticky.takeNewcomers(worker, false);
    const wire = wireToWorker(worker);
    serve(wire, run);
    wire.onTold((message) => {
      if (message.control === 'failed') return void giveUp(message.reason);
      httpPort = message.httpPort;
      sticky.takeNewcomers(worker, true);
      supervisor.ready(worker);
    });
    wire.onClose(() => {
      const drop = dropOwner(state.ports, birth.owner)
        .catch((error: unknown) => {
          logger.error('error', `what worker ${name} held could not be given back`, { error });
        })
        .finally(() => drops.delete(drop));
      drops.add(drop);
    });
    return worker;
  }

  const supervisor = createSupervisor({
    workers: config.workers,
    fork,
    drain(worker, deadlineMs) {
      sticky.takeNewcomers(worker, false);
      wireToWorker(worker).tell({ control: 'drain', deadlineMs });
    },
    clock,
    logger,
    onHopeless: () => void giveUp('The workers do not start; the reason is above.'),
  });

  let stopping = false;
  async function stop() {
    stopping = true;
    logger.info('connection', 'draining: readiness is red, clients are sent away', {});
    const deadlineMs = Math.max(config.drainTimeoutMs - LAST_WORDS_MS, 0);
    await supervisor.stop(deadlineMs);
    await Promise.all(drops);
    await lifecycle.stop(LAST_WORDS_MS);
    logger.info('success', 'stopped', {});
    await logger.close();
    process.exit(0);
  }
  onStopSignals({ stop: () => void stop(), exitNow: () => process.exit(1), withChannel: bootstrapped });
  process.on('SIGUSR2', () => {
    logger.info('connection', 'rolling: every worker is replaced, one after the other', {});
    void supervisor.roll(config.drainTimeoutMs).then(() => logger.info('success', 'rolled', {}));
  });

  cluster.setupPrimary({
    exec: fileURLToPath(new URL('./main.ts', import.meta.url)),
    serialization: 'advanced',
  });
  setupAdapter();
  supervisor.start();
  await supervisor.allReady;
  if (stopping) return;

  const { server } = sticky;
  server.listen(config.port, config.host);
  await once(server, 'listening').catch((error: Error) => giveUp(`PORT ${config.port}: ${error.message}`));
  lifecycle.onStop('public port', () => sticky.close());
  const reporting = startReporting({
    census: state.ports.census,
    clock,
    owner,
    nodeId: config.nodeId,
    role: 'primary',
    counts: () => ({ connections: 0, discord: 0, guests: 0, rooms: 0 }),
  });
  lifecycle.onStop('reporting', () => reporting.stop());
  lifecycle.onStop(
    'stats line',
    clock.every(STATS_MS, () => {
      logStats().catch(() => {
        // Without Redis there is nothing to count; who lost it says so.
      });
    }),
  );

  async function logStats() {
    const reports = await state.ports.census.reports();
    const workers = reports.filter(({ role }) => role === 'worker');
    logger.info('stats', 'one minute', {
      workers: workers.length,
      connections: workers.reduce((total, { connections }) => total + connections, 0),
      heapUsedBytes: reports.reduce((total, { heapUsedBytes }) => total + heapUsedBytes, 0),
    });
  }

  const { port } = server.address() as AddressInfo;
  console.log(banner({ config, port, httpPort, backends: describeBackends(config), leftBehind }));
  process.send?.('ready');
}
