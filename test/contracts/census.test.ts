import { describe, expect, it } from 'vitest';
import { memoryCensus, startReporting, type Census } from '../../src/kernel/census.ts';
import { censusContract } from './census.ts';
import { fakeClock } from './fake-clock.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) censusContract(backend);

describe('reporting', () => {
  function start(census: Census) {
    const clock = fakeClock();
    let connections = 0;
    const reporting = startReporting({
      census,
      clock,
      owner: 'n1.1.x',
      nodeId: 'n1',
      role: 'worker',
      counts: () => ({ connections: ++connections, discord: 0, guests: 0, rooms: 0 }),
    });
    return { clock, reporting };
  }

  it('says once a second what is, and at once when asked', async () => {
    const census = memoryCensus();
    const { clock, reporting } = start(census);
    expect(await census.reports()).toEqual([]);
    await reporting.now();
    expect(await census.reports()).toMatchObject([{ nodeId: 'n1', role: 'worker', connections: 1 }]);
    clock.advance(3_000);
    const [report] = await census.reports();
    expect(report?.connections).toBe(4);
    expect(report?.heapUsedBytes).toBeGreaterThan(1_000_000);
    expect(report?.eventLoopDelayNs).toBeGreaterThanOrEqual(0);
    expect(report?.cpu.user).toBeGreaterThan(0);

    reporting.stop();
    clock.advance(3_000);
    expect(await census.reports()).toMatchObject([{ connections: 4 }]);
  });

  it('says it at the end of a tick in which something changed, once', async () => {
    const census = memoryCensus();
    const { reporting } = start(census);
    for (let n = 0; n < 10; n++) reporting.changed();
    expect(await census.reports()).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await census.reports()).toMatchObject([{ connections: 1 }]);
    reporting.changed();
    reporting.stop();
    await new Promise((resolve) => setImmediate(resolve));
    expect(await census.reports()).toMatchObject([{ connections: 1 }]);
  });

  it('outlives a census that is away', async () => {
    const away = Object.assign(memoryCensus(), { report: () => Promise.reject(new Error('away')) });
    const { clock, reporting } = start(away);
    clock.advance(2_000);
    await expect(reporting.now()).rejects.toThrow('away');
    reporting.stop();
  });
});
