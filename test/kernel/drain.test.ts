import type { Server } from 'socket.io';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../../src/kernel/connection.ts';
import { createConnections } from '../../src/kernel/connections.ts';
import { drainConnections } from '../../src/kernel/drain.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));
const STEP_MS = 5;

function house(count: number) {
  const clock = fakeClock();
  const connections = createConnections(() => {});
  const dropped: string[] = [];
  let engineClosed = false;
  const io = { engine: { close: () => (engineClosed = true) } } as unknown as Server;
  for (let n = 0; n < count; n++) {
    const connection = {
      id: `${n}`,
      drop() {
        dropped.push(this.id);
        connections.remove(this);
      },
    } as Connection;
    connections.add(connection);
  }

  return {
    dropped,
    isEngineClosed: () => engineClosed,
    connections,
    /** How long it took, and how many went in each moment. */
    async drain(deadlineMs: number): Promise<{ ms: number; steps: number[] }> {
      const start = clock.now();
      let over = false;
      const end = drainConnections(io, connections, deadlineMs, clock).then(() => (over = true));
      const steps: number[] = [];
      let before = 0;
      for (let n = 0; n < 10_000 && !over; n++) {
        await turn();
        if (dropped.length > before) steps.push(dropped.length - before);
        before = dropped.length;
        if (!over) clock.advance(STEP_MS);
      }
      await end;
      return { ms: clock.now() - start, steps };
    },
  };
}

describe('draining', () => {
  it('sends everybody away, 500 a second', async () => {
    const { drain, dropped } = house(1_000);
    const { ms, steps } = await drain(30_000);
    expect(new Set(dropped).size).toBe(1_000);
    expect(Math.max(...steps)).toBe(25);
    expect(ms).toBeGreaterThan(1_500);
    expect(ms).toBeLessThan(2_800);
  });

  it('hurries when the deadline is near', async () => {
    const { drain, dropped } = house(10_000);
    const { ms, steps } = await drain(1_000);
    expect(dropped).toHaveLength(10_000);
    expect(Math.max(...steps)).toBe(1_000);
    expect(ms).toBeLessThan(1_000);
  });

  it('takes no time at all when there is none', async () => {
    const { drain, dropped } = house(300);
    expect((await drain(0)).ms).toBe(0);
    expect(dropped).toHaveLength(300);
  });

  it('picks at random, so that no room loses all its people at once', async () => {
    const { drain, dropped } = house(200);
    await drain(5_000);
    expect(dropped).not.toEqual([...dropped].sort((one, other) => Number(one) - Number(other)));
  });

  it('closes what is still in a handshake, also when there is nobody else', async () => {
    const { drain, isEngineClosed } = house(0);
    await drain(5_000);
    expect(isEngineClosed()).toBe(true);
  });

  it('is over at the deadline when a handler hangs', async () => {
    const { drain, connections } = house(3);
    connections.add({ id: 'stuck', drop() {} } as Connection);
    expect((await drain(2_000)).ms).toBe(2_000);
  });

  it('is over when the last one is cleaned up after', async () => {
    const { drain, connections } = house(3);
    const slow = { id: 'slow', drop() {} } as Connection;
    connections.add(slow);
    let over = false;
    const end = drain(100_000).then(() => (over = true));
    for (let n = 0; n < 20; n++) await turn();
    expect(over).toBe(false);
    connections.remove(slow);
    await end;
  });
});
