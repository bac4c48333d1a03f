import { setTimeout as delay } from 'node:timers/promises';
import { AS_LONG_AS_IT_TAKES, duplicateKey, numberOf, operator, type Mongo } from '../../drivers/mongo.ts';
import type { Conversation } from './conversations.ts';
import { counterModel, newCounter } from './counters.mongo.ts';
import { firstMemberships, membershipModel } from './memberships.mongo.ts';
import {
  conversationDocument,
  conversationModel,
  type ConversationDocument,
} from './stored-conversation.mongo.ts';
import { messageModel } from './stored-message.mongo.ts';

/** A removal that takes longer goes on behind its answer: nobody sees what is below the floor. Should it fail, the next one finishes it. */
const CLEAR_MS = 1_000;
/** Whoever removed it and has not finished by now was killed. */
const ABANDONED_MS = 60_000;

/**
 * How conversations begin, end and begin anew over four collections, without transactions. The one write that decides is always
 * that to the conversation's own document: what it needs is made before, what it leaves is cleared behind. Every other step names
 * the life that it belongs to, so that it can be repeated, and harms no later one when it comes late.
 */
export function mongoLives(mongo: Mongo) {
  const conversations = conversationModel(mongo);
  const counters = counterModel(mongo);
  const memberships = membershipModel(mongo);
  const messages = messageModel(mongo);

  /** False when the id, the handle or the pair is taken. */
  async function begin(conversation: Conversation, memberIds: readonly string[]): Promise<boolean> {
    const document = conversationDocument(conversation);
    const { _id } = document;
    try {
      await counters.insertOne(newCounter(_id, conversation.type));
    } catch (error) {
      if (duplicateKey(error) === undefined) throw error;
      return false;
    }
    try {
      const first = firstMemberships(document, memberIds);
      if (first.length > 0) await memberships.collection.insertMany(first as object[]);
      await conversations.insertOne(document);
      return true;
    } catch (error) {
      if (duplicateKey(error) === undefined) throw error;
    }
    // The counter is new, so there is no conversation of this id, and nobody knows these two.
    await memberships.deleteMany({ conversation: _id });
    await counters.deleteOne({ _id });
    return false;
  }

  /** Closes the counter and removes what belongs to this life. Repeatable. */
  async function clear(_id: number, life: number): Promise<void> {
    const end = { open: false, unused: false, floor: '$seq', decided: '$seq' };
    await counters.collection.updateOne({ _id, life, open: true } as object, [{ $set: end }]);
    await memberships.deleteMany({ conversation: _id, life: operator({ $lte: life }) });
    const counter = await counters.findById(_id, { floor: 1 }).lean();
    const below = { conversation: _id, seq: { $lte: counter?.floor ?? 0 } };
    const cleared = messages.collection
      .deleteMany(below, AS_LONG_AS_IT_TAKES)
      .then(() =>
        conversations.updateOne(
          { _id, life, removedAt: operator({ $ne: null }) },
          { $set: { clearing: false } },
        ),
      );
    const enough = new AbortController();
    const late = delay(CLEAR_MS, undefined, { signal: enough.signal }).catch(() => {});
    await Promise.race([cleared, late]).finally(() => enough.abort());
  }

  async function clearAbandoned(): Promise<void> {
    const [left] = await conversations
      .find({ clearing: true, removedAt: operator({ $lt: new Date(Date.now() - ABANDONED_MS) }) })
      .limit(1)
      .lean();
    if (left) await clear(left._id, left.life);
  }

  return {
    begin,

    /**
     * False when it was removed already, or is not as it was.
     * @param joins it had no members when so many had joined; without it, whoever is in there
     */
    async end({ _id, life }: ConversationDocument, joins?: number): Promise<boolean> {
      const { modifiedCount } = await conversations.updateOne(
        { _id, life, removedAt: null, ...(joins !== undefined && { joins }) },
        { $set: { removedAt: new Date(), pair: null, name: '', ownerId: null, clearing: true } },
      );
      if (modifiedCount === 0) return false;
      await clear(_id, life);
      await clearAbandoned();
      return true;
    },

    /** Of one that was removed: what a kill in the middle left. */
    async finish({ _id, life, clearing }: ConversationDocument): Promise<void> {
      if (clearing) await clear(_id, life);
    },

    /** A handle's next life, under the same id, with numbers that go on. False when somebody else was faster. */
    async beginAnew({ _id, life }: ConversationDocument, candidate: Conversation): Promise<boolean> {
      await clear(_id, life);
      await counters.updateOne(
        { _id, life, open: false },
        { $set: { open: true, life: life + 1, unused: candidate.type === 'public' } },
      );
      const { type, name, ownerId, createdAt } = candidate;
      const { modifiedCount } = await conversations.updateOne(
        { _id, life, removedAt: operator({ $ne: null }) },
        {
          $set: {
            type,
            name,
            ownerId: ownerId === null ? null : numberOf(ownerId),
            createdAt: new Date(createdAt),
            touchedAt: new Date(createdAt),
            removedAt: null,
            life: life + 1,
            clearing: false,
          },
        },
      );
      return modifiedCount > 0;
    },
  };
}

export type Lives = ReturnType<typeof mongoLives>;
