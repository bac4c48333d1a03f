import { mongo } from 'mongoose';
import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import { messageModel, type MessageDocument } from './stored-message.mongo.ts';
import { messageOf, type MessageRow } from './stored-message.sqlite.ts';

/** Never the time that the server would replace by its own. */
const stampOf = (ms: number) => new mongo.Timestamp({ t: Math.max(0, Math.floor(ms / 1_000)), i: 1 });
const dateOf = (ms: number | null) => (ms === null ? null : new Date(ms));

function documentOf(row: MessageRow & { retry_key: string }): MessageDocument {
  const message = messageOf(row);
  return {
    _id: row.id,
    conversation: row.conversation_id,
    seq: row.seq,
    sender: row.sender_id,
    key: row.retry_key,
    senderName: row.sender_name,
    type: row.type,
    text: row.text,
    attachment: message.attachment && { ...message.attachment },
    createdAt: new Date(row.created_at),
    editedAt: dateOf(row.edited_at),
    deletedAt: dateOf(row.deleted_at),
    changedAt: dateOf(row.changed_at),
    reactions: message.reactions.map(({ reaction, userIds }) => ({ reaction, userIds: [...userIds] })),
    hiddenFrom: [...message.hiddenFrom],
    storedAt: stampOf(row.created_at),
  };
}

export const messageCopy: Copy<MessageDocument> = {
  tables: ['messages'],
  model: messageModel,
  count: (db) => countOf(db, 'messages'),
  *batches(db) {
    const page = (after: number, limit: number) =>
      db.all<MessageRow & { retry_key: string }>(
        'SELECT * FROM messages WHERE id > ? ORDER BY id LIMIT ?',
        after,
        limit,
      );
    for (const rows of pages(page, ({ id }) => id)) yield rows.map(documentOf);
  },
};
