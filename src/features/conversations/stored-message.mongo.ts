import { mongo, Schema } from 'mongoose';
import { model, numberOf, operator, schemaOptions, type Mongo } from '../../drivers/mongo.ts';
import type { UploadDetails } from '../uploads/contract.ts';
import type { MessageType } from './contract.ts';
import type { Draft, Message } from './messages.ts';

export interface MessageDocument {
  /** Of a void: `void:<conversation>:<seq>`. */
  _id: number | string;
  conversation: number;
  seq: number;
  sender: string;
  /** By which it is known when it is sent again. To MongoDB two missing ones would be the same: a void has one too. */
  key: string;
  senderName: string;
  type: string;
  text: string;
  attachment: { url: string; fileName: string; upload: UploadDetails } | null;
  createdAt: Date;
  editedAt: Date | null;
  deletedAt: Date | null;
  changedAt: Date | null;
  reactions: { reaction: string; userIds: string[] }[];
  hiddenFrom: string[];
  /** By the server's clock, in whole seconds: `createdAt` is by the writer's, which may be wrong. */
  storedAt: mongo.Timestamp;
}

const schema = new Schema<MessageDocument>(
  {
    _id: Schema.Types.Mixed,
    conversation: Number,
    seq: Number,
    sender: String,
    key: String,
    senderName: String,
    type: String,
    text: String,
    attachment: {
      type: new Schema<MessageDocument['attachment']>(
        { url: String, fileName: String, upload: Schema.Types.Mixed },
        { _id: false },
      ),
    },
    createdAt: Date,
    editedAt: Date,
    deletedAt: Date,
    changedAt: Date,
    reactions: [
      new Schema<MessageDocument['reactions'][number]>(
        { reaction: String, userIds: [String] },
        { _id: false },
      ),
    ],
    hiddenFrom: [String],
    storedAt: Schema.Types.Mixed,
  },
  schemaOptions,
);
schema.index({ conversation: 1, seq: 1 }, { unique: true });
schema.index({ conversation: 1, sender: 1, key: 1 }, { unique: true });
schema.index(
  { conversation: 1, changedAt: 1, _id: 1 },
  { partialFilterExpression: { changedAt: { $gte: new Date(0) } } },
);

export const messageModel = (mongo: Mongo) => model(mongo, 'messages', schema);

/** The type of a number that no message has. */
const VOID = 'void';

/** No void, and nothing that is hidden from the reader; `''` is nobody. */
export const visibleTo = (reader: string) => ({
  type: operator({ $ne: VOID }),
  ...(reader !== '' && { hiddenFrom: operator({ $ne: reader }) }),
});

/** The server puts its own time in the place of this one. */
const byTheServer = () => new mongo.Timestamp({ t: 0, i: 0 });

/** @param id another one for each attempt: the draft's own is that of the first */
export const messageDocument = (
  draft: Draft,
  conversation: number,
  seq: number,
  id: string,
): MessageDocument => ({
  _id: numberOf(id),
  conversation,
  seq,
  sender: draft.senderId,
  key: draft.retry.key,
  senderName: draft.senderName,
  type: draft.type,
  text: draft.text,
  attachment: draft.attachment && { ...draft.attachment },
  createdAt: new Date(draft.createdAt),
  editedAt: null,
  deletedAt: null,
  changedAt: null,
  reactions: [],
  hiddenFrom: [...draft.hiddenFrom],
  storedAt: byTheServer(),
});

export const voidDocument = (conversation: number, seq: number) =>
  ({
    _id: `void:${conversation}:${seq}`,
    conversation,
    seq,
    sender: '0',
    key: `void:${seq}`,
    type: VOID,
    storedAt: byTheServer(),
  }) satisfies Partial<MessageDocument>;

export const messageFrom = (document: MessageDocument): Message => ({
  id: String(document._id),
  conversationId: String(document.conversation),
  seq: document.seq,
  senderId: document.sender,
  senderName: document.senderName,
  type: document.type as MessageType,
  text: document.text,
  attachment: document.attachment && { ...document.attachment },
  createdAt: document.createdAt.getTime(),
  editedAt: document.editedAt?.getTime() ?? null,
  deletedAt: document.deletedAt?.getTime() ?? null,
  changedAt: document.changedAt?.getTime() ?? null,
  reactions: document.reactions.map(({ reaction, userIds }) => ({ reaction, userIds })),
  hiddenFrom: document.hiddenFrom,
});
