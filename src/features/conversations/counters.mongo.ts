import { randomBytes } from 'node:crypto';
import { Schema } from 'mongoose';
import { model, schemaOptions, type Mongo } from '../../drivers/mongo.ts';

/**
 * The numbers of one conversation (DESIGN, *Messages*). Made before the conversation and never by an upsert: two of them for one
 * conversation, or one that comes back, would give a number twice.
 */
export interface CounterDocument {
  /** The conversation's. */
  _id: number;
  /** The highest number that was reserved. */
  seq: number;
  /** Nothing up to here is shown any more. */
  floor: number;
  epoch: string;
  /** Numbers are given. */
  open: boolean;
  /** Every number up to here is decided: where the search for the end of the decided prefix begins. May lag, never lead. */
  decided: number;
  /** How often the conversation's handle was given to a new one; what belongs to a life says so, and ends with it. */
  life: number;
  /** Of a public conversation in which no number was reserved yet. */
  unused: boolean;
}

const schema = new Schema<CounterDocument>(
  {
    _id: Number,
    seq: Number,
    floor: Number,
    epoch: String,
    open: Boolean,
    decided: Number,
    life: Number,
    unused: Boolean,
  },
  schemaOptions,
);
// Of the few that a sweeper may look for.
schema.index({ unused: 1 }, { partialFilterExpression: { unused: true } });

export const counterModel = (mongo: Mongo) => model(mongo, 'counters', schema);

export const newCounter = (conversation: number, type: string): CounterDocument => ({
  _id: conversation,
  seq: 0,
  floor: 0,
  epoch: randomBytes(8).toString('hex'),
  open: true,
  decided: 0,
  life: 0,
  unused: type === 'public',
});
