/** How SQLite finds what conversations and messages ask for: on an index, in the index's order, whatever there is. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openWriter, type Sqlite } from '../../src/drivers/sqlite.ts';
import { migrations, syncStores } from '../../src/sqlite-stores.ts';
import { NOW } from './account-record.ts';
import { ann, bob, conversation, direct, draft, named } from './conversation-stage.ts';
import { isSlow, noting } from './query-plans.ts';
import { temporaryDir } from './storage-backends.ts';

const MESSAGES = 200_000;
const id = '7';

let dir: ReturnType<typeof temporaryDir>;
let db: Sqlite;
let plans: () => string[];
let forget: () => void;
/** As the storage has them, with their statements noted. */
let stores: ReturnType<typeof syncStores>;

beforeAll(() => {
  dir = temporaryDir();
  db = openWriter(dir.path, migrations);
  const noted = noting(db);
  ({ plans, forget } = noted);
  stores = syncStores(noted.db);
  stores.conversations.create(conversation({ id }), [ann, bob]);
  db.exec(`
    BEGIN;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MESSAGES})
    INSERT INTO messages (id, conversation_id, seq, sender_id, retry_key, created_at, sender_name, type, text)
      SELECT 1000 + i, ${id}, i, '11', 'k' || i, i, 'Ann', 'text', 'hello' FROM n;
    UPDATE conversations SET last_seq = ${MESSAGES} WHERE id = ${id};
    COMMIT`);
});
beforeEach(() => forget());
afterAll(() => {
  db.close();
  dir.remove();
});

const any = { limit: 50, reader: bob, withDeleted: false };

describe(`among ${MESSAGES} messages`, () => {
  it('finds a page on (conversation, seq)', () => {
    const { messages } = stores.messages.page(id, { before: MESSAGES + 1 }, any);
    expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => MESSAGES - i));
    stores.messages.page(id, { after: 100_000 }, any);
    expect(plans().filter((plan) => plan.startsWith('SEARCH m '))).toEqual([
      'SEARCH m USING INDEX messages_by_seq (conversation_id=? AND seq<?)',
      'SEARCH m USING INDEX messages_by_seq (conversation_id=? AND seq>?)',
    ]);
    expect(plans().filter(isSlow)).toEqual([]);
  });

  it('finds what is new, and what changed, on an index each', () => {
    stores.messages.since(id, 100_000, any);
    stores.messages.changed(id, { changedAt: NOW, id: '5' }, { ...any, through: MESSAGES });
    expect(plans()).toEqual(
      expect.arrayContaining([
        'SEARCH c USING INTEGER PRIMARY KEY (rowid=?)',
        expect.stringContaining('SEARCH m USING INDEX messages_by_seq (conversation_id=? AND seq>?)'),
        'SEARCH m USING INDEX messages_by_change (conversation_id=? AND changed_at>?)',
      ]),
    );
    expect(plans().filter(isSlow)).toEqual([]);
  });

  it('looks up retry keys, and everything else that is asked of messages, on an index', () => {
    const { messages } = stores;
    const again = draft({ retry: { key: 'k5', formerKey: 'k4x', since: 0 } });
    expect(messages.append(id, [again])).toMatchObject([{ message: { seq: 5 }, repeated: true }]);
    messages.byId('1001');
    messages.latest([id], bob);
    messages.positions([id]);
    messages.edit('1001', 'x', 0);
    messages.react('1001', bob, '👍');
    messages.remove('1001');
    expect(plans()).toContain(
      'SEARCH messages USING INDEX messages_by_retry (conversation_id=? AND sender_id=? AND retry_key=?)',
    );
    expect(plans().filter(isSlow)).toEqual([]);
  });

  it('counts unread messages on (conversation, seq), and sorts nothing but what was asked', () => {
    stores.messages.unread(bob, [{ conversationId: id, after: 5 }]);
    expect(plans()).toContain('SEARCH m USING INDEX messages_by_seq (conversation_id=? AND seq>?)');
    expect(plans().filter(isSlow)).toEqual(['USE TEMP B-TREE FOR ORDER BY']);
  });
});

it('looks for conversations and members on an index', () => {
  const { conversations } = stores;
  conversations.openNamed(named('general'));
  conversations.openDirect(direct([ann, bob]));
  conversations.find(id, ann);
  conversations.find('general', ann);
  conversations.listOf(ann, 10);
  conversations.members(id, 10);
  conversations.countMembers(id);
  conversations.join(id, ['99'], NOW, 0);
  conversations.moveRead(id, ann, 5);
  conversations.admitted([{ conversationId: id, userId: ann }]);
  conversations.deserted(NOW, 10);
  conversations.touch([id], NOW);
  conversations.forget(['99']);
  expect(plans()).toContain('SEARCH conversations USING INDEX conversations_by_touch (touched_at<?)');
  expect(plans().filter(isSlow)).toEqual([]);

  // Each user once, of conversations with up to a thousand: the only one that gathers what it found.
  forget();
  conversations.peersOf(ann, 10);
  expect(plans().filter(isSlow)).toEqual(['USE TEMP B-TREE FOR DISTINCT']);
});
