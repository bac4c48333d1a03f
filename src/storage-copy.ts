/** `npm run storage:copy`: moves an embedded installation to MongoDB. */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { loadConfig, readEnvironment } from '../config/load.ts';
import type { Copy } from './drivers/copy.ts';
import { AS_LONG_AS_IT_TAKES, openMongo, type Mongo } from './drivers/mongo.ts';
import { lockDataDir, openReader, openWriter, type Sqlite } from './drivers/sqlite.ts';
import { accountCopy } from './features/accounts/accounts.copy.ts';
import { sessionCopy } from './features/accounts/sessions.copy.ts';
import {
  conversationCopy,
  counterCopy,
  membershipCopy,
} from './features/conversations/conversations.copy.ts';
import { messageCopy } from './features/conversations/messages.copy.ts';
import { blockCopy } from './features/moderation/blocks.copy.ts';
import { reportCopy } from './features/moderation/reports.copy.ts';
import { uploadCopy } from './features/uploads/uploads.copy.ts';
import { silentLogger, type Logger } from './kernel/logger.ts';
import { alone, bringUpToDate, copyInto } from './mongo-stores.ts';
import { migrations, type Stores } from './sqlite-stores.ts';

/** What is copied, in this order. A store that is not here would be left behind: it does not compile, and a test fails. */
export const copies: { readonly [N in keyof Stores]: readonly [Copy, ...Copy[]] } = {
  accounts: [accountCopy],
  sessions: [sessionCopy],
  blocks: [blockCopy],
  reports: [reportCopy],
  conversations: [conversationCopy, membershipCopy],
  messages: [messageCopy, counterCopy],
  uploads: [uploadCopy],
};

/** By what the operator is told: the store's name, and what more it has by that of its collection. */
function namedCopies(mongo: Mongo): readonly (readonly [name: string, copy: Copy])[] {
  return Object.entries(copies).flatMap(([store, [first, ...others]]) => [
    [store, first] as const,
    ...others.map((copy) => [copy.model(mongo).collection.name, copy] as const),
  ]);
}

/** With the index that every collection has. */
const ANYTHING = { _id: { $exists: true } };

const PROGRESS_MS = 1_000;
const LOCK_WAIT_MS = 2_000;

/**
 * Copies everything with its ids, and compares every record at the end. A copy that did not finish is begun anew; one that
 * did is only compared again. The embedded installation is not changed, apart from a file that names it.
 * @param say one line for the operator
 * @throws an Error for the operator: a server runs on the directory, the target has something else in it, they differ
 */
export async function copyStorage(options: {
  readonly dataDir: string;
  readonly mongo: Mongo;
  readonly logger: Logger;
  readonly say: (line: string) => void;
  /** How often it says how far it is. */
  readonly progressMs?: number;
}): Promise<void> {
  const { dataDir, mongo, logger, say, progressMs = PROGRESS_MS } = options;
  if (!hasDatabase(dataDir)) throw new Error(`DATA_DIR: there is no embedded installation in ${dataDir}.`);
  const lock = lockDataDir(dataDir, LOCK_WAIT_MS);
  try {
    const db = openWriter(dataDir, migrations);
    try {
      const source = nameOf(dataDir);
      await alone(mongo, `storage:copy ${randomUUID()}`, logger, () =>
        copyAlone({ db, source, mongo, say, progressMs }),
      );
    } finally {
      db.close();
    }
  } finally {
    lock.release();
  }
}

interface Run {
  readonly db: Sqlite;
  readonly source: string;
  readonly mongo: Mongo;
  readonly say: (line: string) => void;
  readonly progressMs: number;
}

async function copyAlone(run: Run): Promise<void> {
  const { source, mongo, say } = run;
  const database = mongo.connection.name;
  const before = await copyInto(mongo).find();
  if (before && before.source !== source) {
    throw new Error(
      `MONGODB_URI: the database ${database} is a copy of another installation. Choose an empty one.`,
    );
  }
  if (before?.state === 'done') {
    say(`${database} was filled from here at ${before.at.toISOString()}: comparing`);
    const differences = await compareAll(run);
    if (differences.length === 0) return;
    throw new Error(
      `One of the two has changed since the copy was finished:\n${differences.join('\n')}\n` +
        `Nothing was changed. To copy once more, drop the database ${database} first: what came into it is lost then.`,
    );
  }
  if (!before) await refuseUsed(mongo);

  await copyInto(mongo).note({ source, state: 'running', at: new Date() });
  for (const [, copy] of namedCopies(mongo)) {
    await copy.model(mongo).collection.deleteMany(ANYTHING, AS_LONG_AS_IT_TAKES);
  }
  await bringUpToDate(mongo);
  for (const [name, copy] of namedCopies(mongo)) await fill(name, copy, run);

  const differences = await compareAll(run);
  if (differences.length > 0) {
    throw new Error(
      `The copy differs from the original:\n${differences.join('\n')}\n` +
        `Does a server run with this MONGODB_URI? Stop it, and run the command again.`,
    );
  }
  await copyInto(mongo).note({ source, state: 'done', at: new Date() });
}

