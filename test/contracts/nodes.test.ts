import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/kernel/logger.ts';
import { keepNodeId, leaseNodeId, memoryNodes, NODE_WAIT_MS, refusalOf } from '../../src/kernel/nodes.ts';
import { OWNER_TTL_MS } from '../../src/kernel/owners.ts';
import { fakeClock } from './fake-clock.ts';
import { nodeRecord, nodesContract } from './nodes.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) nodesContract(backend);

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a node that starts', () => {
  function setup() {
    const clock = fakeClock();
    const nodes = memoryNodes(clock);
    const said: string[] = [];
    const logger = { ...silentLogger, warn: (_: string, text: string) => void said.push(text) };
    const { nodeId: _, ...node } = nodeRecord('', 'new');
    async function lease(wanted: string, alive?: string) {
      let outcome: string | undefined;
      const leasing = leaseNodeId({ nodes, clock, logger }, wanted, node).then(
        (nodeId) => (outcome = nodeId),
        (error: Error) => (outcome = error.message),
      );
      const startedAt = clock.now();
      while (outcome === undefined) {
        await settled();
        if (outcome !== undefined) break;
        clock.advance(1_000);
        if (alive) await nodes.hold(nodeRecord(alive));
      }
      await leasing;
      return { outcome, afterMs: clock.now() - startedAt, said };
    }
    return { clock, nodes, lease };
  }

  it('has its name at once', async () => {
    const { lease } = setup();
    expect(await lease('n3')).toEqual({ outcome: 'n3', afterMs: 0, said: [] });
  });

  it('waits for the name it had before it was killed, and says so', async () => {
    const { nodes, lease } = setup();
    await nodes.hold(nodeRecord('n3'));
    const { outcome, afterMs, said } = await lease('n3');
    expect(outcome).toBe('n3');
    expect(afterMs).toBe(OWNER_TTL_MS);
    expect(said).toEqual(['NODE_ID: waiting up to 17 s for the name n3, which is not free yet']);
  });

  it('refuses the name of another one that lives', async () => {
    const { nodes, lease } = setup();
    await nodes.hold(nodeRecord('n3'));
    const { outcome, afterMs } = await lease('n3', 'n3');
    expect(outcome).toBe('NODE_ID: another node is called n3; give each its own');
    expect(afterMs).toBe(NODE_WAIT_MS);
  });

  it('takes the lowest free name when it may have any', async () => {
    const { nodes, lease } = setup();
    await nodes.hold(nodeRecord('n1'));
    expect(await lease('auto')).toMatchObject({ outcome: 'n2', afterMs: 0 });
  });

  it('does not work beside another one with anything embedded, and gives its name back', async () => {
    const { nodes, lease } = setup();
    await nodes.hold({ ...nodeRecord('n1'), storage: 'sqlite' });
    expect(await lease('n2')).toMatchObject({
      outcome: 'MONGODB_URI: required on every node when there is more than one (found n1, n2)',
    });
    expect(await nodes.living()).toHaveLength(1);
  });

  it('may be alone with anything embedded', () => {
    const alone = { ...nodeRecord('n1'), state: 'memory', storage: 'sqlite' } as const;
    expect(refusalOf(alone, [alone])).toBeUndefined();
    expect(refusalOf(alone, [alone, nodeRecord('n2')])).toMatch(/^REDIS_URL and MONGODB_URI: required/);
    expect(refusalOf(nodeRecord('n1'), [nodeRecord('n2')])).toBeUndefined();
  });
});

describe('a node that runs', () => {
  it('keeps its name until it stops, and learns when another one has it', async () => {
    const clock = fakeClock();
    const nodes = memoryNodes(clock);
    let lost = 0;
    await nodes.hold(nodeRecord('n1'));
    const keeper = keepNodeId({ nodes, clock, logger: silentLogger }, nodeRecord('n1'), () => (lost += 1));
    clock.advance(60_000);
    await settled();
    expect(await nodes.living()).toHaveLength(1);

    await nodes.release('n1', nodeRecord('n1').holder);
    await nodes.hold(nodeRecord('n1', 'other'));
    await keeper.now();
    await keeper.now();
    expect(lost).toBe(1);
    await keeper.stop();
    expect(await nodes.living()).toEqual([nodeRecord('n1', 'other')]);
  });
});
