import { describe, expect, it } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { withLocalRefusals, type Limiter } from '../../src/kernel/limiter.ts';
import { fakeClock } from './fake-clock.ts';
import { limiterContract } from './limiter.ts';
import { stateBackends, type StateBackend } from './state-backends.ts';

/** As a worker has it: what is refused once is refused here until its window ends. */
const rememberingRefusals = ({ name, missing, open }: StateBackend): StateBackend => ({
  missing,
  name: `${name}, refusals remembered`,
  async open() {
    const inner = await open();
    return {
      ...inner,
      ports: { ...inner.ports, limiter: withLocalRefusals(inner.ports.limiter, systemClock) },
    };
  },
});

for (const backend of stateBackends) {
  limiterContract(backend);
  limiterContract(rememberingRefusals(backend));
}

describe('refusals remembered', () => {
  const limit = { max: 1, windowMs: 10_000 };

  function setup() {
    const clock = fakeClock();
    const asked: string[] = [];
    const used = new Map<string, number>();
    const inner: Limiter = {
      async hit(_bucket, key, { max, windowMs }) {
        asked.push(key);
        const count = (used.get(key) ?? 0) + 1;
        used.set(key, count);
        return { allowed: count <= max, remaining: Math.max(max - count, 0), resetMs: windowMs, used: count };
      },
      async refund(_bucket, key) {
        asked.push(`refund ${key}`);
        used.delete(key);
      },
    };
    return { clock, asked, limiter: withLocalRefusals(inner, clock) };
  }

  it('a flood costs the cluster two questions a window', async () => {
    const { clock, asked, limiter } = setup();
    for (let n = 0; n < 100; n++) await limiter.hit('socket', 'ann', limit);
    expect(asked).toEqual(['ann', 'ann']);
    clock.advance(4_000);
    expect(await limiter.hit('socket', 'ann', limit)).toEqual({
      allowed: false,
      remaining: 0,
      resetMs: 6_000,
      used: 101,
    });
    clock.advance(6_000);
    await limiter.hit('socket', 'ann', limit);
    expect(asked).toHaveLength(3);
  });

  it('a refund asks anew', async () => {
    const { asked, limiter } = setup();
    await limiter.hit('socket', 'ann', limit);
    await limiter.hit('socket', 'ann', limit);
    await limiter.refund('socket', 'ann', limit);
    expect(await limiter.hit('socket', 'ann', limit)).toMatchObject({ allowed: true });
    expect(asked).toEqual(['ann', 'ann', 'refund ann', 'ann']);
  });

  it('those of addresses that never come again are forgotten', async () => {
    const { clock, limiter } = setup();
    const all = { max: 0, windowMs: 10_000 };
    let most = 0;
    for (let n = 0; n < 20_000; n++) {
      await limiter.hit('socket', `address ${n}`, all);
      most = Math.max(most, limiter.remembered);
      clock.advance(20);
    }
    // 500 of them are in their window at any time.
    expect(most).toBeLessThanOrEqual(1_001);
  });

  it('those in their window are all kept', async () => {
    const { asked, limiter } = setup();
    const all = { max: 0, windowMs: 10_000 };
    for (let round = 0; round < 2; round++) {
      for (let n = 0; n < 5_000; n++) await limiter.hit('socket', `address ${n}`, all);
    }
    expect(asked).toHaveLength(5_000);
  });
});
