import { rowId, rowIds, type Sqlite, type Sync } from '../../drivers/sqlite.ts';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Draft, Message, MessageStore, Page, Position } from './messages.ts';
import { reacted, unreacted, type Reactions } from './reactions.ts';
import { messageFrom, messageOf, type MessageRow } from './stored-message.sqlite.ts';

interface PositionRow {
  last_seq: number;
  floor: number;
  epoch: string;
}

/** Every number up to the last one is a message or was one. */
const positionOf = (conversationId: string, { last_seq, floor, epoch }: PositionRow): Position => ({
  conversationId,
  upTo: last_seq,
  head: last_seq,
  floor,
  epoch,
});

/** Of `limit + 1` rows. */
function pageOf(rows: readonly MessageRow[], limit: number): Page {
  return { messages: rows.slice(0, limit).map(messageOf), more: rows.length > limit };
}

/** Of a message `m`. @param reader where the reader's id is bound */
const visibleTo = (reader: string) =>
  `(m.hidden_from IS NULL OR NOT EXISTS (SELECT 1 FROM json_each(m.hidden_from) WHERE value = ${reader}))`;

const ORDINARY_PAGE = `SELECT m.* FROM messages AS m
  WHERE m.conversation_id = ?1 AND ${visibleTo('?3')} AND (?4 OR m.deleted_at IS NULL)`;
const BEFORE = `${ORDINARY_PAGE} AND m.seq < ?2 ORDER BY m.seq DESC LIMIT ?5`;
const AFTER = `${ORDINARY_PAGE} AND m.seq > ?2 ORDER BY m.seq LIMIT ?5`;

const LATEST = `SELECT m.* FROM json_each(?1) AS asked CROSS JOIN messages AS m ON m.id = (
    SELECT m.id FROM messages AS m
    WHERE m.conversation_id = asked.value AND m.deleted_at IS NULL AND ${visibleTo('?2')} ORDER BY m.seq DESC LIMIT 1)`;

/** One statement, so that no message comes between the position and the page. Without messages there is one row all the same. */
const SINCE = `SELECT c.last_seq, c.floor, c.epoch, m.* FROM conversations AS c
  LEFT JOIN messages AS m ON m.conversation_id = c.id AND m.seq > ?2 AND ${visibleTo('?3')}
  WHERE c.id = ?1 AND c.removed_at IS NULL ORDER BY m.seq LIMIT ?4`;

const CHANGED = `SELECT m.* FROM messages AS m
  WHERE m.conversation_id = ?1 AND m.changed_at IS NOT NULL AND (m.changed_at, m.id) > (?2, ?3) AND m.seq <= ?4
    AND ${visibleTo('?5')} ORDER BY m.changed_at, m.id LIMIT ?6`;

const UNREAD = `SELECT (
    SELECT count(*) FROM (
      SELECT 1 FROM messages AS m WHERE m.conversation_id = asked.value ->> 0 AND m.seq > asked.value ->> 1
        AND m.sender_id <> ?2 AND m.deleted_at IS NULL AND ${visibleTo('?2')} LIMIT ${limits.unread})
  ) AS n FROM json_each(?1) AS asked ORDER BY asked.key`;

