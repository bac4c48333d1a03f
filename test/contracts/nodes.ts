import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NodeRecord, Nodes } from '../../src/kernel/nodes.ts';
import { OWNER_TTL_MS } from '../../src/kernel/owners.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

const RENEW_MS = 5_000;

export function nodeRecord(nodeId: string, holder = `${nodeId}.0.x`): NodeRecord {
  return { nodeId, holder, state: 'redis', storage: 'mongodb' };
}

/** What every Nodes does, seen from outside. */
export function nodesContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`nodes: ${name}`, () => {
    let under: StateUnderTest;
    let nodes: Nodes;
    beforeEach(async () => {
      under = await open();
      nodes = under.ports.nodes;
    });
    afterEach(() => under.close());

    const hold = (nodeId: string, holder?: string) => nodes.hold(nodeRecord(nodeId, holder));
    const holdAny = (holder: string) => nodes.holdAny({ holder, state: 'redis', storage: 'sqlite' });
    const living = async () => (await nodes.living()).map(({ nodeId }) => nodeId).sort();

    /** Time passes in which this node lives. */
    async function passes(ms: number, alive: string) {
      for (let passed = 0; passed < ms; passed += RENEW_MS) {
        await under.advance(Math.min(RENEW_MS, ms - passed));
        await hold(alive);
      }
    }

    it('have a name each', async () => {
      expect(await hold('n1', 'a')).toBe(true);
      expect(await hold('n1', 'b')).toBe(false);
      expect(await hold('n2', 'b')).toBe(true);
      expect(await hold('n1', 'a')).toBe(true);
      expect(await living()).toEqual(['n1', 'n2']);
      expect(await nodes.living()).toContainEqual(nodeRecord('n2', 'b'));
    });

    it('a name goes to one of many who ask at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => hold('n1', `h${n}`)));
      expect(answers.filter(Boolean)).toHaveLength(1);
    });

    it('without a name get the lowest that is free, each another one', async () => {
      await hold('n2', 'b');
      expect(await holdAny('a')).toBe('n1');
      expect(await holdAny('c')).toBe('n3');
      expect(await holdAny('a')).toBe('n1');
      const names = await Promise.all(Array.from({ length: 96 }, (_, n) => holdAny(`h${n}`)));
      expect(new Set(names).size).toBe(96);
      expect(await holdAny('too many')).toBeNull();
    });

    it('keep the name while they renew, and for one lease after', async () => {
      await hold('n1', 'a');
      await passes(OWNER_TTL_MS - 1, 'n9');
      expect(await hold('n1', 'b')).toBe(false);
      await passes(1, 'n9');
      expect(await living()).toEqual(['n9']);
      expect(await hold('n1', 'b')).toBe(true);
      expect(await hold('n1', 'a')).toBe(false);
    });

    it('keep it within one lease of a time in which nobody could renew', async () => {
      await hold('n1', 'a');
      await under.advance(60_000);
      expect(await hold('n1', 'b')).toBe(false);
      expect(await hold('n1', 'a')).toBe(true);
      await under.advance(60_000);
      expect(await hold('n1', 'b')).toBe(false);
      await passes(OWNER_TTL_MS, 'n9');
      expect(await hold('n1', 'b')).toBe(true);
    });

    it('give it up at once when they leave, and nobody else’s', async () => {
      await hold('n1', 'a');
      await nodes.release('n1', 'b');
      expect(await hold('n1', 'b')).toBe(false);
      await nodes.release('n1', 'a');
      expect(await living()).toEqual([]);
      expect(await hold('n1', 'b')).toBe(true);
    });
  });
}
