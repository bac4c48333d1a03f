import { Schema } from 'mongoose';
import { duplicateKey, model, numberOf, operator, schemaOptions } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import type { Mongo } from '../../drivers/mongo.ts';
import { AppError } from '../../kernel/errors.ts';
import type { BlockStore } from './blocks.ts';
import { limits } from './contract.ts';

interface Blocked {
  user: number;
  at: Date;
}

/** All blocks by one user, so that their limit is kept by one write to one document. */
export interface BlocksDocument {
  /** Who blocks. */
  _id: number;
  blocked: Blocked[];
}

const schema = new Schema<BlocksDocument>(
  { _id: Number, blocked: [new Schema<Blocked>({ user: Number, at: Date }, { _id: false })] },
  schemaOptions,
);
schema.index({ 'blocked.user': 1 });

export const blocksModel = (mongo: Mongo) => model(mongo, 'blocks', schema);

const ATTEMPTS = 5;
const BEGIN = new Date(0);

export function mongoBlocks(mongo: Mongo): BlockStore {
  const blocks = blocksModel(mongo);
  /** Exists when the list is full. */
  const last = `blocked.${limits.blocksPerUser - 1}`;

  async function add(by: number, user: number, at: number): Promise<boolean> {
    try {
      await blocks.updateOne(
        { _id: by, 'blocked.user': operator({ $ne: user }), [last]: operator({ $exists: false }) },
        { $push: { blocked: { user, at: new Date(at) } } },
        { upsert: true },
      );
      return true;
    } catch (error) {
      // There is a list, and it is full, or has that user, or was made a moment ago.
      if (duplicateKey(error) === undefined) throw error;
      return false;
    }
  }

  return {
    async block(by, userId, at) {
      const [_id, user] = [numberOf(by), numberOf(userId)];
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (await add(_id, user, at)) return;
        // Changes nothing; but unlike a read it is acknowledged only when what it found is safe from a failover.
        const repeat = await blocks.updateOne(
          { _id, 'blocked.user': user },
          { $max: { 'blocked.$.at': BEGIN } },
        );
        if (repeat.matchedCount > 0) return;
        if (await blocks.exists({ _id, [last]: operator({ $exists: true }) })) {
          throw new AppError(
            'CONFLICT',
            `You have blocked ${limits.blocksPerUser} people. Unblock somebody first.`,
          );
        }
      }
      throw unavailable();
    },

    async unblock(by, userId) {
      const user = numberOf(userId);
      const { modifiedCount } = await blocks.updateOne(
        { _id: numberOf(by), 'blocked.user': user },
        { $pull: { blocked: { user } } },
      );
      return modifiedCount > 0;
    },

    async idsBlockedBy(userId) {
      const own = await blocks.findById(numberOf(userId)).lean();
      return (own?.blocked ?? [])
        .toSorted((a, b) => b.at.getTime() - a.at.getTime() || a.user - b.user)
        .map(({ user }) => String(user));
    },

    async idsBlocking(userId) {
      const against = await blocks.find({ 'blocked.user': numberOf(userId) }, { _id: 1 }).lean();
      return against.map(({ _id }) => String(_id));
    },

    async betweenAny(userId, otherIds) {
      const [user, others] = [numberOf(userId), otherIds.map(numberOf)];
      const [own, against] = await Promise.all([
        blocks.findById(user, { 'blocked.user': 1 }).lean(),
        blocks.find({ _id: operator({ $in: others }), 'blocked.user': user }, { _id: 1 }).lean(),
      ]);
      const blocked = new Set([
        ...(own?.blocked ?? []).map((one) => one.user),
        ...against.map(({ _id }) => _id),
      ]);
      return otherIds.filter((id) => blocked.has(numberOf(id)));
    },

    async blockedPairs(pairs) {
      const users = operator({ $in: pairs.flat().map(numberOf) });
      const found = await blocks.find({ _id: users, 'blocked.user': users }, { blocked: 1 }).lean();
      const blockedBy = new Map(
        found.map(({ _id, blocked }) => [_id, new Set(blocked.map(({ user }) => user))]),
      );
      return pairs.filter(([one, other]) => {
        const [a, b] = [numberOf(one), numberOf(other)];
        return blockedBy.get(a)?.has(b) || blockedBy.get(b)?.has(a);
      });
    },

    async forget(userIds) {
      const users = operator({ $in: userIds.map(numberOf) });
      await blocks.deleteMany({ _id: users });
      await blocks.updateMany({ 'blocked.user': users }, { $pull: { blocked: { user: users } } });
    },
  };
}
