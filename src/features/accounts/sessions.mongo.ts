import { Schema } from 'mongoose';
import { duplicateKey, model, numberOf, operator, schemaOptions } from '../../drivers/mongo.ts';
import { unavailable } from '../../drivers/mongo-outages.ts';
import type { Mongo } from '../../drivers/mongo.ts';
import { accountFrom, accountModel, type AccountDocument } from './accounts.mongo.ts';
import {
  MAX_SESSIONS_PER_USER,
  TOUCH_INTERVAL_MS,
  type Location,
  type Session,
  type SessionStore,
} from './sessions.ts';

/**
 * A user has `MAX_SESSIONS_PER_USER` places, and `_id` is the place: `<user>:<place>`. A new session takes a free place, or
 * that of an expired one, or that of the longest unused one, by one write to one document. So two sign-ins at once cannot
 * make too many, and need no transaction.
 */
export interface SessionDocument {
  _id: string;
  id: number;
  userId: number;
  place: number;
  ip: string;
  userAgent: string;
  deviceId: string | null;
  location: Location | null;
  createdAt: Date;
  lastSeen: Date;
  expiresAt: Date;
  refreshId: string;
}

const schema = new Schema<SessionDocument>(
  {
    _id: String,
    id: Number,
    userId: Number,
    place: Number,
    ip: String,
    userAgent: String,
    deviceId: String,
    location: { type: new Schema<Location>({ country: String, city: String }, { _id: false }) },
    createdAt: Date,
    lastSeen: Date,
    expiresAt: Date,
    refreshId: String,
  },
  { ...schemaOptions, id: false },
);
schema.index({ id: 1 }, { unique: true });
schema.index({ userId: 1, lastSeen: -1, id: -1 });
// No TTL index: time is the callers', not the server's, and a sweeper says how many it removed.
schema.index({ expiresAt: 1 });

export const sessionModel = (mongo: Mongo) => model(mongo, 'sessions', schema);

const placeOf = (userId: string, place: number): string => `${numberOf(userId)}:${place}`;

export const sessionDocument = (session: Session, place: number): SessionDocument => ({
  _id: placeOf(session.userId, place),
  id: numberOf(session.id),
  userId: numberOf(session.userId),
  place,
  ip: session.ip,
  userAgent: session.userAgent,
  deviceId: session.deviceId,
  location: session.location,
  createdAt: new Date(session.createdAt),
  lastSeen: new Date(session.lastSeen),
  expiresAt: new Date(session.expiresAt),
  refreshId: session.refreshId,
});

const sessionFrom = (document: SessionDocument): Session => ({
  id: String(document.id),
  userId: String(document.userId),
  ip: document.ip,
  userAgent: document.userAgent,
  deviceId: document.deviceId,
  location: document.location && { country: document.location.country, city: document.location.city },
  createdAt: document.createdAt.getTime(),
  lastSeen: document.lastSeen.getTime(),
  expiresAt: document.expiresAt.getTime(),
  refreshId: document.refreshId,
});

/** More sign-ins of one user at the same moment than this, and some are asked to try again. */
const ATTEMPTS = 50;

