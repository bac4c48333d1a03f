import { numberOf, operator, type Mongo } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import { AppError } from '../../kernel/errors.ts';
import type { ConversationStore } from './conversations.ts';
import { counterModel } from './counters.mongo.ts';
import { mongoLeaving } from './leaving.mongo.ts';
import { mongoLives } from './lives.mongo.ts';
import {
  membershipFrom,
  membershipKey,
  membershipModel,
  mongoMemberships,
  type MembershipDocument,
} from './memberships.mongo.ts';
import {
  conversationFrom,
  conversationModel,
  keepsItsMembers,
  pairKeyOf,
  type ConversationDocument,
} from './stored-conversation.mongo.ts';

/** Each time somebody else was faster. */
const ATTEMPTS = 20;
/** Users whose memberships end at the same time. */
const LEAVING_AT_ONCE = 8;

const isId = (ref: string) => /^[0-9]+$/.test(ref);

export function mongoConversations(mongo: Mongo): ConversationStore {
  const conversations = conversationModel(mongo);
  const counters = counterModel(mongo);
  const memberships = membershipModel(mongo);
  const lives = mongoLives(mongo);
  const members = mongoMemberships(mongo);
  const leave = mongoLeaving(mongo, lives);

  const living = (id: string) => conversations.findOne({ _id: numberOf(id), removedAt: null }).lean();
  // The index has no empty handles, and nothing has one.
  const named = async (handle: string) =>
    handle === '' ? null : conversations.findOne({ handle, removedAt: null }).lean();
  const ofPair = (pair: readonly [string, string]) => conversations.findOne({ pair: pairKeyOf(pair) }).lean();

  return {
    async create(conversation, memberIds) {
      if (!(await lives.begin(conversation, memberIds))) throw taken();
    },

    async openNamed(candidate) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const known = await conversations.findOne({ handle: candidate.handle }).lean();
        if (known?.removedAt === null) return { conversation: conversationFrom(known), created: false };
        if (known) {
          if (!(await lives.beginAnew(known, candidate))) continue;
          return { conversation: { ...candidate, id: String(known._id) }, created: true };
        }
        if (await lives.begin(candidate, [])) return { conversation: candidate, created: true };
        if (!(await conversations.exists({ handle: candidate.handle }))) throw taken();
      }
      throw unavailable();
    },

    async openDirect(candidate) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const known = await ofPair(candidate.pair);
        if (known) return { conversation: conversationFrom(known), created: false };
        if (await lives.begin(candidate, candidate.pair)) return { conversation: candidate, created: true };
        if (!(await ofPair(candidate.pair))) throw taken();
      }
      throw unavailable();
    },

    async find(ref, userId) {
      const found = await (isId(ref) ? living(ref) : named(ref));
      if (!found) return null;
      const membership = await memberships.findById(membershipKey(found._id, numberOf(userId))).lean();
      return {
        conversation: conversationFrom(found),
        membership: membership && membershipFrom(membership),
      };
    },

    async findDirect(pair) {
      const found = await ofPair(pair);
      return found && conversationFrom(found);
    },

    async listOf(userId, limit) {
      const rows = await memberships.aggregate<MembershipDocument & { of: ConversationDocument[] }>([
        { $match: { user: numberOf(userId) } },
        { $sort: { joinedAt: -1, conversation: -1 } },
        {
          $lookup: {
            from: conversations.collection.name,
            localField: 'conversation',
            foreignField: '_id',
            pipeline: [{ $match: { removedAt: null } }],
            as: 'of',
          },
        },
        { $match: { of: { $ne: [] } } },
        { $limit: limit },
      ]);
      return rows.map((row) => ({
        conversation: conversationFrom(row.of[0]!),
        membership: membershipFrom(row),
      }));
    },

    async rename(id, name) {
      const { matchedCount } = await conversations.updateOne(
        { _id: numberOf(id), removedAt: null },
        { $set: { name } },
      );
      return matchedCount > 0;
    },

    async remove(id) {
      const now = await conversations.findById(numberOf(id)).lean();
      if (!now) return false;
      if (now.removedAt === null) return lives.end(now);
      await lives.finish(now);
      return false;
    },

    async members(id, limit) {
      const found = await memberships
        .find({ conversation: numberOf(id) })
        .sort({ joinedAt: 1, user: 1 })
        .limit(limit)
        .lean();
      return found.map(membershipFrom);
    },

    countMembers: (id) => memberships.countDocuments({ conversation: numberOf(id) }),

    async join(id, userIds, at, readSeq) {
      const now = await living(id);
      if (!now) throw noConversation();
      const users = [...new Set(userIds.map(numberOf))];
      const added = await members.add(now, users, { joinedAt: new Date(at), readSeq });
      if (added.length === 0) return [];
      // Who removes the conversation for want of members has counted after this, or does not get it.
      const still = { _id: now._id, life: now.life, removedAt: null };
      const counts = keepsItsMembers(now)
        ? (await conversations.updateOne(still, { $inc: { joins: 1 } })).matchedCount > 0
        : (await conversations.exists(still)) !== null;
      if (!counts) {
        await members.withdraw(now, added);
        throw noConversation();
      }
      return added.map(String);
    },

    leave,

    async moveRead(id, userId, seq) {
      const { modifiedCount } = await memberships.updateOne(
        { _id: membershipKey(numberOf(id), numberOf(userId)), readSeq: operator({ $lt: seq }) },
        { $set: { readSeq: seq } },
      );
      return modifiedCount > 0;
    },

    async hide(id, userId, hiddenUntil) {
      const _id = membershipKey(numberOf(id), numberOf(userId));
      await memberships.updateOne({ _id }, { $set: { hiddenUntil } });
    },

    async admitted(pairs) {
      const keyOf = ({ conversationId, userId }: (typeof pairs)[number]) =>
        membershipKey(numberOf(conversationId), numberOf(userId));
      const ids = [...new Set(pairs.map(({ conversationId }) => numberOf(conversationId)))];
      const [found, own] = await Promise.all([
        conversations.find({ _id: operator({ $in: ids }), removedAt: null }, { type: 1 }).lean(),
        memberships.find({ _id: operator({ $in: pairs.map(keyOf) }) }, { _id: 1 }).lean(),
      ]);
      const there = new Map(found.map((conversation) => [conversation._id, conversation]));
      const joined = new Set(own.map(({ _id }) => _id));
      return pairs.filter((pair) => {
        const conversation = there.get(numberOf(pair.conversationId));
        return conversation && (!keepsItsMembers(conversation) || joined.has(keyOf(pair)));
      });
    },

    async peersOf(userId, limit) {
      const user = numberOf(userId);
      const rows = await memberships.aggregate<{ _id: number }>([
        // Only a direct or group conversation has places.
        { $match: { user, place: { $gte: 0 } } },
        {
          $lookup: {
            from: memberships.collection.name,
            localField: 'conversation',
            foreignField: 'conversation',
            pipeline: [{ $match: { user: { $ne: user } } }, { $project: { _id: 0, user: 1 } }],
            as: 'others',
          },
        },
        { $unwind: '$others' },
        { $group: { _id: '$others.user' } },
        { $limit: limit },
      ]);
      return rows.map(({ _id }) => String(_id));
    },

    async deserted(before, limit) {
      const rows = await counters.aggregate<{ _id: number }>([
        { $match: { unused: true } },
        {
          $lookup: {
            from: conversations.collection.name,
            localField: '_id',
            foreignField: '_id',
            pipeline: [{ $match: { type: 'public', removedAt: null, touchedAt: { $lt: new Date(before) } } }],
            as: 'of',
          },
        },
        { $match: { of: { $ne: [] } } },
        { $sort: { 'of.touchedAt': 1, _id: 1 } },
        { $limit: limit },
        { $project: { _id: 1 } },
      ]);
      return rows.map(({ _id }) => String(_id));
    },

    async touch(ids, at) {
      const touched = { _id: operator({ $in: ids.map(numberOf) }), removedAt: null };
      await conversations.updateMany(touched, { $max: { touchedAt: new Date(at) } });
    },

    async forget(userIds) {
      const removed: string[] = [];
      for (let start = 0; start < userIds.length; start += LEAVING_AT_ONCE) {
        const some = userIds.slice(start, start + LEAVING_AT_ONCE);
        removed.push(...(await Promise.all(some.map(leaveAll))).flat());
      }
      return removed;
    },
  };

  async function leaveAll(userId: string): Promise<readonly string[]> {
    const own = await memberships.find({ user: numberOf(userId) }, { conversation: 1 }).lean();
    const removed: string[] = [];
    for (const { conversation } of own) {
      const id = String(conversation);
      if ((await leave(id, userId)).removed) removed.push(id);
    }
    return removed;
  }
}

const taken = () => new AppError('CONFLICT', 'There is such a conversation already.');
const noConversation = () => new AppError('NOT_FOUND', 'There is no such conversation.');
