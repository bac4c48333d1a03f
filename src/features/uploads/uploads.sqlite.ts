import { rowId, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Upload, UploadStore, Use } from './uploads.ts';

/** `lasting` and `matched_until` follow from `upload_uses`: a sweep looks at nothing but what may go. */
export const uploadsTables: Migration = {
  name: 'uploads',
  release: 3,
  sql: `
    CREATE TABLE uploads (
      id            TEXT PRIMARY KEY,
      owner_id      INTEGER NOT NULL,
      kind          TEXT NOT NULL,
      name          TEXT NOT NULL,
      mime_type     TEXT NOT NULL,
      size          INTEGER NOT NULL,
      width         INTEGER,
      height        INTEGER,
      duration_ms   INTEGER,
      waveform      TEXT,
      created_at    INTEGER NOT NULL,
      lasting       INTEGER NOT NULL DEFAULT 0,
      matched_until INTEGER
    ) STRICT;
    CREATE INDEX uploads_to_sweep ON uploads (matched_until, created_at) WHERE lasting = 0;

    CREATE TABLE upload_uses (
      upload_id       TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
      kind            TEXT NOT NULL,
      place           TEXT NOT NULL,
      conversation_id INTEGER,
      partner_id      INTEGER,
      until           INTEGER,
      PRIMARY KEY (upload_id, kind, place)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX upload_uses_by_conversation ON upload_uses (conversation_id) WHERE conversation_id IS NOT NULL;
    CREATE INDEX upload_uses_by_match ON upload_uses (place) WHERE kind = 'match';
    CREATE INDEX upload_uses_by_end ON upload_uses (until) WHERE kind = 'match';
    CREATE INDEX upload_uses_by_avatar ON upload_uses (place) WHERE kind = 'avatar';
  `,
};

export interface UploadRow {
  id: string;
  owner_id: number;
  kind: string;
  name: string;
  mime_type: string;
  size: number;
  width: number | null;
  height: number | null;
  duration_ms: number | null;
  /** JSON. */
  waveform: string | null;
  created_at: number;
}

export interface UseRow {
  upload_id: string;
  kind: string;
  /** The message's or the match's id; of an avatar its owner's. */
  place: string;
  conversation_id: number | null;
  partner_id: number | null;
  until: number | null;
}

export const uploadOf = (row: UploadRow): Upload => ({
  id: row.id,
  ownerId: String(row.owner_id),
  kind: row.kind as Upload['kind'],
  name: row.name,
  mimeType: row.mime_type,
  size: row.size,
  dimensions: row.width === null || row.height === null ? null : { width: row.width, height: row.height },
  sound:
    row.duration_ms === null || row.waveform === null
      ? null
      : { durationMs: row.duration_ms, waveform: JSON.parse(row.waveform) as number[] },
  createdAt: row.created_at,
});

export function useOf({ kind, place, conversation_id, partner_id, until }: UseRow): Use {
  if (kind === 'message') return { kind, messageId: place, conversationId: String(conversation_id) };
  if (kind === 'match') return { kind, matchId: place, partnerId: String(partner_id), until: until! };
  return { kind: 'avatar' };
}

function rowOf(use: Use, ownerId: string): Omit<UseRow, 'upload_id'> {
  const { kind } = use;
  const nowhere = { conversation_id: null, partner_id: null, until: null };
  if (kind === 'message')
    return { ...nowhere, kind, place: use.messageId, conversation_id: rowId(use.conversationId) };
  if (kind === 'match')
    return { ...nowhere, kind, place: use.matchId, partner_id: rowId(use.partnerId), until: use.until };
  return { ...nowhere, kind, place: ownerId };
}

const OF_WHAT_IS_USED = `lasting = EXISTS (SELECT 1 FROM upload_uses WHERE upload_id = uploads.id AND kind <> 'match'),
  matched_until = (SELECT max(until) FROM upload_uses WHERE upload_id = uploads.id)`;

