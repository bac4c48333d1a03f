import { describe, expect, it } from 'vitest';
import { AppError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { keepOwner, memoryOwners, OWNER_TTL_MS, sweepOwners } from '../../src/kernel/owners.ts';
import { fakeClock } from './fake-clock.ts';
import { ownersContract } from './owners.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) ownersContract(backend);

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('an owner', () => {
  async function start(restate: () => Promise<void> = async () => {}) {
    const clock = fakeClock();
    const owners = memoryOwners(clock);
    let restated = 0;
    const keeper = await keepOwner({ owners, clock, logger: silentLogger, owner: 'w1' }, async () => {
      restated += 1;
      await restate();
    });
    async function passes(ms: number) {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000);
        await settled();
      }
    }
    return { clock, owners, keeper, passes, restated: () => restated };
  }

  it('lives as long as its process, and says nothing twice', async () => {
    const { owners, keeper, passes, restated } = await start();
    await passes(60_000);
    expect(await owners.lapsed()).toEqual([]);
    expect(restated()).toBe(0);
    keeper.stop();
    await owners.renew('w2');
    await passes(5_000);
    await owners.renew('w2');
    await passes(5_000);
    await owners.renew('w2');
    await passes(5_000);
    expect(await owners.lapsed()).toEqual(['w1']);
  });

  it('that was dropped says again what it has', async () => {
    const { owners, passes, restated } = await start();
    await owners.dropOwner('w1');
    await passes(6_000);
    expect(restated()).toBe(1);
    await passes(20_000);
    expect(restated()).toBe(1);
  });

  it('says it again at once when the state is back, until it has succeeded', async () => {
    let failures = 2;
    const { keeper, passes, restated } = await start(async () => {
      if (failures-- > 0) throw new AppError('UNAVAILABLE', 'away');
    });
    keeper.returned();
    await settled();
    expect(restated()).toBe(1);
    await passes(10_000);
    expect(restated()).toBe(3);
  });
});

describe('the sweeper', () => {
  it('drops each that lapsed, and forgets it last', async () => {
    const clock = fakeClock();
    const owners = memoryOwners(clock);
    await owners.renew('w1');
    await owners.renew('w2');
    for (let passed = 0; passed < OWNER_TTL_MS; passed += 5_000) {
      clock.advance(5_000);
      await owners.renew('w3');
    }
    const dropped: string[] = [];
    const failing = sweepOwners(owners, async () => {
      throw new Error('away');
    });
    await expect(failing).rejects.toThrow('away');
    await sweepOwners(owners, async (owner) => {
      expect(await owners.lapsed()).toContain(owner);
      dropped.push(owner);
    });
    expect(dropped).toEqual(['w1', 'w2']);
    expect(await owners.lapsed()).toEqual([]);
  });
});
