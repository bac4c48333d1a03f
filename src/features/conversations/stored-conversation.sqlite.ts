import { rowId, type Migration, type Sqlite } from '../../drivers/sqlite.ts';
import type { ConversationType } from './contract.ts';
import type { Conversation } from './conversations.ts';

/**
 * A row stays when its conversation is removed: its number, its handle and the numbers of its messages are never used for anything else.
 * `last_seq = floor` says that it has no message.
 */
export const conversationsTables: Migration = {
  name: 'conversations',
  release: 2,
  sql: `
    CREATE TABLE conversations (
      id         INTEGER PRIMARY KEY,
      handle     TEXT UNIQUE,
      type       TEXT NOT NULL,
      name       TEXT NOT NULL,
      owner_id   INTEGER,
      pair_low   INTEGER,
      pair_high  INTEGER,
      created_at INTEGER NOT NULL,
      touched_at INTEGER NOT NULL,
      removed_at INTEGER,
      last_seq   INTEGER NOT NULL DEFAULT 0,
      floor      INTEGER NOT NULL DEFAULT 0,
      epoch      TEXT NOT NULL DEFAULT (lower(hex(randomblob(8))))
    ) STRICT;
    CREATE UNIQUE INDEX conversations_by_pair ON conversations (pair_low, pair_high)
      WHERE pair_low IS NOT NULL AND removed_at IS NULL;
    CREATE INDEX conversations_by_touch ON conversations (touched_at)
      WHERE type = 'public' AND removed_at IS NULL AND last_seq = floor;

    CREATE TABLE memberships (
      conversation_id INTEGER NOT NULL,
      user_id         INTEGER NOT NULL CHECK (user_id >= 0),
      joined_at       INTEGER NOT NULL,
      read_seq        INTEGER NOT NULL DEFAULT 0,
      hidden_until    INTEGER NOT NULL DEFAULT 0,
      PRIMARY KEY (conversation_id, user_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memberships_by_standing ON memberships (conversation_id, joined_at, user_id);
    CREATE INDEX memberships_by_user ON memberships (user_id, joined_at, conversation_id);
  `,
};

export interface ConversationRow {
  id: number;
  handle: string | null;
  type: string;
  name: string;
  owner_id: number | null;
  created_at: number;
  pair_low: number | null;
  pair_high: number | null;
}

export const idOrNull = (id: number | null) => (id === null ? null : String(id));

export const conversationOf = (row: ConversationRow): Conversation => ({
  id: String(row.id),
  handle: row.handle,
  type: row.type as ConversationType,
  name: row.name,
  ownerId: idOrNull(row.owner_id),
  createdAt: row.created_at,
  pair:
    row.pair_low === null || row.pair_high === null ? null : [String(row.pair_low), String(row.pair_high)],
});

export const keepsItsMembers = (type: string) => type === 'direct' || type === 'group';

export const living = (db: Sqlite, id: string) =>
  db.get<ConversationRow>('SELECT * FROM conversations WHERE id = ? AND removed_at IS NULL', rowId(id));

/** With all that was in it. False when there is no such conversation. */
export function removeConversation(db: Sqlite, id: string): boolean {
  const removed = db.run(
    'UPDATE conversations SET removed_at = ?, floor = last_seq WHERE id = ? AND removed_at IS NULL',
    Date.now(),
    rowId(id),
  );
  if (removed === 0) return false;
  db.run('DELETE FROM messages WHERE conversation_id = ?', rowId(id));
  db.run('DELETE FROM memberships WHERE conversation_id = ?', rowId(id));
  return true;
}
