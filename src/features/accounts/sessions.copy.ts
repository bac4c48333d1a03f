import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { sessionDocument, sessionModel, type SessionDocument } from './sessions.mongo.ts';
import { sessionOf, type SessionRow } from './sessions.sqlite.ts';

export const sessionCopy: Copy<SessionDocument> = {
  tables: ['sessions'],
  model: sessionModel,
  count: (db) => countOf(db, 'sessions'),
  *batches(db) {
    const users = (after: number, limit: number) =>
      db.all<{ id: number }>(
        'SELECT DISTINCT user_id AS id FROM sessions WHERE user_id > ? ORDER BY user_id LIMIT ?',
        after,
        limit,
      );
    for (const page of pages(users, ({ id }) => id)) {
      // Those that live longest get the first places: only what has expired can be behind the last one.
      const rows = db.all<SessionRow>(
        'SELECT * FROM sessions WHERE user_id BETWEEN ? AND ? ORDER BY user_id, expires_at DESC, id',
        page[0]!.id,
        page.at(-1)!.id,
      );
      let place = 0;
      yield rows.map((row, index) => {
        place = row.user_id === rows[index - 1]?.user_id ? place + 1 : 0;
        return sessionDocument(sessionOf(row), place);
      });
    }
  },
};
