import { rowId, rowIds, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import type { BlockStore } from './blocks.ts';
import { limits } from './contract.ts';

export const blocksTable: Migration = {
  name: 'blocks',
  release: 1,
  sql: `
    CREATE TABLE blocks (
      by_id   INTEGER NOT NULL,
      user_id INTEGER NOT NULL,
      at      INTEGER NOT NULL,
      PRIMARY KEY (by_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX blocks_by_user ON blocks (user_id, by_id);
  `,
};

export function sqliteBlocks(db: Sqlite): Sync<BlockStore> {
  return {
    block(by, userId, at) {
      const added = db.run(
        'INSERT INTO blocks (by_id, user_id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
        rowId(by),
        rowId(userId),
        at,
      );
      const own = db.get<{ n: number }>('SELECT count(*) AS n FROM blocks WHERE by_id = ?', rowId(by));
      if (added > 0 && own && own.n > limits.blocksPerUser) {
        throw new AppError(
          'CONFLICT',
          `You have blocked ${limits.blocksPerUser} people. Unblock somebody first.`,
        );
      }
    },

    unblock: (by, userId) =>
      db.run('DELETE FROM blocks WHERE by_id = ? AND user_id = ?', rowId(by), rowId(userId)) > 0,

    idsBlockedBy: (userId) =>
      db
        .all<{ user_id: number }>(
          'SELECT user_id FROM blocks WHERE by_id = ? ORDER BY at DESC, user_id',
          rowId(userId),
        )
        .map((row) => String(row.user_id)),

    idsBlocking: (userId) =>
      db
        .all<{ by_id: number }>('SELECT by_id FROM blocks WHERE user_id = ?', rowId(userId))
        .map((row) => String(row.by_id)),

    betweenAny(userId, otherIds) {
      const rows = db.all<{ id: number }>(
        `SELECT user_id AS id FROM blocks WHERE by_id = ?1 AND user_id IN (SELECT value FROM json_each(?2))
         UNION SELECT by_id FROM blocks WHERE user_id = ?1 AND by_id IN (SELECT value FROM json_each(?2))`,
        rowId(userId),
        rowIds(otherIds),
      );
      const blocked = new Set(rows.map(({ id }) => id));
      return otherIds.filter((id) => blocked.has(rowId(id)));
    },

    blockedPairs(pairs) {
      const rows = db.all<{ position: number }>(
        `SELECT pair.key AS position FROM json_each(?) AS pair WHERE EXISTS (
           SELECT 1 FROM blocks WHERE (by_id, user_id) = (pair.value ->> 0, pair.value ->> 1)
         ) OR EXISTS (
           SELECT 1 FROM blocks WHERE (user_id, by_id) = (pair.value ->> 0, pair.value ->> 1)
         )`,
        JSON.stringify(pairs.map(([one, other]) => [rowId(one), rowId(other)])),
      );
      const blocked = new Set(rows.map(({ position }) => position));
      return pairs.filter((_, position) => blocked.has(position));
    },

    forget(userIds) {
      const ids = rowIds(userIds);
      db.run('DELETE FROM blocks WHERE by_id IN (SELECT value FROM json_each(?))', ids);
      db.run('DELETE FROM blocks WHERE user_id IN (SELECT value FROM json_each(?))', ids);
    },
  };
}
