import { rowId, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import type { ReportReason } from './contract.ts';
import type { Report, ReportStore } from './reports.ts';

export const reportsTable: Migration = {
  name: 'reports',
  release: 1,
  sql: `
    CREATE TABLE reports (
      id       INTEGER PRIMARY KEY,
      by_id    INTEGER NOT NULL,
      user_id  INTEGER NOT NULL,
      reason   TEXT NOT NULL,
      details  TEXT,
      match_id TEXT,
      at       INTEGER NOT NULL
    ) STRICT;
  `,
};

export interface ReportRow {
  id: number;
  by_id: number;
  user_id: number;
  reason: string;
  details: string | null;
  match_id: string | null;
  at: number;
}

export const reportOf = (row: ReportRow): Report => ({
  id: String(row.id),
  by: String(row.by_id),
  userId: String(row.user_id),
  reason: row.reason as ReportReason,
  details: row.details,
  matchId: row.match_id,
  at: row.at,
});

export function sqliteReports(db: Sqlite): Sync<ReportStore> {
  return {
    add(report) {
      db.run(
        'INSERT INTO reports (id, by_id, user_id, reason, details, match_id, at) VALUES (?, ?, ?, ?, ?, ?, ?)',
        rowId(report.id),
        rowId(report.by),
        rowId(report.userId),
        report.reason,
        report.details,
        report.matchId,
        report.at,
      );
    },

    newest(limit, beforeId) {
      // Ids are in order of time.
      const rows = db.all<ReportRow>(
        'SELECT * FROM reports WHERE id < ? ORDER BY id DESC LIMIT ?',
        beforeId === null ? Number.MAX_SAFE_INTEGER : rowId(beforeId),
        limit,
      );
      return rows.map(reportOf);
    },
  };
}
