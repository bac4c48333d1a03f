import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { accountDocument, accountModel, type AccountDocument } from './accounts.mongo.ts';
import { accountOf, type AccountRow } from './accounts.sqlite.ts';

export const accountCopy: Copy<AccountDocument> = {
  tables: ['accounts'],
  model: accountModel,
  count: (db) => countOf(db, 'accounts'),
  *batches(db) {
    const page = (after: number, limit: number) =>
      db.all<AccountRow>('SELECT * FROM accounts WHERE id > ? ORDER BY id LIMIT ?', after, limit);
    for (const rows of pages(page, ({ id }) => id)) {
      yield rows.map((row) => accountDocument(accountOf(row)));
    }
  },
};
