import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BlockStore } from '../../src/features/moderation/blocks.ts';
import { limits } from '../../src/features/moderation/contract.ts';
import { NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';

const [ann, bob, cy, dan] = ['11', '12', '13', '14'] as const;

/** What every BlockStore does. */
export function blockStoreContract({ name, open }: StorageBackend): void {
  describe(`block store: ${name}`, () => {
    let under: StorageUnderTest;
    let blocks: BlockStore;
    beforeAll(async () => {
      under = await open();
      blocks = under.stores.blocks;
    });
    afterEach(() => under.empty());
    afterAll(() => under.close());

    it('lists whom somebody blocked, the latest first', async () => {
      await blocks.block(ann, bob, NOW);
      await blocks.block(ann, cy, NOW + 1);
      await blocks.block(bob, ann, NOW);
      await blocks.block(ann, bob, NOW + 2);
      expect(await blocks.idsBlockedBy(ann)).toEqual([cy, bob]);
      expect(await blocks.idsBlockedBy(dan)).toEqual([]);
    });

    it('says who has blocked somebody, and not whom', async () => {
      await blocks.block(bob, ann, NOW);
      await blocks.block(cy, ann, NOW);
      await blocks.block(cy, dan, NOW);
      await blocks.block(ann, dan, NOW);
      expect((await blocks.idsBlocking(ann)).toSorted()).toEqual([bob, cy]);
      expect(await blocks.idsBlocking(bob)).toEqual([]);
      expect(await blocks.idsBlocking('guest:11')).toEqual([]);
      await blocks.unblock(cy, ann);
      expect(await blocks.idsBlocking(ann)).toEqual([bob]);
    });

    it('finds blocks either way', async () => {
      await blocks.block(ann, bob, NOW);
      await blocks.block(cy, ann, NOW);
      await blocks.block(bob, dan, NOW);
      expect(await blocks.betweenAny(ann, [dan, cy, bob])).toEqual([cy, bob]);
      expect(await blocks.betweenAny(dan, [ann, bob])).toEqual([bob]);
      expect(await blocks.betweenAny(ann, [])).toEqual([]);
    });

    it('takes a block back, once and only the own', async () => {
      await blocks.block(ann, bob, NOW);
      await blocks.block(bob, ann, NOW);
      expect(await blocks.unblock(ann, bob)).toBe(true);
      expect(await blocks.unblock(ann, bob)).toBe(false);
      expect(await blocks.idsBlockedBy(ann)).toEqual([]);
      expect(await blocks.betweenAny(ann, [bob])).toEqual([bob]);
    });

    it('forgets those whose accounts are gone', async () => {
      await blocks.block(ann, bob, NOW);
      await blocks.block(bob, cy, NOW);
      await blocks.block(ann, cy, NOW);
      await blocks.forget([bob, dan]);
      expect(await blocks.idsBlockedBy(ann)).toEqual([cy]);
      expect(await blocks.idsBlockedBy(bob)).toEqual([]);
      expect(await blocks.idsBlocking(bob)).toEqual([]);
      expect(await blocks.idsBlocking(cy)).toEqual([ann]);
    });

    it(`refuses more than ${limits.blocksPerUser}, and repeats still succeed then`, async () => {
      const many = Array.from({ length: limits.blocksPerUser }, (_, i) => String(1000 + i));
      await Promise.all(many.map((id) => blocks.block(ann, id, NOW)));
      await expect(blocks.block(ann, bob, NOW)).rejects.toMatchObject({ code: 'CONFLICT' });
      await blocks.block(ann, '1000', NOW);
      expect(await blocks.idsBlockedBy(ann)).toHaveLength(limits.blocksPerUser);
      expect(await blocks.betweenAny(ann, [bob])).toEqual([]);
    });
  });
}
