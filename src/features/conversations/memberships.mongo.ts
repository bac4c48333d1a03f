import { Schema } from 'mongoose';
import { insertFree, model, numberOf, operator, schemaOptions, type Mongo } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Membership } from './conversations.ts';
import { keepsItsMembers, type ConversationDocument } from './stored-conversation.mongo.ts';

/**
 * `_id` is `<conversation>:<user>`. A direct or group conversation has as many places as it may have members, and each of them has
 * one: so its limit needs neither a count nor a transaction.
 */
export interface MembershipDocument {
  _id: string;
  conversation: number;
  user: number;
  place: number | null;
  /** Of the conversation that it belongs to. */
  life: number;
  joinedAt: Date;
  readSeq: number;
  hiddenUntil: number;
}

const schema = new Schema<MembershipDocument>(
  {
    _id: String,
    conversation: Number,
    user: Number,
    place: Number,
    life: Number,
    joinedAt: Date,
    readSeq: Number,
    hiddenUntil: Number,
  },
  schemaOptions,
);
schema.index({ conversation: 1, joinedAt: 1, user: 1 });
schema.index({ user: 1, joinedAt: -1, conversation: -1 });
schema.index(
  { conversation: 1, place: 1 },
  { unique: true, partialFilterExpression: { place: { $gte: 0 } } },
);

export const membershipModel = (mongo: Mongo) => model(mongo, 'memberships', schema);

export const membershipKey = (conversation: number, user: number): string => `${conversation}:${user}`;

export const membershipFrom = (document: MembershipDocument): Membership => ({
  conversationId: String(document.conversation),
  userId: String(document.user),
  joinedAt: document.joinedAt.getTime(),
  readSeq: document.readSeq,
  hiddenUntil: document.hiddenUntil,
});

/** Of a conversation that is being made: nobody else knows it yet. */
export const firstMemberships = (
  conversation: ConversationDocument,
  userIds: readonly string[],
): MembershipDocument[] =>
  [...new Set(userIds.map(numberOf))].map((user, index) => ({
    _id: membershipKey(conversation._id, user),
    conversation: conversation._id,
    user,
    place: keepsItsMembers(conversation) ? index : null,
    life: conversation.life,
    joinedAt: conversation.createdAt,
    readSeq: 0,
    hiddenUntil: 0,
  }));

const PLACES = Array.from({ length: limits.members }, (_, place) => place);
/** Each time somebody else took a place, or left; nobody is that unlucky for long. */
const ATTEMPTS = 50;

type Joining = Pick<MembershipDocument, 'joinedAt' | 'readSeq'>;

export function mongoMemberships(mongo: Mongo) {
  const memberships = membershipModel(mongo);

  /** Which of them are members, safe from a failover: unlike a read, a write that changes nothing is acknowledged only then. */
  async function confirmed(
    { _id: conversation, life }: ConversationDocument,
    users: readonly number[],
  ): Promise<readonly number[]> {
    const _id = operator({ $in: users.map((user) => membershipKey(conversation, user)) });
    const found = await memberships.find({ _id }, { user: 1, life: 1 }).lean();
    if (found.length === 0) return [];
    // Somebody who joined while a former life ended, and was killed before taking it back.
    if (found.some((one) => one.life < life))
      await memberships.deleteMany({ _id, life: operator({ $lt: life }) });
    const { matchedCount } = await memberships.updateMany({ _id, life }, { $max: { readSeq: 0 } });
    const members = found.filter((one) => one.life === life);
    return matchedCount === members.length ? members.map(({ user }) => user) : [];
  }

  async function freePlaces(conversation: number): Promise<number[]> {
    const rows = await memberships
      .find({ conversation, place: operator({ $gte: 0 }) }, { _id: 0, place: 1 })
      .lean();
    const taken = new Set(rows.map(({ place }) => place));
    return PLACES.filter((place) => !taken.has(place));
  }

  /** Not the first ones: those who come at the same moment would all want them. */
  function someOf(places: readonly number[], count: number): readonly number[] {
    const start = Math.floor(Math.random() * places.length);
    return [...places.slice(start), ...places.slice(0, start)].slice(0, count);
  }

  async function withdraw(
    { _id: conversation, life }: ConversationDocument,
    users: readonly number[],
  ): Promise<void> {
    const keys = users.map((user) => membershipKey(conversation, user));
    await memberships.deleteMany({ _id: operator({ $in: keys }), life });
  }

  return {
    withdraw,

    /** Adds those who are not members yet, all or none, and answers which. @throws CONFLICT above the limit */
    async add(
      of: ConversationDocument,
      users: readonly number[],
      joining: Joining,
    ): Promise<readonly number[]> {
      const { _id: conversation, life } = of;
      const added: number[] = [];
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const asked = users.filter((user) => !added.includes(user));
        const members = await confirmed(of, asked);
        const missing = asked.filter((user) => !members.includes(user));
        if (missing.length === 0) return added;
        const free = keepsItsMembers(of) ? await freePlaces(conversation) : null;
        if (free && free.length < missing.length) {
          await withdraw(of, added);
          throw new AppError('CONFLICT', `A conversation has at most ${limits.members} members.`);
        }
        const places = free && someOf(free, missing.length);
        const documents = missing.map((user, index): MembershipDocument => ({
          _id: membershipKey(conversation, user),
          conversation,
          user,
          place: places?.[index] ?? null,
          life,
          ...joining,
          hiddenUntil: 0,
        }));
        const refused = await insertFree(memberships.collection, documents);
        added.push(...missing.filter((_, index) => !refused.has(index)));
      }
      await withdraw(of, added);
      throw unavailable();
    },

    /** The longest-standing but this one. */
    async longestBut(conversation: number, user: number): Promise<number | null> {
      const [other] = await memberships
        .find({ conversation, user: operator({ $ne: user }) }, { user: 1 })
        .sort({ joinedAt: 1, user: 1 })
        .limit(1)
        .lean();
      return other?.user ?? null;
    },

    async has(conversation: number, user: number): Promise<boolean> {
      return (await memberships.exists({ _id: membershipKey(conversation, user) })) !== null;
    },

    /** False when somebody else was faster. */
    async end(conversation: number, user: number): Promise<boolean> {
      const { deletedCount } = await memberships.deleteOne({ _id: membershipKey(conversation, user) });
      return deletedCount > 0;
    },
  };
}
