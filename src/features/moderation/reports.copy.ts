import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { reportDocument, reportModel, type ReportDocument } from './reports.mongo.ts';
import { reportOf, type ReportRow } from './reports.sqlite.ts';

export const reportCopy: Copy<ReportDocument> = {
  tables: ['reports'],
  model: reportModel,
  count: (db) => countOf(db, 'reports'),
  *batches(db) {
    const page = (after: number, limit: number) =>
      db.all<ReportRow>('SELECT * FROM reports WHERE id > ? ORDER BY id LIMIT ?', after, limit);
    for (const rows of pages(page, ({ id }) => id)) {
      yield rows.map((row) => reportDocument(reportOf(row)));
    }
  },
};
