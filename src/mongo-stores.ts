import type { mongo } from 'mongoose';
import { setTimeout as delay } from 'node:timers/promises';
import { AS_LONG_AS_IT_TAKES, type Indexed, type Mongo } from './drivers/mongo.ts';
import { answering, isOutage } from './drivers/mongo-outages.ts';
import type { Logger } from './kernel/logger.ts';
import { accountModel, mongoAccounts } from './features/accounts/accounts.mongo.ts';
import { mongoSessions, sessionModel } from './features/accounts/sessions.mongo.ts';
import { mongoConversations } from './features/conversations/conversations.mongo.ts';
import { counterModel } from './features/conversations/counters.mongo.ts';
import { membershipModel } from './features/conversations/memberships.mongo.ts';
import { mongoMessages } from './features/conversations/messages.mongo.ts';
import { conversationModel } from './features/conversations/stored-conversation.mongo.ts';
import { messageModel } from './features/conversations/stored-message.mongo.ts';
import { blocksModel, mongoBlocks } from './features/moderation/blocks.mongo.ts';
import { mongoReports, reportModel } from './features/moderation/reports.mongo.ts';
import { mongoUploads, uploadModel } from './features/uploads/uploads.mongo.ts';
import { SCHEMA_RELEASE } from './schema-release.ts';
import type { Stores } from './sqlite-stores.ts';

/** Over a process' own connection. The collections must have been prepared before: their indexes decide. */
export function mongoStores(mongo: Mongo): Stores {
  return {
    accounts: answering(mongoAccounts(mongo), mongo),
    sessions: answering(mongoSessions(mongo), mongo),
    blocks: answering(mongoBlocks(mongo), mongo),
    reports: answering(mongoReports(mongo), mongo),
    conversations: answering(mongoConversations(mongo), mongo),
    messages: answering(mongoMessages(mongo), mongo),
    uploads: answering(mongoUploads(mongo), mongo),
  };
}

const models: { readonly [N in keyof Stores]: readonly ((mongo: Mongo) => Indexed)[] } = {
  accounts: [accountModel],
  sessions: [sessionModel],
  blocks: [blocksModel],
  reports: [reportModel],
  conversations: [conversationModel, membershipModel],
  messages: [messageModel, counterModel],
  uploads: [uploadModel],
};

/** A change of what is stored already. Whatever it did when it was killed, it can be begun again. */
export interface MongoMigration {
  readonly name: string;
  /** What SCHEMA_RELEASE was when it was new. */
  readonly release: number;
  run(mongo: Mongo): Promise<void>;
}

/** In their order. Releases 2 and 3 brought new collections and optional fields only, which are made and read as they are needed. */
const migrations: readonly MongoMigration[] = [];

interface Schema {
  readonly release: number;
  readonly migrations: readonly MongoMigration[];
}

const ours: Schema = { release: SCHEMA_RELEASE, migrations };

/** A start waits so long for a MongoDB that stops answering amid its preparation. */
const OUTAGE_MS = 30_000;

/**
 * Makes what the stores need: nobody is ready before. One process of all nodes does it at a time; the others find it done.
 * @param owner of the lease, another one for each process
 * @param schema another one for tests
 * @throws an Error for the operator: a newer schema, a copy that was not finished, or data that breaks a rule
 */
export async function prepareMongo(
  mongo: Mongo,
  owner: string,
  logger: Logger,
  schema: Schema = ours,
): Promise<void> {
  const prepare = async () => {
    const copy = await copyInto(mongo).find();
    if (copy?.state === 'running') {
      throw new Error(
        'MONGODB_URI: npm run storage:copy was begun into this database and did not finish. Run it again.',
      );
    }
    await bringUpToDate(mongo, schema);
  };
  for (const endsAt = performance.now() + OUTAGE_MS; ; await delay(ASK_AGAIN_MS)) {
    try {
      return await alone(mongo, owner, logger, prepare);
    } catch (error) {
      // What was begun can be begun again.
      const isOver = performance.now() > endsAt;
      if (isOver || !(isOutage(error) || isOutage((error as Error).cause))) throw error;
      logger.warn('error', 'MongoDB does not answer while its collections are prepared: trying again');
    }
  }
}

/**
 * Indexes, and what has to change in what is stored. A database that a version with the next release has prepared is left as it is:
 * both versions work with it, in a roll or after a step back.
 * @throws an Error for the operator
 */
