/** How SQLite finds uploads and their uses: on an index, whatever there is that stays. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { openWriter, type Sqlite } from '../../src/drivers/sqlite.ts';
import { sqliteUploads } from '../../src/features/uploads/uploads.sqlite.ts';
import { migrations } from '../../src/sqlite-stores.ts';
import { NOW } from './account-record.ts';
import { isSlow, noting } from './query-plans.ts';
import { temporaryDir } from './storage-backends.ts';
import { asAvatar, inMatch, inMessage, upload } from './upload-stage.ts';

let dir: ReturnType<typeof temporaryDir>;
let db: Sqlite;
let uploads: ReturnType<typeof sqliteUploads>;
let plans: () => string[];
let forget: () => void;

beforeAll(() => {
  dir = temporaryDir();
  db = openWriter(dir.path, migrations);
  const noted = noting(db);
  ({ plans, forget } = noted);
  uploads = sqliteUploads(noted.db);
});
beforeEach(() => forget());
afterAll(() => {
  db.close();
  dir.remove();
});

it('sweeps on what may go alone', () => {
  uploads.removeOrphans({ createdBefore: NOW, now: NOW }, 10);
  expect(plans()).toEqual(
    expect.arrayContaining([
      'SEARCH uploads USING INDEX uploads_to_sweep (matched_until=? AND created_at<?)',
      expect.stringMatching(/^SEARCH uploads USING INDEX uploads_to_sweep \(matched_until<\?\)$/),
    ]),
  );
  expect(plans().filter(isSlow)).toEqual([]);
});

it.each([
  [
    'conversation',
    () => uploads.releaseConversation('500'),
    'upload_uses_by_conversation (conversation_id=?)',
  ],
  ['match', () => uploads.endMatch('m', NOW), 'upload_uses_by_match (place=?)'],
  ['avatar', () => uploads.forgetAvatars(['11']), 'upload_uses_by_avatar (place=?)'],
])('finds what is in use by a %s on an index', (_, ask, index) => {
  ask();
  expect(plans()).toContainEqual(expect.stringContaining(index));
  expect(plans().filter(isSlow)).toEqual([]);
});

it('finds the matches that last on an index, and gathers them alone', () => {
  uploads.matchesBeyond(NOW, 10);
  expect(plans()).toContainEqual(expect.stringContaining('upload_uses_by_end (until>?)'));
  expect(plans().filter(isSlow)).toEqual(['USE TEMP B-TREE FOR DISTINCT']);
});

it('finds everything else by the upload', () => {
  const one = upload();
  uploads.create(one);
  for (const use of [inMessage('7'), inMatch('m', NOW), asAvatar]) uploads.use(one.id, one.ownerId, use);
  uploads.find(one.id);
  uploads.known([one.id]);
  uploads.releaseMessage(one.id, '7');
  uploads.releaseAvatar(one.id);
  uploads.remove(one.id, one.ownerId);
  expect(plans().filter(isSlow)).toEqual([]);
});
