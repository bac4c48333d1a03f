import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Report, ReportStore } from '../../src/features/moderation/reports.ts';
import { nextId, NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';

const report = (overrides: Partial<Report> = {}): Report => ({
  id: nextId(),
  by: '11',
  userId: '12',
  reason: 'spam',
  details: null,
  matchId: null,
  at: NOW,
  ...overrides,
});

/** What every ReportStore does. */
export function reportStoreContract({ name, open }: StorageBackend): void {
  describe(`report store: ${name}`, () => {
    let under: StorageUnderTest;
    let reports: ReportStore;
    beforeAll(async () => {
      under = await open();
      reports = under.stores.reports;
    });
    afterEach(() => under.empty());
    afterAll(() => under.close());

    it('pages from the newest to the oldest', async () => {
      const [first, second, third] = [
        report({ details: 'twice', matchId: 'm1' }),
        report(),
        report({ by: '13' }),
      ];
      for (const one of [first, second, third]) await reports.add(one);
      expect(await reports.newest(2, null)).toEqual([third, second]);
      expect(await reports.newest(2, second.id)).toEqual([first]);
      expect(await reports.newest(2, first.id)).toEqual([]);
    });
  });
}
