import cluster from 'node:cluster';
import { ConfigError, loadConfig, readEnvironment } from '../config/load.ts';
import { BIRTH_VARIABLE, type Birth } from './cluster/messages.ts';
import { runPrimary } from './primary.ts';
import { runWorker } from './worker.ts';

/** The first process becomes the primary; the workers it forks run this same file. */
try {
  const config = loadConfig(readEnvironment());
  if (cluster.isPrimary) {
    await runPrimary(config, { bootstrapped: process.env['REALTIME_CHAT_BOOTSTRAP'] === '1' });
  } else {
    await runWorker(config, JSON.parse(process.env[BIRTH_VARIABLE] ?? '{}') as Birth);
  }
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(1);
}
