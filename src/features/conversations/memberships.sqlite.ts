import { rowId, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { ConversationStore, Leaving, Membership } from './conversations.ts';
import { idOrNull, keepsItsMembers, living, removeConversation } from './stored-conversation.sqlite.ts';

export interface MembershipRow {
  conversation_id: number;
  user_id: number;
  joined_at: number;
  read_seq: number;
  hidden_until: number;
}

export const membershipOf = (row: MembershipRow): Membership => ({
  conversationId: String(row.conversation_id),
  userId: String(row.user_id),
  joinedAt: row.joined_at,
  readSeq: row.read_seq,
  hiddenUntil: row.hidden_until,
});

/** The part of the store that is about users. */
type Memberships = Pick<
  Sync<ConversationStore>,
  'members' | 'countMembers' | 'join' | 'leave' | 'moveRead' | 'hide' | 'admitted' | 'peersOf' | 'forget'
>;

/** False for who is a member already. */
export const addMember = (db: Sqlite, id: string, userId: string, at: number, readSeq: number): boolean =>
  db.run(
    `INSERT INTO memberships (conversation_id, user_id, joined_at, read_seq) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
    rowId(id),
    rowId(userId),
    at,
    readSeq,
  ) > 0;

export function sqliteMemberships(db: Sqlite): Memberships {
  const countMembers = (id: string) =>
    db.get<{ n: number }>('SELECT count(*) AS n FROM memberships WHERE conversation_id = ?', rowId(id))?.n ??
    0;

  function leave(id: string, userId: string): Leaving {
    const conversation = living(db, id);
    if (!conversation) return { left: false, ownerId: null, removed: false };
    const left = db.run(
      'DELETE FROM memberships WHERE conversation_id = ? AND user_id = ?',
      rowId(id),
      rowId(userId),
    );
    if (left === 0) return { left: false, ownerId: idOrNull(conversation.owner_id), removed: false };

    const longest = db.get<{ user_id: number }>(
      'SELECT user_id FROM memberships WHERE conversation_id = ? ORDER BY joined_at, user_id LIMIT 1',
      rowId(id),
    );
    if (!longest && keepsItsMembers(conversation.type)) {
      return { left: true, ownerId: null, removed: removeConversation(db, id) };
    }
    if (conversation.owner_id !== rowId(userId)) {
      return { left: true, ownerId: idOrNull(conversation.owner_id), removed: false };
    }
    const ownerId = longest?.user_id ?? null;
    db.run('UPDATE conversations SET owner_id = ? WHERE id = ?', ownerId, rowId(id));
    return { left: true, ownerId: idOrNull(ownerId), removed: false };
  }

  return {
    members: (id, limit) =>
      db
        .all<MembershipRow>(
          'SELECT * FROM memberships WHERE conversation_id = ? ORDER BY joined_at, user_id LIMIT ?',
          rowId(id),
          limit,
        )
        .map(membershipOf),

    countMembers,

    join(id, userIds, at, readSeq) {
      const conversation = living(db, id);
      if (!conversation) throw new AppError('NOT_FOUND', 'There is no such conversation.');
      const added = userIds.filter((userId) => addMember(db, id, userId, at, readSeq));
      if (added.length > 0 && keepsItsMembers(conversation.type) && countMembers(id) > limits.members) {
        throw new AppError('CONFLICT', `A conversation has at most ${limits.members} members.`);
      }
      return added;
    },

    leave,

    moveRead: (id, userId, seq) =>
      db.run(
        'UPDATE memberships SET read_seq = ?1 WHERE conversation_id = ?2 AND user_id = ?3 AND read_seq < ?1',
        seq,
        rowId(id),
        rowId(userId),
      ) > 0,

    hide(id, userId, untilSeq) {
      db.run(
        'UPDATE memberships SET hidden_until = ? WHERE conversation_id = ? AND user_id = ?',
        untilSeq,
        rowId(id),
        rowId(userId),
      );
    },

    admitted(pairs) {
      const rows = db.all<{ place: number }>(
        `SELECT asked.key AS place FROM json_each(?) AS asked
         CROSS JOIN conversations AS c ON c.id = asked.value ->> 0 AND c.removed_at IS NULL
         WHERE c.type IN ('public', 'stream') OR EXISTS (
           SELECT 1 FROM memberships AS m WHERE m.conversation_id = c.id AND m.user_id = asked.value ->> 1)`,
        JSON.stringify(pairs.map(({ conversationId, userId }) => [rowId(conversationId), rowId(userId)])),
      );
      return rows.map(({ place }) => pairs[place]!);
    },

    peersOf(userId, limit) {
      return db
        .all<{ user_id: number }>(
          `SELECT DISTINCT other.user_id FROM memberships AS own
           CROSS JOIN conversations AS c ON c.id = own.conversation_id AND c.type IN ('direct', 'group')
           CROSS JOIN memberships AS other ON other.conversation_id = own.conversation_id
           WHERE own.user_id = ?1 AND other.user_id <> ?1 LIMIT ?2`,
          rowId(userId),
          limit,
        )
        .map((row) => String(row.user_id));
    },

    forget(userIds) {
      return userIds.flatMap((userId) => {
        const own = db.all<{ id: number }>(
          'SELECT conversation_id AS id FROM memberships WHERE user_id = ?',
          rowId(userId),
        );
        return own.map(({ id }) => String(id)).filter((id) => leave(id, userId).removed);
      });
    },
  };
}