export async function bringUpToDate(mongo: Mongo, { release, migrations }: Schema = ours): Promise<void> {
  const notes = mongo.connection
    .getClient()
    .db(mongo.connection.name)
    .collection<{ _id: string; release: number }>('schema');
  const note = (reached: number) =>
    notes.updateOne({ _id: 'schema' }, { $max: { release: reached } }, { upsert: true });

  const reached = (await notes.findOne({ _id: 'schema' }))?.release ?? 0;
  if (reached > release + 1) {
    throw new Error(
      `MONGODB_URI: the database ${mongo.connection.name} was written by a newer version of this server (its schema is of ` +
        `release ${reached}, this version takes up to ${release + 1}). Start that version again, or restore a backup from ` +
        'before the upgrade.',
    );
  }
  if (reached > release) return;
  for (const migration of migrations) {
    if (migration.release <= reached) continue;
    try {
      await migration.run(mongo);
    } catch (error) {
      throw new Error(`MONGODB_URI: the migration "${migration.name}" failed`, { cause: error });
    }
  }
  await makeIndexes(mongo);
  await note(release);
}

async function makeIndexes(to: Mongo): Promise<void> {
  for (const modelOf of Object.values(models).flat()) {
    const { collection, schema } = modelOf(to);
    const indexes = schema.indexes().map(([key, options]) => {
      const index = { ...options, key } as mongo.IndexDescription;
      // Mongoose sets it; servers have ignored it since 4.2.
      delete index.background;
      return index;
    });
    try {
      if (indexes.length > 0) await collection.createIndexes(indexes, AS_LONG_AS_IT_TAKES);
    } catch (error) {
      throw new Error(`MONGODB_URI: the indexes of ${collection.name} cannot be made`, { cause: error });
    }
  }
}

interface Lease {
  _id: string;
  owner: string;
  until: Date;
}

/** Names that one process of all nodes holds, by the server's clock. */
export function mongoLeases({ connection }: Mongo) {
  const leases = () => connection.getClient().db(connection.name).collection<Lease>('leases');
  return {
    /** Takes the name, or renews it when `owner` has it. False while another owner's lease lives. */
    async hold(name: string, owner: string, ttlMs: number): Promise<boolean> {
      const mine = { $eq: ['$owner', { $literal: owner }] };
      const over = { $lte: [{ $ifNull: ['$until', new Date(0)] }, '$$NOW'] };
      const ifMine = (then: unknown, otherwise: string) => ({
        $cond: [{ $or: [mine, over] }, then, otherwise],
      });
      const lease = await leases().findOneAndUpdate(
        { _id: name },
        [
          {
            $set: {
              owner: ifMine({ $literal: owner }, '$owner'),
              until: ifMine({ $add: ['$$NOW', ttlMs] }, '$until'),
            },
          },
        ],
        { upsert: true, returnDocument: 'after' },
      );
      return lease?.owner === owner;
    },
    /** Gives the name up; without effect when `owner` has it not. */
    async release(name: string, owner: string): Promise<void> {
      await leases().deleteOne({ _id: name, owner });
    },
  };
}

const PREPARING = 'prepare';
/** After a killed process another one waits so long. */
const LEASE_MS = 10_000;
const ASK_AGAIN_MS = 200;

/** Runs `work` while no other process prepares or copies; waits for one that does. */
export async function alone<T>(
  mongo: Mongo,
  owner: string,
  logger: Logger,
  work: () => Promise<T>,
): Promise<T> {
  const leases = mongoLeases(mongo);
  for (let asked = 0; !(await leases.hold(PREPARING, owner, LEASE_MS)); asked++) {
    if (asked === 0)
      logger.info('success', 'another process prepares the collections in MongoDB: waiting for it');
    await delay(ASK_AGAIN_MS);
  }
  const renewing = setInterval(() => {
    // Without the lease another process may do the same at the same time, which is slower and no worse.
    leases.hold(PREPARING, owner, LEASE_MS).catch(() => {});
  }, LEASE_MS / 3);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
    await leases.release(PREPARING, owner).catch(() => {
      // It lapses by itself.
    });
  }
}

/** What storage:copy notes about itself in the database that it fills. */
export interface CopyNote {
  /** Of the embedded installation: made by chance, kept in its DATA_DIR. */
  source: string;
  state: 'running' | 'done';
  at: Date;
}

export function copyInto({ connection }: Mongo) {
  const notes = () =>
    connection.getClient().db(connection.name).collection<CopyNote & { _id: string }>('copies');
  return {
    find: () => notes().findOne({ _id: 'storage' }),
    async note(note: CopyNote): Promise<void> {
      await notes().replaceOne({ _id: 'storage' }, note, { upsert: true });
    },
  };
}
