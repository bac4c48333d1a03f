import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OWNER_TTL_MS, type Owners } from '../../src/kernel/owners.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

const RENEW_MS = 4_000;

/** What every Owners does, seen from outside. */
export function ownersContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`owners: ${name}`, () => {
    let under: StateUnderTest;
    let owners: Owners;
    beforeEach(async () => {
      under = await open();
      owners = under.ports.owners;
    });
    afterEach(() => under.close());

    /** Time passes in which these renew. */
    async function passes(ms: number, ...alive: string[]) {
      for (let passed = 0; passed < ms; passed += RENEW_MS) {
        await under.advance(Math.min(RENEW_MS, ms - passed));
        for (const owner of alive) await owners.renew(owner);
      }
    }

    it('are new once', async () => {
      expect(await owners.renew('w1')).toEqual({ known: false });
      expect(await owners.renew('w1')).toEqual({ known: true });
      expect(await owners.renew('w2')).toEqual({ known: false });
    });

    it('lapse when they are silent, and only those', async () => {
      await owners.renew('w1');
      await owners.renew('w2');
      await passes(OWNER_TTL_MS - 1, 'w2');
      expect(await owners.lapsed()).toEqual([]);
      await passes(1);
      expect(await owners.lapsed()).toEqual(['w1']);
    });

    it('that lapsed come again until they are dropped, and cannot renew meanwhile', async () => {
      await owners.renew('w1');
      await passes(OWNER_TTL_MS, 'w2');
      expect(await owners.lapsed()).toEqual(['w1']);
      expect(await owners.lapsed()).toEqual(['w1']);
      await expect(owners.renew('w1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      await owners.dropOwner('w1');
      expect(await owners.lapsed()).toEqual([]);
      expect(await owners.renew('w1')).toEqual({ known: false });
    });

    it('that are late, and not yet found to be, just go on', async () => {
      await owners.renew('w1');
      await passes(OWNER_TTL_MS + 1, 'w2');
      expect(await owners.renew('w1')).toEqual({ known: true });
      expect(await owners.lapsed()).toEqual([]);
    });

    it('who left do not lapse', async () => {
      await owners.renew('w1');
      await owners.dropOwner('w1');
      await passes(OWNER_TTL_MS, 'w2');
      expect(await owners.lapsed()).toEqual([]);
    });

    it('none lapses within one lease of a time in which nobody could renew', async () => {
      for (const owner of ['w1', 'w2', 'w3']) await owners.renew(owner);
      await under.advance(60_000);
      expect(await owners.lapsed()).toEqual([]);
      expect(await owners.renew('w1')).toEqual({ known: true });
      await passes(OWNER_TTL_MS - 1, 'w1');
      expect(await owners.lapsed()).toEqual([]);
      expect(await owners.renew('w2')).toEqual({ known: true });
      await passes(1, 'w1');
      expect(await owners.lapsed()).toEqual(['w3']);
    });

    it('no lease ends in a silence that was too short to be noticed', async () => {
      await owners.renew('w1');
      await under.advance(RENEW_MS);
      await owners.renew('w2');
      for (let silence = 1_000; silence < 40_000; silence += 1_500) {
        await owners.renew('w1');
        await under.advance(RENEW_MS);
        await owners.renew('w2');
        await under.advance(silence);
        expect(await owners.lapsed()).toEqual([]);
      }
    });

    it('of many who ask at once for the first time each is new', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, () => owners.renew('w1')));
      expect(answers.filter(({ known }) => !known)).toHaveLength(1);
    });
  });
}
