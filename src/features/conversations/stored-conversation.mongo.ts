import { Schema } from 'mongoose';
import { model, numberOf, schemaOptions, type Mongo } from '../../drivers/mongo.ts';
import type { ConversationType } from './contract.ts';
import type { Conversation } from './conversations.ts';

/** Stays when the conversation is removed: its number and its handle are never used for anything else. */
export interface ConversationDocument {
  _id: number;
  handle: string | null;
  /** Of a living direct conversation, the smaller id first. */
  pair: string | null;
  type: string;
  name: string;
  ownerId: number | null;
  createdAt: Date;
  touchedAt: Date;
  removedAt: Date | null;
  /** As in its counter, which is ahead for a moment when a removed one begins anew. */
  life: number;
  /** How often somebody joined: whoever removes it for want of members says which state it was that had none. */
  joins: number;
  /** Removed, and what belonged to it may be there still. */
  clearing: boolean;
}

const schema = new Schema<ConversationDocument>(
  {
    _id: Number,
    handle: String,
    pair: String,
    type: String,
    name: String,
    ownerId: Number,
    createdAt: Date,
    touchedAt: Date,
    removedAt: Date,
    life: Number,
    joins: Number,
    clearing: Boolean,
  },
  schemaOptions,
);
schema.index({ handle: 1 }, { unique: true, partialFilterExpression: { handle: { $gt: '' } } });
schema.index({ pair: 1 }, { unique: true, partialFilterExpression: { pair: { $gt: '' } } });
schema.index({ clearing: 1 }, { partialFilterExpression: { clearing: true } });

export const conversationModel = (mongo: Mongo) => model(mongo, 'conversations', schema);

export const pairKeyOf = (pair: readonly [string, string]): string =>
  pair
    .map(numberOf)
    .toSorted((a, b) => a - b)
    .join(':');

export const conversationDocument = (conversation: Conversation): ConversationDocument => ({
  _id: numberOf(conversation.id),
  handle: conversation.handle,
  pair: conversation.pair && pairKeyOf(conversation.pair),
  type: conversation.type,
  name: conversation.name,
  ownerId: conversation.ownerId === null ? null : numberOf(conversation.ownerId),
  createdAt: new Date(conversation.createdAt),
  touchedAt: new Date(conversation.createdAt),
  removedAt: null,
  life: 0,
  joins: 0,
  clearing: false,
});

export const conversationFrom = (document: ConversationDocument): Conversation => ({
  id: String(document._id),
  handle: document.handle,
  type: document.type as ConversationType,
  name: document.name,
  ownerId: idOrNull(document.ownerId),
  createdAt: document.createdAt.getTime(),
  pair: document.pair === null ? null : (document.pair.split(':') as [string, string]),
});

export const idOrNull = (id: number | null): string | null => (id === null ? null : String(id));

/** Nobody comes in unasked, and without a member there is none. */
export const keepsItsMembers = ({ type }: { readonly type: string }): boolean =>
  type === 'direct' || type === 'group';
