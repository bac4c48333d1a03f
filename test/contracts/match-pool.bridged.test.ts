import { memoryMatchPool } from '../../src/features/matching/pool.memory.ts';
import { bridged } from './bridged.ts';
import { fakeClock } from './fake-clock.ts';
import { matchPoolContract } from './match-pool.ts';

matchPoolContract('bridged', async () => {
  const clock = fakeClock();
  const { ports, close } = bridged({ pool: memoryMatchPool(clock) });
  return { pool: ports.pool, advance: clock.advance, close };
});
