import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/kernel/connection.ts';
import { createConnections } from '../../src/kernel/connections.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const connection = (id: string) => ({ id }) as Connection;

describe('connections', () => {
  it('are known by their ids while they live', () => {
    const sizes: number[] = [];
    const live = createConnections(() => sizes.push(live.size));
    const [ann, bob] = [connection('a'), connection('b')];
    live.add(ann);
    live.add(bob);
    expect(live.get('a')).toBe(ann);
    expect([...live.all()]).toEqual([ann, bob]);
    live.remove(ann);
    expect(live.get('a')).toBeUndefined();
    expect([...live.all()]).toEqual([bob]);
    expect(sizes).toEqual([1, 2, 1]);
  });

  it('are none at once when there are none', async () => {
    await createConnections(() => {}).empty();
  });

  it('are none when the last one is cleaned up after', async () => {
    const live = createConnections(() => {});
    const [ann, bob] = [connection('a'), connection('b')];
    live.add(ann);
    live.add(bob);
    let empty = false;
    const waiting = live.empty().then(() => (empty = true));
    live.remove(bob);
    await turn();
    expect(empty).toBe(false);
    live.remove(ann);
    await waiting;
    expect(empty).toBe(true);
  });
});
