import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Limiter } from '../../src/kernel/limiter.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

const limit = { max: 3, windowMs: 60_000 };

/** What every Limiter does, seen from outside. */
export function limiterContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`limiter: ${name}`, () => {
    let under: StateUnderTest;
    let limiter: Limiter;
    beforeEach(async () => {
      under = await open();
      limiter = under.ports.limiter;
    });
    afterEach(() => under.close());

    const hit = (key = 'ann', bucket = 'socket', of = limit) => limiter.hit(bucket, key, of);
    const refund = (key = 'ann') => limiter.refund('socket', key, limit);
    async function hits(count: number) {
      for (let n = 0; n < count; n++) await hit();
    }

    it('allows so many in a window, counts down, and refuses the rest', async () => {
      const { windowMs: resetMs } = limit;
      expect(await hit()).toEqual({ allowed: true, remaining: 2, resetMs, used: 1 });
      expect(await hit()).toEqual({ allowed: true, remaining: 1, resetMs, used: 2 });
      expect(await hit()).toEqual({ allowed: true, remaining: 0, resetMs, used: 3 });
      expect(await hit()).toEqual({ allowed: false, remaining: 0, resetMs, used: 4 });
      expect(await hit()).toEqual({ allowed: false, remaining: 0, resetMs, used: 5 });
    });

    it('begins the window with the first hit, and no later one moves its end', async () => {
      await under.advance(12_345);
      await hit();
      await under.advance(limit.windowMs - 1);
      await hits(2);
      expect(await hit()).toMatchObject({ allowed: false, resetMs: 1 });
      await under.advance(1);
      expect(await hit()).toEqual({ allowed: true, remaining: 2, resetMs: limit.windowMs, used: 1 });
    });

    it('allows exactly so many of those that come at once', async () => {
      const outcomes = await Promise.all(Array.from({ length: 20 }, () => hit()));
      expect(outcomes.filter(({ allowed }) => allowed)).toHaveLength(limit.max);
    });

    it('counts each key, each bucket and each limit on its own', async () => {
      await hits(4);
      expect(await hit('bob')).toMatchObject({ allowed: true, used: 1 });
      expect(await hit('ann', 'signal')).toMatchObject({ allowed: true, used: 1 });
      expect(await hit('ann', 'socket', { ...limit, max: 9 })).toMatchObject({ allowed: true, used: 1 });
      expect(await hit('ann', 'socket', { ...limit, windowMs: 500 })).toMatchObject({
        allowed: true,
        used: 1,
      });
      expect(await hit()).toMatchObject({ allowed: false });
    });

    it('takes keys as they are', async () => {
      const keys = ['ip:2001:db8::/64', 'user:1', 'user:1/2', '__proto__', '', 'a'.repeat(300)];
      for (const key of keys) expect(await hit(key)).toMatchObject({ used: 1 });
      for (const key of keys) expect(await hit(key)).toMatchObject({ used: 2 });
    });

    describe('a refund', () => {
      it('leaves room for one more', async () => {
        await hits(3);
        await refund();
        expect(await hit()).toMatchObject({ allowed: true, remaining: 0 });
        expect(await hit()).toMatchObject({ allowed: false });
      });

      it('of what was refused leaves room for none', async () => {
        await hits(4);
        await refund();
        expect(await hit()).toMatchObject({ allowed: false });
      });

      it('does not move the end of the window', async () => {
        await hits(1);
        await under.advance(1_000);
        await refund();
        expect(await hit()).toMatchObject({ used: 1, resetMs: limit.windowMs - 1_000 });
      });

      it('of nothing is nothing: no room is won and no window begins', async () => {
        await refund();
        await refund();
        await under.advance(1_000);
        expect(await hit()).toEqual({ allowed: true, remaining: 2, resetMs: limit.windowMs, used: 1 });
        await refund();
        await refund();
        await hits(3);
        expect(await hit()).toMatchObject({ allowed: false });
      });

      it('that comes after its window is nothing', async () => {
        await hits(3);
        await under.advance(limit.windowMs);
        await refund();
        await hits(3);
        expect(await hit()).toMatchObject({ allowed: false });
      });

      it('concerns its own key', async () => {
        await hits(3);
        await refund('bob');
        expect(await hit()).toMatchObject({ allowed: false });
      });
    });
  });
}
