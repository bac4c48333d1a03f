import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { uploadDocument, uploadModel, type UploadDocument } from './uploads.mongo.ts';
import { uploadOf, useOf, type UploadRow, type UseRow } from './uploads.sqlite.ts';
import type { Use } from './uploads.ts';

/** What is stored of uploads; their bytes stay where they are. */
export const uploadCopy: Copy<UploadDocument> = {
  tables: ['uploads', 'upload_uses'],
  model: uploadModel,
  count: (db) => countOf(db, 'uploads'),
  *batches(db) {
    const page = (after: number, limit: number) =>
      db.all<UploadRow & { rowid: number }>(
        'SELECT rowid, * FROM uploads WHERE rowid > ? ORDER BY rowid LIMIT ?',
        after,
        limit,
      );
    for (const rows of pages(page, ({ rowid }) => rowid)) {
      const uses = new Map<string, Use[]>(rows.map(({ id }) => [id, []]));
      const used = db.all<UseRow>(
        'SELECT * FROM upload_uses WHERE upload_id IN (SELECT value FROM json_each(?))',
        JSON.stringify(rows.map(({ id }) => id)),
      );
      for (const row of used) uses.get(row.upload_id)?.push(useOf(row));
      yield rows.map((row) => uploadDocument(uploadOf(row), uses.get(row.id) ?? []));
    }
  },
};
