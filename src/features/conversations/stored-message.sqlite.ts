import type { Migration } from '../../drivers/sqlite.ts';
import type { UploadDetails } from '../uploads/contract.ts';
import type { MessageType } from './contract.ts';
import type { Draft, Message } from './messages.ts';
import type { Reactions } from './reactions.ts';

/** What rows are chosen by comes before what can be long: SQLite reads no further than it must. */
export const messagesTable: Migration = {
  name: 'messages',
  release: 2,
  sql: `
    CREATE TABLE messages (
      id              INTEGER PRIMARY KEY,
      conversation_id INTEGER NOT NULL,
      seq             INTEGER NOT NULL,
      sender_id       TEXT NOT NULL,
      retry_key       TEXT NOT NULL,
      created_at      INTEGER NOT NULL,
      edited_at       INTEGER,
      deleted_at      INTEGER,
      changed_at      INTEGER,
      hidden_from     TEXT,
      sender_name     TEXT NOT NULL,
      type            TEXT NOT NULL,
      text            TEXT NOT NULL,
      url             TEXT,
      file_name       TEXT,
      reactions       TEXT
    ) STRICT;
    CREATE UNIQUE INDEX messages_by_seq ON messages (conversation_id, seq);
    CREATE UNIQUE INDEX messages_by_retry ON messages (conversation_id, sender_id, retry_key);
    CREATE INDEX messages_by_change ON messages (conversation_id, changed_at) WHERE changed_at IS NOT NULL;
  `,
};

/** What a message keeps of its upload, as JSON. */
export const uploadOfMessages: Migration = {
  name: 'upload of messages',
  release: 3,
  sql: 'ALTER TABLE messages ADD COLUMN upload TEXT;',
};

export interface MessageRow {
  id: number;
  conversation_id: number;
  seq: number;
  sender_id: string;
  created_at: number;
  edited_at: number | null;
  deleted_at: number | null;
  changed_at: number | null;
  hidden_from: string | null;
  sender_name: string;
  type: string;
  text: string;
  url: string | null;
  file_name: string | null;
  upload: string | null;
  reactions: string | null;
}

const attachmentOf = ({ url, file_name: fileName, upload }: MessageRow): Message['attachment'] =>
  url === null || fileName === null || upload === null
    ? null
    : { url, fileName, upload: JSON.parse(upload) as UploadDetails };

export const messageOf = (row: MessageRow): Message => ({
  id: String(row.id),
  conversationId: String(row.conversation_id),
  seq: row.seq,
  senderId: row.sender_id,
  senderName: row.sender_name,
  type: row.type as MessageType,
  text: row.text,
  attachment: attachmentOf(row),
  createdAt: row.created_at,
  editedAt: row.edited_at,
  deletedAt: row.deleted_at,
  changedAt: row.changed_at,
  reactions: row.reactions === null ? [] : (JSON.parse(row.reactions) as Reactions),
  hiddenFrom: row.hidden_from === null ? [] : (JSON.parse(row.hidden_from) as string[]),
});

export const messageFrom = (draft: Draft, conversationId: string, seq: number): Message => ({
  id: draft.id,
  conversationId,
  seq,
  senderId: draft.senderId,
  senderName: draft.senderName,
  type: draft.type,
  text: draft.text,
  attachment: draft.attachment,
  createdAt: draft.createdAt,
  editedAt: null,
  deletedAt: null,
  changedAt: null,
  reactions: [],
  hiddenFrom: draft.hiddenFrom,
});
