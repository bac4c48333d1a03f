import { existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createAdapter } from '@socket.io/cluster-adapter';
import { setupWorker } from '@socket.io/sticky';
import type { Config } from '../config/config.ts';
import { createApp } from './app.ts';
import { describeBackends, workerPorts } from './backends.ts';
import { wireToPrimary, type Birth } from './cluster/messages.ts';
import { systemClock } from './kernel/clock.ts';
import { ID_SLOTS } from './kernel/ids.ts';
import { createLogger } from './kernel/winston.ts';
import { version } from './version.ts';

const pageDir = fileURLToPath(new URL('../dist/web', import.meta.url));

/** Serves until the primary says drain, or is gone. */
export async function runWorker(config: Config, birth: Birth): Promise<void> {
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

  const ports = workerPorts(config, wire, systemClock);
  const app = await createApp({
    config,
    ports,
    clock: systemClock,
    logger,
    owner: birth.owner,
    workerName: birth.name,
    node: {
      nodeId: config.nodeId,
      version,
      environment: config.env,
      startedAt: birth.startedAt,
      backends: describeBackends(config),
      lost: () => (process.connected ? [] : ['primary']),
    },
    idSlot: await ports.leases.slot('ids', birth.owner, ID_SLOTS),
    adapter: createAdapter(),
    adapterIsUp: () => process.connected,
    pageDir: existsSync(pageDir) ? pageDir : undefined,
  });

  async function leave(deadlineMs: number) {
    await app.drain(deadlineMs);
    await logger.close();
    process.exit(0);
  }
  wire.onTold((message) => {
    if (message.control === 'drain') void leave(message.deadlineMs);
    else app.endSessions(message);
  });
  // Without the primary there is neither state nor storage, and nobody would stop this process.
  wire.onClose(() => void leave(0));

  setupWorker(app.io);
  app.http.on('error', (error) => {
    wire.tell({ control: 'failed', reason: `HTTP_PORT ${config.httpPort}: ${error.message}` });
  });
  app.http.listen(config.httpPort, config.host, () => {
    const { port } = app.http.address() as AddressInfo;
    app.setPlainPort(port);
    app.setReady();
    wire.tell({ control: 'ready', httpPort: port });
  });
}
