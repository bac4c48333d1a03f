import { rowId, rowIds, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { accountOf, type AccountRow } from './accounts.sqlite.ts';
import { MAX_SESSIONS_PER_USER, TOUCH_INTERVAL_MS, type Session, type SessionStore } from './sessions.ts';

export const sessionsTable: Migration = {
  name: 'sessions',
  release: 1,
  sql: `
    CREATE TABLE sessions (
      id         INTEGER PRIMARY KEY,
      user_id    INTEGER NOT NULL,
      ip         TEXT NOT NULL,
      user_agent TEXT NOT NULL,
      device_id  TEXT,
      country    TEXT,
      city       TEXT,
      created_at INTEGER NOT NULL,
      last_seen  INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      refresh_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX sessions_by_user ON sessions (user_id, last_seen);
    CREATE INDEX sessions_by_expiry ON sessions (expires_at);
  `,
};

export interface SessionRow {
  id: number;
  user_id: number;
  ip: string;
  user_agent: string;
  device_id: string | null;
  country: string | null;
  city: string | null;
  created_at: number;
  last_seen: number;
  expires_at: number;
  refresh_id: string;
}

export const sessionOf = (row: SessionRow): Session => ({
  id: String(row.id),
  userId: String(row.user_id),
  ip: row.ip,
  userAgent: row.user_agent,
  deviceId: row.device_id,
  location: row.country === null || row.city === null ? null : { country: row.country, city: row.city },
  createdAt: row.created_at,
  lastSeen: row.last_seen,
  expiresAt: row.expires_at,
  refreshId: row.refresh_id,
});

const idsOf = (rows: readonly { id: number }[]) => rows.map(({ id }) => String(id));

export function sqliteSessions(db: Sqlite): Sync<SessionStore> {
  return {
    create(session) {
      db.run(
        `INSERT INTO sessions (id, user_id, ip, user_agent, device_id, country, city, created_at, last_seen, expires_at,
           refresh_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        rowId(session.id),
        rowId(session.userId),
        session.ip,
        session.userAgent,
        session.deviceId,
        session.location?.country ?? null,
        session.location?.city ?? null,
        session.createdAt,
        session.lastSeen,
        session.expiresAt,
        session.refreshId,
      );
      return idsOf(
        db.all<{ id: number }>(
          `DELETE FROM sessions WHERE id IN (
             SELECT id FROM sessions WHERE user_id = ? AND id <> ? AND expires_at > ?
             ORDER BY last_seen DESC, id DESC LIMIT -1 OFFSET ?
           ) RETURNING id`,
          rowId(session.userId),
          rowId(session.id),
          session.createdAt,
          MAX_SESSIONS_PER_USER - 1,
        ),
      );
    },

    withOwner(id, now) {
      const session = db.get<SessionRow>(
        'SELECT * FROM sessions WHERE id = ? AND expires_at > ?',
        rowId(id),
        now,
      );
      if (!session) return null;
      const account = db.get<AccountRow>(
        'SELECT * FROM accounts WHERE id = ? AND (expires_at IS NULL OR expires_at > ?)',
        session.user_id,
        now,
      );
      return account ? { session: sessionOf(session), account: accountOf(account) } : null;
    },

    alive(ids, now) {
      return idsOf(
        db.all<{ id: number }>(
          'SELECT id FROM sessions WHERE id IN (SELECT value FROM json_each(?)) AND expires_at > ?',
          rowIds(ids),
          now,
        ),
      );
    },

    listOf(userId, now) {
      return db
        .all<SessionRow>(
          'SELECT * FROM sessions WHERE user_id = ? AND expires_at > ? ORDER BY last_seen DESC, id DESC',
          rowId(userId),
          now,
        )
        .map(sessionOf);
    },

    rotate(id, { presented, next, expiresAt, ip }, now) {
      const rotated = db.run(
        `UPDATE sessions SET refresh_id = ?, expires_at = ?, ip = ?, last_seen = max(last_seen, ?)
         WHERE id = ? AND refresh_id = ? AND expires_at > ?`,
        next,
        expiresAt,
        ip,
        now,
        rowId(id),
        presented,
        now,
      );
      if (rotated > 0) return 'ok';
      return db.run('DELETE FROM sessions WHERE id = ? AND expires_at > ?', rowId(id), now) > 0
        ? 'reused'
        : 'gone';
    },

    renew(id, refreshId, expiresAt, now) {
      return (
        db.run(
          'UPDATE sessions SET refresh_id = ?, expires_at = ? WHERE id = ? AND expires_at > ?',
          refreshId,
          expiresAt,
          rowId(id),
          now,
        ) > 0
      );
    },

    setDevice(id, deviceId, location) {
      return (
        db.run(
          'UPDATE sessions SET device_id = ?, country = ?, city = ? WHERE id = ?',
          deviceId,
          location?.country ?? null,
          location?.city ?? null,
          rowId(id),
        ) > 0
      );
    },

    touch(id, at, ip) {
      db.run(
        `UPDATE sessions SET last_seen = max(last_seen, ?1), ip = coalesce(?2, ip)
         WHERE id = ?3 AND (last_seen <= ?1 - ?4 OR ip <> coalesce(?2, ip))`,
        at,
        ip,
        rowId(id),
        TOUCH_INTERVAL_MS,
      );
    },

    revoke(userId, ids) {
      return idsOf(
        db.all<{ id: number }>(
          'DELETE FROM sessions WHERE user_id = ? AND id IN (SELECT value FROM json_each(?)) RETURNING id',
          rowId(userId),
          rowIds(ids),
        ),
      );
    },

    revokeAllOf(userId, exceptId) {
      return idsOf(
        db.all<{ id: number }>(
          'DELETE FROM sessions WHERE user_id = ? AND id <> ? RETURNING id',
          rowId(userId),
          exceptId === null ? -1 : rowId(exceptId),
        ),
      );
    },

    removeExpired(now, limit) {
      return db.run(
        'DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
        now,
        limit,
      );
    },
  };
}
