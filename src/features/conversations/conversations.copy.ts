import { countOf, pages, type Copy } from '../../drivers/copy.ts';
import type { Sqlite } from '../../drivers/sqlite.ts';
import { counterModel, type CounterDocument } from './counters.mongo.ts';
import { membershipKey, membershipModel, type MembershipDocument } from './memberships.mongo.ts';
import type { MembershipRow } from './memberships.sqlite.ts';
import {
  conversationDocument,
  conversationModel,
  keepsItsMembers,
  type ConversationDocument,
} from './stored-conversation.mongo.ts';
import { conversationOf, type ConversationRow } from './stored-conversation.sqlite.ts';

interface FullRow extends ConversationRow {
  touched_at: number;
  removed_at: number | null;
  last_seq: number;
  floor: number;
  epoch: string;
}

const conversations = (db: Sqlite) =>
  pages(
    (after, limit) =>
      db.all<FullRow>('SELECT * FROM conversations WHERE id > ? ORDER BY id LIMIT ?', after, limit),
    ({ id }) => id,
  );

/** Also those that were removed: they keep their handles, and their numbers go on. */
export const conversationCopy: Copy<ConversationDocument> = {
  tables: ['conversations'],
  model: conversationModel,
  count: (db) => countOf(db, 'conversations'),
  *batches(db) {
    for (const rows of conversations(db)) {
      yield rows.map((row) => ({
        ...conversationDocument(conversationOf(row)),
        touchedAt: new Date(row.touched_at),
        ...(row.removed_at !== null && {
          removedAt: new Date(row.removed_at),
          pair: null,
          name: '',
          ownerId: null,
        }),
      }));
    }
  },
};

export const counterCopy: Copy<CounterDocument> = {
  tables: [],
  model: counterModel,
  count: (db) => countOf(db, 'conversations'),
  *batches(db) {
    for (const rows of conversations(db)) {
      yield rows.map((row) => ({
        _id: row.id,
        seq: row.last_seq,
        floor: row.floor,
        epoch: row.epoch,
        open: row.removed_at === null,
        decided: row.last_seq,
        life: 0,
        unused: row.type === 'public' && row.removed_at === null && row.last_seq === row.floor,
      }));
    }
  },
};

export const membershipCopy: Copy<MembershipDocument> = {
  tables: ['memberships'],
  model: membershipModel,
  count: (db) => countOf(db, 'memberships'),
  *batches(db) {
    for (const page of conversations(db)) {
      const typeOf = new Map(page.map(({ id, type }) => [id, type]));
      const rows = db.all<MembershipRow>(
        'SELECT * FROM memberships WHERE conversation_id BETWEEN ? AND ? ORDER BY conversation_id, user_id',
        page[0]!.id,
        page.at(-1)!.id,
      );
      let place = 0;
      yield rows.map((row, index) => {
        place = row.conversation_id === rows[index - 1]?.conversation_id ? place + 1 : 0;
        const { conversation_id: conversation, user_id: user } = row;
        return {
          _id: membershipKey(conversation, user),
          conversation,
          user,
          place: keepsItsMembers({ type: typeOf.get(conversation)! }) ? place : null,
          life: 0,
          joinedAt: new Date(row.joined_at),
          readSeq: row.read_seq,
          hiddenUntil: row.hidden_until,
        };
      });
    }
  },
};
