import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setupWorker } from '@socket.io/sticky';
import type { Config } from '../config/config.ts';
import { createApp, type App } from './app.ts';
import { describeBackends, dropOwner, openWorkerBackends, type WorkerBackends } from './backends.ts';
import { wireToPrimary, type Birth } from './cluster/messages.ts';
import { systemClock as clock } from './kernel/clock.ts';
import { AppError } from './kernel/errors.ts';
import { ID_SLOTS } from './kernel/ids.ts';
import { holdRole, type Leases } from './kernel/leases.ts';
import type { Logger } from './kernel/logger.ts';
import { keepOwner, OWNER_TTL_MS, sweepOwners } from './kernel/owners.ts';
import { createLogger } from './kernel/winston.ts';
import { version } from './version.ts';

const pageDir = fileURLToPath(new URL('../dist/web', import.meta.url));

const SWEEP_MS = 1_000;
const RESTATE_MS = 60_000;
/** What workers that return together push to each other has arrived by then. */
const RETURNED_MS = 2_000;
const SLOT_RETRY_MS = 500;
const LAST_WORDS_MS = 1_000;

/** Serves until the primary says drain, or is gone. */
export async function runWorker(settings: Config, birth: Birth): Promise<void> {
  const config = { ...settings, nodeId: birth.nodeId };
  const { owner } = birth;
  const logger = createLogger({
    level: config.logLevel,
    directory: config.logDir,
    production: config.env === 'production',
    process: birth.name,
  });
  const wire = wireToPrimary();

  // A terminal's Ctrl-C reaches the whole group: the primary alone decides.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {});
  const die = (what: string) => (error: unknown) => {
    logger.error('error', `${what}: this worker ends`, { error });
    void logger.close().then(() => process.exit(1));
  };
  process.on('uncaughtException', die('an exception was not caught'));
  process.on('unhandledRejection', die('a rejection was not handled'));

  const backends = await openWorkerBackends(config, { wire, clock, logger }).catch((error: Error) => {
    wire.tell({ control: 'failed', reason: error.message });
    return new Promise<never>(() => {});
  });
  const { ports } = backends;
  let app: App | undefined;
  const owning = await own(backends, owner, logger, {
    restateFeatures: async () => app?.restate(),
    onSlotLost: () => void leave(LAST_WORDS_MS),
  });
  const serving = (app = await createApp({
    config,
    ports,
    clock,
    logger,
    owner,
    workerName: birth.name,
    node: {
      nodeId: config.nodeId,
      version,
      environment: config.env,
      startedAt: birth.startedAt,
      backends: describeBackends(config),
      lost: () => backends.lost(),
    },
    idSlot: await slotOf(ports.leases, owner, logger),
    adapter: backends.adapter,
    adapterIsUp: backends.adapterIsUp,
    pageDir: existsSync(pageDir) ? pageDir : undefined,
  }));
  // Nothing yet; but from now on it is known under which run of the state everything is held.
  owning.restate();

  async function leave(deadlineMs: number) {
    await app?.drain(deadlineMs);
    await owning.stop();
    await backends.close();
    await logger.close();
    process.exit(0);
  }
  wire.onTold((message) => {
    if (message.control === 'drain') void leave(message.deadlineMs);
    else serving.endSessions(message);
  });
  // Without the primary nobody would stop this process.
  wire.onClose(() => void leave(0));

  setupWorker(serving.io);
  serving.http.on('error', (error) => {
    wire.tell({ control: 'failed', reason: `HTTP_PORT ${config.httpPort}: ${error.message}` });
  });
  serving.http.listen(config.httpPort, config.host, () => {
    const { port } = serving.http.address() as AddressInfo;
    serving.setPlainPort(port);
    serving.setReady();
    wire.tell({ control: 'ready', httpPort: port });
  });
}

/**
 * Keeps this worker's lease on what it has in the shared state, and takes its turn in giving back what silent workers had. The
 * primary does both for embedded state. Features are asked to say again what they have once they are there.
 */
async function own(
  { shared, ports }: WorkerBackends,
  owner: string,
  logger: Logger,
  { restateFeatures, onSlotLost }: { restateFeatures: () => Promise<void>; onSlotLost: () => void },
): Promise<{ restate(): void; stop(): Promise<void> }> {
  if (!shared) return { restate() {}, async stop() {} };
  const keeper = await keepOwner({ owners: ports.owners, clock, logger, owner }, async () => {
    const lost = await shared.restate(owner);
    if (lost.length > 0) {
      // Two workers with one slot would make the same ids.
      logger.error('error', `another worker has taken over ${lost.join(', ')} meanwhile: this one ends`);
      return onSlotLost();
    }
    await restateFeatures();
  });
  shared.onReturn(() => {
    keeper.returned();
    clock.after(RETURNED_MS, () => keeper.returned());
  });
  // Pushes are delivered at most once, and those of two workers can overtake each other: what came of that ends here.
  const endRestating = clock.every(RESTATE_MS, () => keeper.returned());
  const stopSweeping = holdRole(
    { leases: ports.leases, clock, logger, owner },
    'owners-sweeper',
    SWEEP_MS,
    () => sweepOwners(ports.owners, (lapsed) => dropOwner(ports, lapsed)),
  );
  return {
    restate: () => keeper.returned(),
    async stop() {
      endRestating();
      await stopSweeping();
      keeper.stop();
    },
  };
}

/** Soon after Redis's own start those who had slots come first: newcomers wait. */
async function slotOf(leases: Leases, owner: string, logger: Logger): Promise<number> {
  const endsAt = clock.now() + 2 * OWNER_TTL_MS;
  for (let asked = 0; ; asked++) {
    try {
      return await leases.slot('ids', owner, ID_SLOTS);
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'UNAVAILABLE' || clock.now() > endsAt) throw error;
      if (asked === 0) logger.info('connection', `waiting for a slot: ${error.message}`);
      await new Promise<void>((resolve) => void clock.after(SLOT_RETRY_MS, resolve));
    }
  }
}
