import { Schema } from 'mongoose';
import { duplicateKey, model, numberOf, operator, schemaOptions } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import type { Mongo } from '../../drivers/mongo.ts';
import { AppError } from '../../kernel/errors.ts';
import type { PresenceStatus } from '../../kernel/schemas.ts';
import { emailKeyOf, endOfPrefix, usernameKeyOf, type Account, type AccountStore } from './accounts.ts';

/** In the collection `users`, as B's commands expect it. */
export interface AccountDocument {
  _id: number;
  username: string;
  usernameKey: string;
  email: string | null;
  emailKey: string | null;
  passwordHash: string | null;
  avatar: string | null;
  guest: boolean;
  status: string;
  adminConfirmed: boolean;
  createdAt: Date;
  lastSeen: Date;
  expiresAt: Date | null;
  // From here on: what documents of the first release have not.
  displayName?: string | null;
  bio?: string | null;
  externalId?: string | null;
  tokensFrom?: Date | null;
}

const schema = new Schema<AccountDocument>(
  {
    _id: Number,
    username: String,
    usernameKey: String,
    email: String,
    emailKey: String,
    passwordHash: String,
    avatar: String,
    guest: Boolean,
    status: String,
    adminConfirmed: Boolean,
    createdAt: Date,
    lastSeen: Date,
    expiresAt: Date,
    displayName: String,
    bio: String,
    externalId: String,
    tokensFrom: Date,
  },
  schemaOptions,
);
schema.index({ usernameKey: 1 }, { unique: true });
// MongoDB takes two nulls for the same key; and a partial index is only used where the query implies its condition.
schema.index({ emailKey: 1 }, { unique: true, partialFilterExpression: { emailKey: { $gt: '' } } });
schema.index({ externalId: 1 }, { unique: true, partialFilterExpression: { externalId: { $gt: '' } } });
// No TTL index: whoever removes a guest says so, and others forget what they know of it.
schema.index({ expiresAt: 1 }, { partialFilterExpression: { guest: true } });

export const accountModel = (mongo: Mongo) => model(mongo, 'users', schema);

export const accountDocument = (account: Account): AccountDocument => ({
  _id: numberOf(account.id),
  username: account.username,
  usernameKey: usernameKeyOf(account.username),
  email: account.email,
  emailKey: account.email === null ? null : emailKeyOf(account.email),
  passwordHash: account.passwordHash,
  avatar: account.avatar,
  guest: account.guest,
  status: account.status,
  adminConfirmed: account.adminConfirmed,
  createdAt: new Date(account.createdAt),
  lastSeen: new Date(account.lastSeen),
  expiresAt: dateOf(account.expiresAt),
  displayName: account.displayName,
  bio: account.bio,
  externalId: account.externalId,
  tokensFrom: dateOf(account.tokensFrom),
});

const dateOf = (ms: number | null): Date | null => (ms === null ? null : new Date(ms));

export const accountFrom = (document: AccountDocument): Account => ({
  id: String(document._id),
  username: document.username,
  email: document.email,
  passwordHash: document.passwordHash,
  avatar: document.avatar,
  guest: document.guest,
  status: document.status as PresenceStatus,
  adminConfirmed: document.adminConfirmed,
  createdAt: document.createdAt.getTime(),
  lastSeen: document.lastSeen.getTime(),
  expiresAt: document.expiresAt?.getTime() ?? null,
  displayName: document.displayName ?? null,
  bio: document.bio ?? null,
  externalId: document.externalId ?? null,
  tokensFrom: document.tokensFrom?.getTime() ?? null,
});

/** A name that was taken may be free again a moment later, and so on; nobody is that unlucky for long. */
const ATTEMPTS = 5;

/** What of an account is unique; what is left out is not written. */
type Claimed = Pick<Account, 'id' | 'username'> & Partial<Pick<Account, 'email' | 'externalId'>>;

