import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Census, ProcessReport } from '../../src/kernel/census.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

function report(connections: number): ProcessReport {
  return {
    nodeId: 'n1',
    role: 'worker',
    connections,
    discord: 0,
    guests: 1,
    rooms: 2,
    heapUsedBytes: 3,
    heapTotalBytes: 4,
    eventLoopDelayNs: 5.5,
    cpu: { user: 6, system: 7 },
  };
}

/** What every Census does, seen from outside. */
export function censusContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`census: ${name}`, () => {
    let under: StateUnderTest;
    let census: Census;
    beforeEach(async () => {
      under = await open();
      census = under.ports.census;
    });
    afterEach(() => under.close());

    const connections = async () =>
      (await census.reports()).map((each) => each.connections).sort((one, other) => one - other);

    it('has nothing to say at first', async () => {
      expect(await census.reports()).toEqual([]);
    });

    it('tells what each process said last, in full', async () => {
      await census.report('w1', report(1));
      await census.report('w2', report(20));
      await census.report('w1', report(300));
      expect(await connections()).toEqual([20, 300]);
      expect(await census.reports()).toContainEqual(report(20));
    });

    it('forgets a process that is gone, and only that one', async () => {
      await census.report('w1', report(1));
      await census.report('w2', report(20));
      await census.dropOwner('w1');
      await census.dropOwner('w9');
      expect(await connections()).toEqual([20]);
    });
  });
}
