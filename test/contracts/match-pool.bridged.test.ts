import { memoryMatchPool } from '../../src/features/matching/pool.memory.ts';
import { bridged } from './bridged.ts';
import { fakeClock } from './fake-clock.ts';
import { matchPoolContract } from './match-pool.ts';

matchPoolContract('bridged', async () => {
  const clock = fakeClock();
  let host = bridged({ pool: memoryMatchPool(clock) });
  return {
    get pool() {
      return host.ports.pool;
    },
    advance: clock.advance,
    lose() {
      host.close();
      host = bridged({ pool: memoryMatchPool(clock) });
    },
    close: () => host.close(),
  };
});