export function sqliteMessages(db: Sqlite): Sync<MessageStore> {
  const underKey = (conversationId: number, senderId: string, key: string) =>
    db.get<MessageRow>(
      'SELECT * FROM messages WHERE conversation_id = ? AND sender_id = ? AND retry_key = ?',
      conversationId,
      senderId,
      key,
    );

  function formerly(conversationId: number, { senderId, retry }: Draft): Message | null {
    if (retry.formerKey === null) return null;
    const row = underKey(conversationId, senderId, retry.formerKey);
    return row && row.created_at >= retry.since ? messageOf(row) : null;
  }

  /** False when its key, or its id, is taken. */
  const insert = (conversationId: number, seq: number, draft: Draft) =>
    db.run(
      `INSERT INTO messages (id, conversation_id, seq, sender_id, retry_key, created_at, hidden_from, sender_name, type, text,
         url, file_name, upload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      rowId(draft.id),
      conversationId,
      seq,
      draft.senderId,
      draft.retry.key,
      draft.createdAt,
      draft.hiddenFrom.length === 0 ? null : JSON.stringify(draft.hiddenFrom),
      draft.senderName,
      draft.type,
      draft.text,
      draft.attachment?.url ?? null,
      draft.attachment?.fileName ?? null,
      draft.attachment && JSON.stringify(draft.attachment.upload),
    ) > 0;

  function byId(id: string): Message | null {
    const row = db.get<MessageRow>('SELECT * FROM messages WHERE id = ?', rowId(id));
    return row ? messageOf(row) : null;
  }

  const undeleted = (id: string) =>
    db.get<MessageRow>('SELECT * FROM messages WHERE id = ? AND deleted_at IS NULL', rowId(id));

  /** @param change what becomes of the reactions; null for nothing */
  function react(id: string, change: (reactions: Reactions) => Reactions | null) {
    const row = undeleted(id);
    if (!row) return null;
    const message = messageOf(row);
    const reactions = change(message.reactions);
    if (!reactions) return { message, changed: false };
    const changedAt = Date.now();
    db.run(
      'UPDATE messages SET reactions = ?, changed_at = ? WHERE id = ?',
      reactions.length === 0 ? null : JSON.stringify(reactions),
      changedAt,
      row.id,
    );
    return { message: { ...message, reactions, changedAt }, changed: true };
  }

  return {
    append(conversationId, drafts) {
      const id = rowId(conversationId);
      const counter = db.get<{ last_seq: number }>(
        'SELECT last_seq FROM conversations WHERE id = ? AND removed_at IS NULL',
        id,
      );
      if (!counter) throw new AppError('NOT_FOUND', 'There is no such conversation.');
      let seq = counter.last_seq;
      const appended = drafts.map((draft) => {
        const former = formerly(id, draft);
        if (former) return { message: former, repeated: true };
        if (insert(id, seq + 1, draft))
          return { message: messageFrom(draft, conversationId, ++seq), repeated: false };
        const first = underKey(id, draft.senderId, draft.retry.key);
        if (!first) throw new Error(`the id ${draft.id} belongs to another message`);
        return { message: messageOf(first), repeated: true };
      });
      if (seq > counter.last_seq) db.run('UPDATE conversations SET last_seq = ? WHERE id = ?', seq, id);
      return appended;
    },

    byId,

    page(conversationId, range, { limit, reader, withDeleted }) {
      const [sql, bound] = 'before' in range ? [BEFORE, range.before] : [AFTER, range.after];
      const rows = db.all<MessageRow>(
        sql,
        rowId(conversationId),
        bound,
        reader,
        Number(withDeleted),
        limit + 1,
      );
      return pageOf(rows, limit);
    },

    latest: (conversationIds, reader) =>
      db.all<MessageRow>(LATEST, rowIds(conversationIds), reader).map(messageOf),

    positions: (conversationIds) =>
      db
        .all<PositionRow & { id: number }>(
          `SELECT id, last_seq, floor, epoch FROM conversations
           WHERE id IN (SELECT value FROM json_each(?)) AND removed_at IS NULL`,
          rowIds(conversationIds),
        )
        .map((row) => positionOf(String(row.id), row)),

    since(conversationId, after, { limit, reader }) {
      const rows = db.all<PositionRow & (MessageRow | { id: null })>(
        SINCE,
        rowId(conversationId),
        after,
        reader,
        limit + 1,
      );
      const [first] = rows;
      if (!first) return null;
      const page = pageOf(
        rows.filter((row) => row.id !== null),
        limit,
      );
      const position = positionOf(conversationId, first);
      return { ...position, ...page, upTo: page.more ? page.messages.at(-1)!.seq : position.upTo };
    },

    changed(conversationId, { changedAt, id }, { through, limit, reader }) {
      const rows = db.all<MessageRow>(
        CHANGED,
        rowId(conversationId),
        changedAt,
        rowId(id),
        through,
        reader,
        limit + 1,
      );
      return pageOf(rows, limit);
    },

    edit(id, text, notBefore) {
      const row = db.get<MessageRow>(
        `UPDATE messages SET text = ?1, edited_at = ?2, changed_at = ?2
         WHERE id = ?3 AND deleted_at IS NULL AND created_at >= ?4 RETURNING *`,
        text,
        Date.now(),
        rowId(id),
        notBefore,
      );
      return row ? messageOf(row) : null;
    },

    remove(id) {
      db.run(
        `UPDATE messages SET text = '', url = NULL, file_name = NULL, upload = NULL, reactions = NULL, deleted_at = ?1, changed_at = ?1
         WHERE id = ?2 AND deleted_at IS NULL`,
        Date.now(),
        rowId(id),
      );
      return byId(id);
    },

    react: (id, userId, reaction) => react(id, (reactions) => reacted(reactions, userId, reaction)),
    unreact: (id, userId, reaction) => react(id, (reactions) => unreacted(reactions, userId, reaction)),

    unread: (userId, positions) =>
      db
        .all<{ n: number }>(
          UNREAD,
          JSON.stringify(positions.map(({ conversationId, after }) => [rowId(conversationId), after])),
          userId,
        )
        .map(({ n }) => n),
  };
}
