/** How SQLite finds accounts: on an index, in the index's order, however many there are. */
import { expect, it } from 'vitest';
import { openWriter } from '../../src/drivers/sqlite.ts';
import { sqliteAccounts } from '../../src/features/accounts/accounts.sqlite.ts';
import { migrations } from '../../src/sqlite-stores.ts';
import { noting } from './query-plans.ts';
import { temporaryDir } from './storage-backends.ts';

it('searches names and external ids on their indexes', () => {
  const dir = temporaryDir();
  const db = openWriter(dir.path, migrations);
  const noted = noting(db);
  const accounts = sqliteAccounts(noted.db);
  accounts.withNamePrefix('an', null, 20);
  accounts.byExternalId('x');
  expect(noted.plans()).toEqual([
    expect.stringMatching(/^SEARCH accounts USING INDEX \w+ \(username_key>\? AND username_key<\?\)$/),
    'SEARCH accounts USING INDEX accounts_by_external_id (external_id=?)',
  ]);
  db.close();
  dir.remove();
});
