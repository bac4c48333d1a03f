import { loadConfig, readEnvironment } from '../config/load.ts';
import { randomUUID } from 'node:crypto';
import { describeBackends, openHostStorage } from './backends.ts';
import { silentLogger } from './kernel/logger.ts';

/** `npm run migration:run`: brings the configured storage up to date, as every start does, and exits. */
try {
  const config = loadConfig(readEnvironment());
  const storage = await openHostStorage(config, silentLogger, randomUUID());
  await storage.close();
  const place = describeBackends(config).storage === 'mongodb' ? 'MongoDB' : config.dataDir;
  console.log(`The storage in ${place} is up to date.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
