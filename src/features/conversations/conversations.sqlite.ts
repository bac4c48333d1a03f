import { rowId, rowIds, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Conversation, ConversationStore } from './conversations.ts';
import { addMember, membershipOf, sqliteMemberships, type MembershipRow } from './memberships.sqlite.ts';
import { conversationOf, removeConversation, type ConversationRow } from './stored-conversation.sqlite.ts';

const CONVERSATION = 'c.id, c.handle, c.type, c.name, c.owner_id, c.created_at, c.pair_low, c.pair_high';
const MEMBERSHIP = 'm.conversation_id, m.user_id, m.joined_at, m.read_seq, m.hidden_until';
const FOUND = `SELECT ${CONVERSATION}, ${MEMBERSHIP} FROM conversations AS c
  LEFT JOIN memberships AS m ON m.conversation_id = c.id AND m.user_id = ?2 WHERE c.removed_at IS NULL`;
const BY_ID = `${FOUND} AND c.id = ?1`;
const BY_HANDLE = `${FOUND} AND c.handle = ?1`;

const rowIdOrNull = (id: string | null) => (id === null ? null : rowId(id));
const isId = (ref: string) => /^[0-9]+$/.test(ref);

export function sqliteConversations(db: Sqlite): Sync<ConversationStore> {
  function insert(conversation: Conversation): void {
    const pair = conversation.pair && sorted(conversation.pair);
    const inserted = db.run(
      `INSERT INTO conversations (id, handle, type, name, owner_id, pair_low, pair_high, created_at, touched_at)
       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) ON CONFLICT DO NOTHING`,
      rowId(conversation.id),
      conversation.handle,
      conversation.type,
      conversation.name,
      rowIdOrNull(conversation.ownerId),
      pair?.[0] ?? null,
      pair?.[1] ?? null,
      conversation.createdAt,
    );
    if (inserted === 0) throw new AppError('CONFLICT', 'There is such a conversation already.');
  }

  const ofPair = (pair: readonly [string, string]) =>
    db.get<ConversationRow>(
      'SELECT * FROM conversations WHERE pair_low = ? AND pair_high = ? AND removed_at IS NULL',
      ...sorted(pair),
    );

  return {
    create(conversation, memberIds) {
      insert(conversation);
      for (const userId of memberIds) addMember(db, conversation.id, userId, conversation.createdAt, 0);
    },

    openNamed(candidate) {
      const known = db.get<ConversationRow & { removed_at: number | null }>(
        'SELECT * FROM conversations WHERE handle = ?',
        candidate.handle,
      );
      if (!known) {
        insert(candidate);
        return { conversation: candidate, created: true };
      }
      if (known.removed_at === null) return { conversation: conversationOf(known), created: false };
      db.run(
        `UPDATE conversations SET type = ?1, name = ?2, owner_id = ?3, created_at = ?4, touched_at = ?4, removed_at = NULL
         WHERE id = ?5`,
        candidate.type,
        candidate.name,
        rowIdOrNull(candidate.ownerId),
        candidate.createdAt,
        known.id,
      );
      return { conversation: { ...candidate, id: String(known.id) }, created: true };
    },

    openDirect(candidate) {
      const known = ofPair(candidate.pair);
      if (known) return { conversation: conversationOf(known), created: false };
      insert(candidate);
      for (const userId of candidate.pair) addMember(db, candidate.id, userId, candidate.createdAt, 0);
      return { conversation: candidate, created: true };
    },

    find(ref, userId) {
      const row = isId(ref)
        ? db.get<ConversationRow & MembershipRow>(BY_ID, rowId(ref), rowId(userId))
        : db.get<ConversationRow & MembershipRow>(BY_HANDLE, ref, rowId(userId));
      if (!row) return null;
      // Columns of a row that there is not are null.
      const membership = (row.user_id as number | null) === null ? null : membershipOf(row);
      return { conversation: conversationOf(row), membership };
    },

    findDirect(pair) {
      const row = ofPair(pair);
      return row ? conversationOf(row) : null;
    },

    listOf(userId, limit) {
      return db
        .all<ConversationRow & MembershipRow>(
          `SELECT ${CONVERSATION}, ${MEMBERSHIP} FROM memberships AS m
           CROSS JOIN conversations AS c ON c.id = m.conversation_id
           WHERE m.user_id = ? ORDER BY m.joined_at DESC, m.conversation_id DESC LIMIT ?`,
          rowId(userId),
          limit,
        )
        .map((row) => ({ conversation: conversationOf(row), membership: membershipOf(row) }));
    },

    rename: (id, name) =>
      db.run('UPDATE conversations SET name = ? WHERE id = ? AND removed_at IS NULL', name, rowId(id)) > 0,

    remove: (id) => removeConversation(db, id),

    deserted(before, limit) {
      return db
        .all<{ id: number }>(
          `SELECT id FROM conversations
           WHERE type = 'public' AND removed_at IS NULL AND last_seq = floor AND touched_at < ?
           ORDER BY touched_at, id LIMIT ?`,
          before,
          limit,
        )
        .map(({ id }) => String(id));
    },

    touch(ids, at) {
      db.run(
        `UPDATE conversations SET touched_at = ?1
         WHERE id IN (SELECT value FROM json_each(?2)) AND touched_at < ?1`,
        at,
        rowIds(ids),
      );
    },

    ...sqliteMemberships(db),
  };
}

function sorted(pair: readonly [string, string]): [low: number, high: number] {
  const [one, other] = [rowId(pair[0]), rowId(pair[1])];
  return one < other ? [one, other] : [other, one];
}
