import { loadConfig, readEnvironment } from '../config/load.ts';
import { hostPorts } from './backends.ts';
import { systemClock } from './kernel/clock.ts';
import { silentLogger } from './kernel/logger.ts';

/** `npm run migration:run`: brings the configured storage up to date, as every start does, and exits. */
try {
  const config = loadConfig(readEnvironment());
  const host = await hostPorts(config, systemClock, silentLogger);
  await host.close();
  console.log(`The storage in ${config.dataDir} is up to date.`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