export function mongoSessions(mongo: Mongo): SessionStore {
  const sessions = sessionModel(mongo);
  const accounts = accountModel(mongo);
  const living = (now: number) => operator({ $gt: new Date(now) });

  /** Those of these sessions that this very call ended. */
  async function ended(userId: string, ids: readonly number[]): Promise<readonly string[]> {
    const gone = await Promise.all(
      ids.map((id) =>
        sessions.findOneAndDelete({ id, userId: numberOf(userId) }, { projection: { id: 1 } }).lean(),
      ),
    );
    return gone.flatMap((session) => (session ? [String(session.id)] : []));
  }

  /** Null when somebody else was faster. */
  async function take(session: Session): Promise<readonly string[] | null> {
    const own = await sessions
      .find({ userId: numberOf(session.userId) }, { id: 1, place: 1, lastSeen: 1, expiresAt: 1 })
      .lean();
    const taken = new Map(own.map((one) => [one.place, one]));
    const free = places.filter((place) => !taken.has(place));
    if (free.length > 0) {
      // Not the lowest: those who come at the same moment would all want it.
      const place = free[Math.abs(numberOf(session.id)) % free.length]!;
      try {
        await sessions.insertOne(sessionDocument(session, place));
        return [];
      } catch (error) {
        if (duplicateKey(error) === '_id') return null;
        throw error;
      }
    }

    const expired = own.find(
      ({ place, expiresAt }) => place < MAX_SESSIONS_PER_USER && expiresAt.getTime() <= session.createdAt,
    );
    const unused = own
      .filter(({ place }) => place < MAX_SESSIONS_PER_USER)
      .reduce((a, b) =>
        a.lastSeen < b.lastSeen || (a.lastSeen.getTime() === b.lastSeen.getTime() && a.id < b.id) ? a : b,
      );
    const { id, place, lastSeen, expiresAt } = expired ?? unused;
    // Only if it is still there and as it was: it may just have been used, or renewed.
    const { matchedCount } = await sessions.replaceOne(
      { _id: placeOf(session.userId, place), id, lastSeen, expiresAt },
      sessionDocument(session, place),
    );
    if (matchedCount === 0) return null;
    return expired ? [] : [String(id)];
  }

  return {
    async create(session) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const revoked = await take(session);
        if (revoked) return revoked;
      }
      throw unavailable();
    },

    async withOwner(id, now) {
      const [found] = await sessions.aggregate<SessionDocument & { owner: AccountDocument[] }>([
        { $match: { id: numberOf(id), expiresAt: { $gt: new Date(now) } } },
        {
          $lookup: { from: accounts.collection.name, localField: 'userId', foreignField: '_id', as: 'owner' },
        },
      ]);
      const owner = found?.owner[0];
      if (!found || !owner || (owner.expiresAt !== null && owner.expiresAt.getTime() <= now)) return null;
      return { session: sessionFrom(found), account: accountFrom(owner) };
    },

    async alive(ids, now) {
      const found = await sessions
        .find({ id: operator({ $in: ids.map(numberOf) }), expiresAt: living(now) }, { id: 1 })
        .lean();
      return found.map(({ id }) => String(id));
    },

    async listOf(userId, now) {
      const found = await sessions
        .find({ userId: numberOf(userId), expiresAt: living(now) })
        .sort({ lastSeen: -1, id: -1 })
        .lean();
      return found.map(sessionFrom);
    },

    async rotate(id, { presented, next, expiresAt, ip }, now) {
      const session = { id: numberOf(id), expiresAt: living(now) };
      const { matchedCount } = await sessions.updateOne(
        { ...session, refreshId: presented },
        { $set: { refreshId: next, expiresAt: new Date(expiresAt), ip }, $max: { lastSeen: new Date(now) } },
      );
      if (matchedCount > 0) return 'ok';
      // What was not the current token a moment ago never becomes it: each is made once.
      const { deletedCount } = await sessions.deleteOne(session);
      return deletedCount > 0 ? 'reused' : 'gone';
    },

    async renew(id, refreshId, expiresAt, now) {
      const { matchedCount } = await sessions.updateOne(
        { id: numberOf(id), expiresAt: living(now) },
        { $set: { refreshId, expiresAt: new Date(expiresAt) } },
      );
      return matchedCount > 0;
    },

    async setDevice(id, deviceId, location) {
      const { matchedCount } = await sessions.updateOne(
        { id: numberOf(id) },
        { $set: { deviceId, location } },
      );
      return matchedCount > 0;
    },

    async touch(id, at, ip) {
      await sessions.updateOne(
        {
          id: numberOf(id),
          $or: [
            { lastSeen: operator({ $lte: new Date(at - TOUCH_INTERVAL_MS) }) },
            ...(ip === null ? [] : [{ ip: operator({ $ne: ip }) }]),
          ],
        },
        { $max: { lastSeen: new Date(at) }, ...(ip !== null && { $set: { ip } }) },
      );
    },

    revoke: (userId, ids) => ended(userId, [...new Set(ids.map(numberOf))]),

    async revokeAllOf(userId, exceptId) {
      const own = await sessions.find({ userId: numberOf(userId) }, { id: 1 }).lean();
      const except = exceptId === null ? undefined : numberOf(exceptId);
      return ended(
        userId,
        own.map(({ id }) => id).filter((id) => id !== except),
      );
    },

    async removeExpired(now, limit) {
      const expired = { expiresAt: operator({ $lte: new Date(now) }) };
      const found = await sessions.find(expired, { id: 1 }).sort({ expiresAt: 1 }).limit(limit).lean();
      const { deletedCount } = await sessions.deleteMany({
        id: operator({ $in: found.map(({ id }) => id) }),
        ...expired,
      });
      return deletedCount;
    },
  };
}

const places = Array.from({ length: MAX_SESSIONS_PER_USER }, (_, place) => place);
