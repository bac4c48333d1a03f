import { describe, expect, it } from 'vitest';
import { holdRole, memoryLeases, type Leases } from '../../src/kernel/leases.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const PERIOD_MS = 500;
const TTL_MS = 10_000;
const turn = () => new Promise((resolve) => setImmediate(resolve));

function office() {
  const clock = fakeClock();
  const leases = memoryLeases(clock);
  const log: string[] = [];
  const warnings: string[] = [];

  function worker(owner: string, tick: () => Promise<void> = async () => {}) {
    let cut = false;
    const reach = <T>(call: () => Promise<T>) => (cut ? Promise.reject(new Error('gone')) : call());
    const own: Leases = {
      ...leases,
      hold: (...args) => reach(() => leases.hold(...args)),
      release: (...args) => reach(() => leases.release(...args)),
    };
    const logger = { ...silentLogger, warn: (_: string, text: string) => void warnings.push(text) };
    const stop = holdRole({ leases: own, clock, logger, owner }, 'sweeper', PERIOD_MS, async () => {
      log.push(owner);
      await tick();
    });
    return { stop, die: () => (cut = true) };
  }

  return {
    log,
    warnings,
    worker,
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += PERIOD_MS) {
        clock.advance(PERIOD_MS);
        await turn();
      }
    },
  };
}

describe('a role', () => {
  it('is done by one of two workers, every period', async () => {
    const { worker, pass, log } = office();
    worker('w1');
    worker('w2');
    expect(log).toEqual([]);
    await pass(10 * PERIOD_MS);
    expect(log).toEqual(Array(10).fill('w1'));
  });

  it('goes to another one when its holder falls silent, after the lease and not before', async () => {
    const { worker, pass, log } = office();
    const first = worker('w1');
    worker('w2');
    await pass(PERIOD_MS);
    first.die();
    await pass(TTL_MS - PERIOD_MS);
    expect(log).toEqual(['w1']);
    await pass(PERIOD_MS);
    expect(log).toEqual(['w1', 'w2']);
  });

  it('goes over at once when its holder stops', async () => {
    const { worker, pass, log } = office();
    const first = worker('w1');
    worker('w2');
    await pass(PERIOD_MS);
    await first.stop();
    await pass(3 * PERIOD_MS);
    expect(log).toEqual(['w1', 'w2', 'w2', 'w2']);
  });

  it('does not overlap with itself, and the tick that runs is waited for by who stops', async () => {
    const { worker, pass, log } = office();
    const work = Promise.withResolvers<void>();
    let done = false;
    const first = worker('w1', async () => {
      await work.promise;
      done = true;
    });
    await pass(3 * PERIOD_MS);
    expect(log).toEqual(['w1']);

    let stopped = false;
    const stop = first.stop().then(() => (stopped = true));
    worker('w2');
    await pass(PERIOD_MS / 2);
    expect(stopped).toBe(false);
    expect(log).toEqual(['w1']);
    work.resolve();
    await stop;
    expect(done).toBe(true);
    await pass(PERIOD_MS);
    expect(log).toEqual(['w1', 'w2']);
  });

  it('survives a tick that fails, and a state that is away', async () => {
    const { worker, pass, log, warnings } = office();
    let broken = true;
    const first = worker('w1', () => (broken ? Promise.reject(new Error('no')) : Promise.resolve()));
    await pass(PERIOD_MS);
    broken = false;
    await pass(PERIOD_MS);
    expect(log).toEqual(['w1', 'w1']);
    first.die();
    await pass(PERIOD_MS);
    expect(warnings).toEqual(['role sweeper failed', 'role sweeper failed']);
    await first.stop();
  });
});