export function mongoAccounts(mongo: Mongo): AccountStore {
  const users = accountModel(mongo);

  /** Does what a unique index may refuse. The index names one field; who is refused is told all that are taken. */
  async function claiming<T>(
    { id, username, email = null, externalId = null }: Claimed,
    write: () => Promise<T>,
  ): Promise<T> {
    const usernameKey = usernameKeyOf(username);
    const emailKey = email === null ? null : emailKeyOf(email);
    const keys = {
      usernameKey,
      ...(emailKey !== null && { emailKey }),
      ...(externalId !== null && { externalId }),
    };
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        return await write();
      } catch (error) {
        const index = duplicateKey(error);
        if (index === undefined || index === '_id') throw error;
      }
      const holders = await users
        .find(
          {
            $or: Object.entries(keys).map(([key, value]) => ({ [key]: value })),
            _id: operator({ $ne: numberOf(id) }),
          },
          { usernameKey: 1, emailKey: 1, externalId: 1 },
        )
        .lean();
      const fields = {
        ...(holders.some((holder) => holder.usernameKey === usernameKey) && { username: 'is taken' }),
        ...(holders.some((holder) => emailKey !== null && holder.emailKey === emailKey) && {
          email: 'is registered already',
        }),
        ...(holders.some((holder) => externalId !== null && holder.externalId === externalId) && {
          externalId: 'is taken',
        }),
      };
      const names = Object.keys(fields);
      if (names.length > 0) throw new AppError('CONFLICT', `Already in use: ${names.join(', ')}.`, fields);
    }
    throw unavailable();
  }

  return {
    async create(account) {
      await claiming(account, () => users.insertOne(accountDocument(account)));
    },

    async byId(id) {
      const found = await users.findById(numberOf(id)).lean();
      return found ? accountFrom(found) : null;
    },

    async byIds(ids) {
      const rows = await users
        .find({ _id: operator({ $in: ids.map(numberOf) }) }, { username: 1, avatar: 1 })
        .lean();
      const found = new Map(
        rows.map(({ _id, username, avatar }) => [_id, { id: String(_id), username, avatar }]),
      );
      return ids.flatMap((id) => found.get(numberOf(id)) ?? []);
    },

    async byEmail(email) {
      const key = emailKeyOf(email);
      // The index has no empty keys, and nobody has one.
      const found = key === '' ? null : await users.findOne({ emailKey: key }).lean();
      return found ? accountFrom(found) : null;
    },

    async byExternalId(externalId) {
      // The index has no empty ids, and nobody has one.
      const found = externalId === '' ? null : await users.findOne({ externalId }).lean();
      return found ? accountFrom(found) : null;
    },

    async standing(ids) {
      const found = await users
        .find({ _id: operator({ $in: ids.map(numberOf) }) }, { username: 1, avatar: 1, tokensFrom: 1 })
        .lean();
      return found.map(({ _id, username, avatar, tokensFrom }) => ({
        ...{ id: String(_id), username, avatar },
        tokensFrom: tokensFrom?.getTime() ?? null,
      }));
    },

    async withNamePrefix(prefix, after, limit) {
      const key = usernameKeyOf(prefix);
      const range = {
        $gte: key,
        $lt: endOfPrefix(key),
        ...(after !== null && { $gt: usernameKeyOf(after) }),
      };
      const found = await users
        .find({ usernameKey: operator(range) }, { username: 1, avatar: 1, displayName: 1 })
        .sort({ usernameKey: 1 })
        .limit(limit)
        .lean();
      return found.map(({ _id, username, avatar, displayName = null }) => {
        return { id: String(_id), username, avatar, displayName };
      });
    },

    async updateProfile(id, changes) {
      const { username } = changes;
      const $set = { ...changes, ...(username !== undefined && { usernameKey: usernameKeyOf(username) }) };
      const update = () =>
        users.findOneAndUpdate({ _id: numberOf(id) }, { $set }, { returnDocument: 'after' }).lean();
      const updated = await (username === undefined ? update() : claiming({ id, username }, update));
      return updated ? accountFrom(updated) : null;
    },

    async revokeTokens(id, before) {
      const { matchedCount } = await users.updateOne(
        { _id: numberOf(id) },
        { $max: { tokensFrom: new Date(before) } },
      );
      return matchedCount > 0;
    },

    async convertGuest(id, { username, email, passwordHash }, now) {
      const converted = await claiming({ id, username, email }, () =>
        users
          .findOneAndUpdate(
            { _id: numberOf(id), guest: true, expiresAt: operator({ $gt: new Date(now) }) },
            {
              $set: {
                username,
                usernameKey: usernameKeyOf(username),
                email,
                emailKey: emailKeyOf(email),
                passwordHash,
                guest: false,
                expiresAt: null,
              },
            },
            { returnDocument: 'after' },
          )
          .lean(),
      );
      return converted ? accountFrom(converted) : null;
    },

    async setPassword(id, passwordHash) {
      const { matchedCount } = await users.updateOne({ _id: numberOf(id) }, { $set: { passwordHash } });
      return matchedCount > 0;
    },

    async setStatus(id, status) {
      await users.updateOne({ _id: numberOf(id) }, { $set: { status } });
    },

    async seen(id, at) {
      await users.updateOne({ _id: numberOf(id) }, { $max: { lastSeen: new Date(at) } });
    },

    async confirmAdmin(id) {
      const { matchedCount } = await users.updateOne(
        { _id: numberOf(id) },
        { $set: { adminConfirmed: true } },
      );
      return matchedCount > 0;
    },

    // From the collection's own count: as many documents as there may be are not walked through for a statistic. After a
    // server lost its power it may be off by what came since its last checkpoint (a minute).
    count: () => users.estimatedDocumentCount(),

    async removeExpiredGuests(now, limit) {
      const expired = { guest: true, expiresAt: operator({ $lte: new Date(now) }) };
      const found = await users.find(expired, { _id: 1 }).sort({ expiresAt: 1 }).limit(limit).lean();
      // One by one: of two processes that do this, each says whom it removed itself, and nobody who registers is removed.
      const removed = await Promise.all(
        found.map(({ _id }) =>
          users.findOneAndDelete({ _id, ...expired }, { projection: { _id: 1 } }).lean(),
        ),
      );
      return removed.flatMap((guest) => (guest ? [String(guest._id)] : []));
    },
  };
}
