import { rowId, rowIds, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PresenceStatus } from '../../kernel/schemas.ts';
import { emailKeyOf, usernameKeyOf, type Account, type AccountStore } from './accounts.ts';

export const accountsTable: Migration = {
  name: 'accounts',
  sql: `
    CREATE TABLE accounts (
      id              INTEGER PRIMARY KEY,
      username        TEXT NOT NULL,
      username_key    TEXT NOT NULL UNIQUE,
      email           TEXT,
      email_key       TEXT UNIQUE,
      password_hash   TEXT,
      avatar          TEXT,
      guest           INTEGER NOT NULL,
      status          TEXT NOT NULL,
      admin_confirmed INTEGER NOT NULL,
      created_at      INTEGER NOT NULL,
      last_seen       INTEGER NOT NULL,
      expires_at      INTEGER
    ) STRICT;
    CREATE INDEX accounts_by_expiry ON accounts (expires_at) WHERE expires_at IS NOT NULL;
  `,
};

export interface AccountRow {
  id: number;
  username: string;
  email: string | null;
  password_hash: string | null;
  avatar: string | null;
  guest: number;
  status: string;
  admin_confirmed: number;
  created_at: number;
  last_seen: number;
  expires_at: number | null;
}

export const accountOf = (row: AccountRow): Account => ({
  id: String(row.id),
  username: row.username,
  email: row.email,
  passwordHash: row.password_hash,
  avatar: row.avatar,
  guest: row.guest === 1,
  status: row.status as PresenceStatus,
  adminConfirmed: row.admin_confirmed === 1,
  createdAt: row.created_at,
  lastSeen: row.last_seen,
  expiresAt: row.expires_at,
});

export function sqliteAccounts(db: Sqlite): Sync<AccountStore> {
  /** @param but the account that may have them itself */
  function refuseTaken(username: string, email: string | null, but: number) {
    const taken = (column: string, key: string) =>
      db.get(`SELECT 1 FROM accounts WHERE ${column} = ? AND id <> ?`, key, but) !== undefined;
    const fields = {
      ...(taken('username_key', usernameKeyOf(username)) && { username: 'is taken' }),
      ...(email !== null && taken('email_key', emailKeyOf(email)) && { email: 'is registered already' }),
    };
    const names = Object.keys(fields);
    if (names.length > 0) throw new AppError('CONFLICT', `Already in use: ${names.join(', ')}.`, fields);
  }

  const byId = (id: string) => {
    const row = db.get<AccountRow>('SELECT * FROM accounts WHERE id = ?', rowId(id));
    return row ? accountOf(row) : null;
  };

  return {
    create(account) {
      refuseTaken(account.username, account.email, -1);
      db.run(
        `INSERT INTO accounts (id, username, username_key, email, email_key, password_hash, avatar, guest, status,
           admin_confirmed, created_at, last_seen, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
        rowId(account.id),
        account.username,
        usernameKeyOf(account.username),
        account.email,
        account.email === null ? null : emailKeyOf(account.email),
        account.passwordHash,
        account.avatar,
        Number(account.guest),
        account.status,
        Number(account.adminConfirmed),
        account.createdAt,
        account.lastSeen,
        account.expiresAt,
      );
    },

    byId,

    byIds(ids) {
      const rows = db.all<{ id: number; username: string; avatar: string | null }>(
        'SELECT id, username, avatar FROM accounts WHERE id IN (SELECT value FROM json_each(?))',
        rowIds(ids),
      );
      const found = new Map(rows.map((row) => [row.id, { ...row, id: String(row.id) }]));
      return ids.flatMap((id) => found.get(rowId(id)) ?? []);
    },

    byEmail(email) {
      const row = db.get<AccountRow>('SELECT * FROM accounts WHERE email_key = ?', emailKeyOf(email));
      return row ? accountOf(row) : null;
    },

    convertGuest(id, { username, email, passwordHash }, now) {
      const guest = db.get(
        'SELECT 1 FROM accounts WHERE id = ? AND guest = 1 AND expires_at > ?',
        rowId(id),
        now,
      );
      if (!guest) return null;
      refuseTaken(username, email, rowId(id));
      db.run(
        `UPDATE accounts SET username = ?, username_key = ?, email = ?, email_key = ?, password_hash = ?, guest = 0,
           expires_at = NULL WHERE id = ?`,
        username,
        usernameKeyOf(username),
        email,
        emailKeyOf(email),
        passwordHash,
        rowId(id),
      );
      return byId(id);
    },

    setPassword: (id, hash) =>
      db.run('UPDATE accounts SET password_hash = ? WHERE id = ?', hash, rowId(id)) > 0,
    setStatus(id, status) {
      db.run('UPDATE accounts SET status = ? WHERE id = ?', status, rowId(id));
    },
    seen(id, at) {
      db.run('UPDATE accounts SET last_seen = ?1 WHERE id = ?2 AND last_seen < ?1', at, rowId(id));
    },
    confirmAdmin: (id) => db.run('UPDATE accounts SET admin_confirmed = 1 WHERE id = ?', rowId(id)) > 0,

    count: () => db.get<{ n: number }>('SELECT count(*) AS n FROM accounts')?.n ?? 0,

    removeExpiredGuests(now, limit) {
      return db
        .all<{ id: number }>(
          `DELETE FROM accounts WHERE id IN (
             SELECT id FROM accounts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?
           ) RETURNING id`,
          now,
          limit,
        )
        .map(({ id }) => String(id));
    },
  };
}
