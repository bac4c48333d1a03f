import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Leases } from '../../src/kernel/leases.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

const TTL_MS = 2_000;

/** What every Leases does, seen from outside. */
export function leasesContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`leases: ${name}`, () => {
    let under: StateUnderTest;
    let leases: Leases;
    beforeEach(async () => {
      under = await open();
      leases = under.ports.leases;
    });
    afterEach(() => under.close());

    const hold = (owner: string, role = 'sweeper') => leases.hold(role, owner, TTL_MS);

    describe('names', () => {
      it('belong to one owner at a time', async () => {
        expect(await hold('w1')).toBe(true);
        expect(await hold('w2')).toBe(false);
        expect(await hold('w1')).toBe(true);
        expect(await hold('w2', 'collector')).toBe(true);
      });

      it('go to one of many who ask at once', async () => {
        const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => hold(`w${n}`)));
        expect(answers.filter(Boolean)).toHaveLength(1);
      });

      it('lapse at the end of their time, and the former owner is one of the others then', async () => {
        await hold('w1');
        await under.advance(TTL_MS - 1);
        expect(await hold('w2')).toBe(false);
        await under.advance(1);
        expect(await hold('w2')).toBe(true);
        expect(await hold('w1')).toBe(false);
      });

      it('are renewed by asking again', async () => {
        for (let round = 0; round < 5; round++) {
          expect(await hold('w1')).toBe(true);
          await under.advance(TTL_MS - 1);
        }
        expect(await hold('w2')).toBe(false);
      });

      it('are free at once when they are given up, by their owner only', async () => {
        await hold('w1');
        await leases.release('sweeper', 'w2');
        expect(await hold('w2')).toBe(false);
        await leases.release('sweeper', 'w1');
        expect(await hold('w2')).toBe(true);
        await leases.release('sweeper', 'w1');
        expect(await hold('w3')).toBe(false);
        await leases.release('nothing', 'w1');
      });
    });

    describe('slots', () => {
      it('are the lowest that is free, and stay the same for the same owner', async () => {
        expect(await leases.slot('ids', 'w1', 4)).toBe(0);
        expect(await leases.slot('ids', 'w2', 4)).toBe(1);
        expect(await leases.slot('ids', 'w1', 4)).toBe(0);
        expect(await leases.slot('other', 'w2', 4)).toBe(0);
        await leases.dropOwner('w1');
        expect(await leases.slot('ids', 'w3', 4)).toBe(0);
        expect(await leases.slot('ids', 'w4', 4)).toBe(2);
      });

      it('differ for all who ask at once', async () => {
        const slots = await Promise.all(
          Array.from({ length: 20 }, (_, n) => leases.slot('ids', `w${n}`, 20)),
        );
        expect(new Set(slots).size).toBe(20);
        expect(Math.max(...slots)).toBe(19);
      });

      it('are kept however long it takes', async () => {
        await leases.slot('ids', 'w1', 4);
        await under.advance(24 * 60 * 60_000);
        await leases.release('ids', 'w1');
        expect(await leases.slot('ids', 'w2', 4)).toBe(1);
      });

      it('end: whoever comes then is told to try again', async () => {
        await leases.slot('ids', 'w1', 1);
        await expect(leases.slot('ids', 'w2', 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        expect(await leases.slot('ids', 'w1', 1)).toBe(0);
        await leases.dropOwner('w1');
        expect(await leases.slot('ids', 'w2', 1)).toBe(0);
      });
    });

    it('a worker that is gone gives back all it had, and nothing of others', async () => {
      await hold('w1', 'sweeper');
      await hold('w1', 'collector');
      await hold('w2', 'gateway');
      await leases.slot('ids', 'w2', 4);
      await leases.dropOwner('w1');
      expect(await hold('w3', 'sweeper')).toBe(true);
      expect(await hold('w3', 'collector')).toBe(true);
      expect(await hold('w3', 'gateway')).toBe(false);
      expect(await leases.slot('ids', 'w3', 4)).toBe(1);
    });
  });
}
