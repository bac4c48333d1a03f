import { rowId, rowIds, type Migration, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PresenceStatus } from '../../kernel/schemas.ts';
import { emailKeyOf, endOfPrefix, usernameKeyOf, type Account, type AccountStore } from './accounts.ts';

export const accountsTable: Migration = {
  name: 'accounts',
  release: 1,
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

export const profilesAndExternals: Migration = {
  name: 'accounts: profiles and external ids',
  release: 2,
  sql: `
    ALTER TABLE accounts ADD COLUMN display_name TEXT;
    ALTER TABLE accounts ADD COLUMN bio TEXT;
    ALTER TABLE accounts ADD COLUMN external_id TEXT;
    ALTER TABLE accounts ADD COLUMN tokens_from INTEGER;
    CREATE UNIQUE INDEX accounts_by_external_id ON accounts (external_id) WHERE external_id IS NOT NULL;
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
  display_name: string | null;
  bio: string | null;
  external_id: string | null;
  tokens_from: number | null;
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
  displayName: row.display_name,
  bio: row.bio,
  externalId: row.external_id,
  tokensFrom: row.tokens_from,
});

export function sqliteAccounts(db: Sqlite): Sync<AccountStore> {
  /** @param but the account that may have them itself */
  function refuseTaken(
    {
      username,
      email = null,
      externalId = null,
    }: Partial<Pick<Account, 'username' | 'email' | 'externalId'>>,
    but: number,
  ) {
    const taken = (column: string, key: string) =>
      db.get(`SELECT 1 FROM accounts WHERE ${column} = ? AND id <> ?`, key, but) !== undefined;
    const fields = {
      ...(username !== undefined &&
        taken('username_key', usernameKeyOf(username)) && { username: 'is taken' }),
      ...(email !== null && taken('email_key', emailKeyOf(email)) && { email: 'is registered already' }),
      ...(externalId !== null && taken('external_id', externalId) && { externalId: 'is taken' }),
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
      refuseTaken(account, -1);
      db.run(
        `INSERT INTO accounts (id, username, username_key, email, email_key, password_hash, avatar, guest, status,
           admin_confirmed, created_at, last_seen, expires_at, display_name, bio, external_id, tokens_from)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
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
        account.displayName,
        account.bio,
        account.externalId,
        account.tokensFrom,
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

    byExternalId(externalId) {
      const row = db.get<AccountRow>('SELECT * FROM accounts WHERE external_id = ?', externalId);
      return row ? accountOf(row) : null;
    },

    standing(ids) {
      return db
        .all<Pick<AccountRow, 'id' | 'username' | 'avatar' | 'tokens_from'>>(
          `SELECT id, username, avatar, tokens_from FROM accounts WHERE id IN (SELECT value FROM json_each(?))`,
          rowIds(ids),
        )
        .map(({ id, username, avatar, tokens_from }) => ({
          ...{ id: String(id), username, avatar },
          tokensFrom: tokens_from,
        }));
    },

    withNamePrefix(prefix, after, limit) {
      const key = usernameKeyOf(prefix);
      return db
        .all<Pick<AccountRow, 'id' | 'username' | 'avatar' | 'display_name'>>(
          `SELECT id, username, avatar, display_name FROM accounts
           WHERE username_key >= ? AND username_key < ? AND username_key > ? ORDER BY username_key LIMIT ?`,
          key,
          endOfPrefix(key),
          after === null ? '' : usernameKeyOf(after),
          limit,
        )
        .map(({ id, username, avatar, display_name }) => ({
          ...{ id: String(id), username, avatar },
          displayName: display_name,
        }));
    },

    updateProfile(id, changes) {
      const before = byId(id);
      if (!before) return null;
      if (changes.username !== undefined) refuseTaken({ username: changes.username }, rowId(id));
      const { username, displayName, bio, avatar } = { ...before, ...changes };
      db.run(
        'UPDATE accounts SET username = ?, username_key = ?, display_name = ?, bio = ?, avatar = ? WHERE id = ?',
        username,
        usernameKeyOf(username),
        displayName,
        bio,
        avatar,
        rowId(id),
      );
      return byId(id);
    },

    revokeTokens: (id, before) =>
      db.run(
        'UPDATE accounts SET tokens_from = max(ifnull(tokens_from, ?1), ?1) WHERE id = ?2',
        before,
        rowId(id),
      ) > 0,

    convertGuest(id, { username, email, passwordHash }, now) {
      const guest = db.get(
        'SELECT 1 FROM accounts WHERE id = ? AND guest = 1 AND expires_at > ?',
        rowId(id),
        now,
      );
      if (!guest) return null;
      refuseTaken({ username, email }, rowId(id));
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