async function refuseUsed(mongo: Mongo): Promise<void> {
  for (const [, copy] of namedCopies(mongo)) {
    const { collection } = copy.model(mongo);
    if (!(await collection.findOne(ANYTHING, { projection: { _id: 1 } }))) continue;
    throw new Error(
      `MONGODB_URI: the database ${mongo.connection.name} is not empty: there is something in ${collection.name}. ` +
        'Choose an empty one.',
    );
  }
}

async function fill(name: string, copy: Copy, { db, mongo, say, progressMs }: Run): Promise<void> {
  const { collection } = copy.model(mongo);
  const all = copy.count(db);
  let done = 0;
  let said = performance.now();
  for (const batch of copy.batches(db)) {
    await collection.insertMany([...batch], AS_LONG_AS_IT_TAKES);
    done += batch.length;
    if (performance.now() - said < progressMs) continue;
    said = performance.now();
    say(`${name}: ${done} of ${all}`);
  }
  say(`${name}: ${done} copied`);
}

/** A line for each store that differs. */
async function compareAll({ db, mongo, say }: Run): Promise<readonly string[]> {
  const differences: string[] = [];
  for (const [name, copy] of namedCopies(mongo)) {
    const difference = await compare(copy, db, mongo);
    if (difference === undefined) say(`${name}: ${copy.count(db)} compared, all the same`);
    else differences.push(`  ${name}: ${difference}`);
  }
  return differences;
}

async function compare(copy: Copy, db: Sqlite, mongo: Mongo): Promise<string | undefined> {
  const { collection } = copy.model(mongo);
  const [here, there] = [
    copy.count(db),
    await collection.countDocuments({}, { hint: '_id_', ...AS_LONG_AS_IT_TAKES }),
  ];
  if (here !== there) return `${here} here, ${there} there`;
  let seen = 0;
  for (const batch of copy.batches(db)) {
    const ids = batch.map(idOf);
    const found = await collection.find({ _id: { $in: ids } } as object, AS_LONG_AS_IT_TAKES).toArray();
    const copied = new Map(found.map((document) => [idOf(document), document]));
    const other = batch.find((document) => !isDeepStrictEqual(copied.get(idOf(document)), document));
    if (other) return `${String(idOf(other))} is not the same`;
    seen += batch.length;
  }
  // A copy that forgets half of a table must not be the one who says that it is complete.
  return seen === here ? undefined : `${here} here, of which ${seen} are copied`;
}

const idOf = (document: object): unknown => (document as { _id: unknown })._id;

const hasDatabase = (dataDir: string): boolean => existsSync(join(dataDir, 'chat.db'));

/** By this a target knows whose copy it is, also after the directory was moved. */
function nameOf(dataDir: string): string {
  const file = join(dataDir, 'installation-id');
  try {
    writeFileSync(file, randomUUID(), { flag: 'wx', mode: 0o600 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  return readFileSync(file, 'utf8').trim();
}

/** Accounts in the embedded storage of this directory; 0 where there is none. For the banner of a start on an empty MongoDB. */
export function embeddedAccounts(dataDir: string): number {
  if (!hasDatabase(dataDir)) return 0;
  const db = openReader(dataDir);
  try {
    return db.get<{ n: number }>('SELECT count(*) AS n FROM accounts')?.n ?? 0;
  } finally {
    db.close();
  }
}

async function main(): Promise<void> {
  const { dataDir, mongodbUri: uri, mongodbTimeoutMs: answerMs } = loadConfig(readEnvironment());
  if (uri === undefined) throw new Error('MONGODB_URI: set it to the database that is to be filled.');
  const say = (line: string) => console.log(line);
  const logger: Logger = { ...silentLogger, warn: (_, text) => say(text), info: (_, text) => say(text) };
  const mongo = await openMongo({ uri, answerMs, logger });
  try {
    await copyStorage({ dataDir, mongo, logger, say });
  } finally {
    await mongo.close();
  }
  say(`Everything is in the database ${mongo.connection.name}. Start the server with MONGODB_URI set.`);
  say(`Keep ${dataDir}, or set JWT_SECRET, if the secret was made by the server: it is in there.`);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
