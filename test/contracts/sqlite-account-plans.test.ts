/** How SQLite finds accounts: on an index, in the index's order, however many there are. */
import { expect, it } from 'vitest';
import { openWriter, type Sqlite } from '../../src/drivers/sqlite.ts';
import { sqliteAccounts } from '../../src/features/accounts/accounts.sqlite.ts';
import { migrations } from '../../src/sqlite-stores.ts';
import { temporaryDir } from './storage-backends.ts';

it('searches names and external ids on their indexes', () => {
  const dir = temporaryDir();
  const db = openWriter(dir.path, migrations);
  const asked: string[] = [];
  const noting = {
    ...db,
    get: (sql: string, ...params: never[]) => (asked.push(sql), db.get(sql, ...params)),
    all: (sql: string, ...params: never[]) => (asked.push(sql), db.all(sql, ...params)),
  } as Sqlite;
  const accounts = sqliteAccounts(noting);
  accounts.withNamePrefix('an', null, 20);
  accounts.byExternalId('x');
  const plans = asked.flatMap((sql) =>
    db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => detail),
  );
  expect(plans).toEqual([
    expect.stringMatching(/^SEARCH accounts USING INDEX \w+ \(username_key>\? AND username_key<\?\)$/),
    'SEARCH accounts USING INDEX accounts_by_external_id (external_id=?)',
  ]);
  db.close();
  dir.remove();
});
