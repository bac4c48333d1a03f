import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { blocksModel, type BlocksDocument } from './blocks.mongo.ts';

export const blockCopy: Copy<BlocksDocument> = {
  tables: ['blocks'],
  model: blocksModel,
  count: (db) => countOf(db, '(SELECT DISTINCT by_id FROM blocks)'),
  *batches(db) {
    const users = (after: number, limit: number) =>
      db.all<{ id: number }>(
        'SELECT DISTINCT by_id AS id FROM blocks WHERE by_id > ? ORDER BY by_id LIMIT ?',
        after,
        limit,
      );
    for (const page of pages(users, ({ id }) => id)) {
      const rows = db.all<{ by_id: number; user_id: number; at: number }>(
        'SELECT * FROM blocks WHERE by_id BETWEEN ? AND ? ORDER BY by_id, at, user_id',
        page[0]!.id,
        page.at(-1)!.id,
      );
      const documents = new Map<number, BlocksDocument>(page.map(({ id }) => [id, { _id: id, blocked: [] }]));
      for (const row of rows) {
        documents.get(row.by_id)?.blocked.push({ user: row.user_id, at: new Date(row.at) });
      }
      yield [...documents.values()];
    }
  },
};