export function sqliteUploads(db: Sqlite): Sync<UploadStore> {
  const owned = (id: string, ownerId: string) =>
    db.get<UploadRow>('SELECT * FROM uploads WHERE id = ? AND owner_id = ?', id, rowId(ownerId));

  /** After their uses have changed. */
  function follow(ids: readonly string[]): void {
    db.run(
      `UPDATE uploads SET ${OF_WHAT_IS_USED} WHERE id IN (SELECT value FROM json_each(?))`,
      JSON.stringify(ids),
    );
  }

  /** @param which a condition on uses, with a parameter for each value */
  function release(which: string, ...values: readonly (string | number)[]): void {
    const released = db.all<{ upload_id: string }>(
      `DELETE FROM upload_uses WHERE ${which} RETURNING upload_id`,
      ...values,
    );
    follow(released.map(({ upload_id }) => upload_id));
  }

  return {
    create(upload) {
      db.run(
        `INSERT INTO uploads (id, owner_id, kind, name, mime_type, size, width, height, duration_ms, waveform, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        upload.id,
        rowId(upload.ownerId),
        upload.kind,
        upload.name,
        upload.mimeType,
        upload.size,
        upload.dimensions?.width ?? null,
        upload.dimensions?.height ?? null,
        upload.sound?.durationMs ?? null,
        upload.sound ? JSON.stringify(upload.sound.waveform) : null,
        upload.createdAt,
      );
    },

    find(id) {
      // One statement: between two of them somebody else may write.
      const row = db.get<UploadRow & { uses: string }>(
        `SELECT *, (SELECT json_group_array(json_object('upload_id', upload_id, 'kind', kind, 'place', place,
           'conversation_id', conversation_id, 'partner_id', partner_id, 'until', until))
           FROM upload_uses WHERE upload_id = uploads.id) AS uses
         FROM uploads WHERE id = ?`,
        id,
      );
      return row ? { ...uploadOf(row), uses: (JSON.parse(row.uses) as UseRow[]).map(useOf) } : null;
    },

    use(id, ownerId, use) {
      const upload = owned(id, ownerId);
      if (!upload) return null;
      const { kind, place, conversation_id, partner_id, until } = rowOf(use, ownerId);
      db.run(
        `INSERT INTO upload_uses (upload_id, kind, place, conversation_id, partner_id, until) VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET until = excluded.until`,
        id,
        kind,
        place,
        conversation_id,
        partner_id,
        until,
      );
      const all = db.get<{ n: number }>('SELECT count(*) AS n FROM upload_uses WHERE upload_id = ?', id);
      if (all && all.n > limits.usesPerUpload) throw usedTooOften();
      follow([id]);
      return uploadOf(upload);
    },

    releaseMessage: (id, messageId) =>
      release(`upload_id = ? AND kind = 'message' AND place = ?`, id, messageId),

    releaseAvatar: (id) => release(`upload_id = ? AND kind = 'avatar'`, id),

    forgetAvatars: (ownerIds) =>
      release(`kind = 'avatar' AND place IN (SELECT value FROM json_each(?))`, JSON.stringify(ownerIds)),

    releaseConversation: (conversationId) => release('conversation_id = ?', rowId(conversationId)),

    matchesBeyond: (time, limit) =>
      db
        .all<{ place: string; owner_id: number }>(
          `SELECT DISTINCT place, owner_id FROM upload_uses AS u INDEXED BY upload_uses_by_end
           JOIN uploads ON uploads.id = u.upload_id WHERE u.kind = 'match' AND u.until > ? LIMIT ?`,
          time,
          limit,
        )
        .map(({ place, owner_id }) => ({ matchId: place, ownerId: String(owner_id) })),

    endMatch(matchId, until) {
      const ended = db.all<{ upload_id: string }>(
        `UPDATE upload_uses SET until = min(until, ?) WHERE kind = 'match' AND place = ? RETURNING upload_id`,
        until,
        matchId,
      );
      follow(ended.map(({ upload_id }) => upload_id));
    },

    remove(id, ownerId) {
      if (!owned(id, ownerId)) return false;
      const avatar = db.get(`SELECT 1 FROM upload_uses WHERE upload_id = ? AND kind = 'avatar'`, id);
      if (avatar) throw isAvatar();
      return db.run('DELETE FROM uploads WHERE id = ?', id) > 0;
    },

    removeOrphans({ createdBefore, now }, limit) {
      return db
        .all<{ id: string }>(
          `DELETE FROM uploads WHERE id IN (
             SELECT id FROM uploads WHERE lasting = 0 AND matched_until IS NULL AND created_at < ?
             UNION ALL SELECT id FROM uploads WHERE lasting = 0 AND matched_until <= ? LIMIT ?
           ) RETURNING id`,
          createdBefore,
          now,
          limit,
        )
        .map(({ id }) => id);
    },

    known(ids) {
      return db
        .all<{ id: string }>(
          'SELECT id FROM uploads WHERE id IN (SELECT value FROM json_each(?))',
          JSON.stringify(ids),
        )
        .map(({ id }) => id);
    },
  };
}

const usedTooOften = () =>
  new AppError('CONFLICT', `This file is in use in ${limits.usesPerUpload} places. Upload it again.`);

const isAvatar = () => new AppError('CONFLICT', 'This is your avatar. Choose another one first.');
