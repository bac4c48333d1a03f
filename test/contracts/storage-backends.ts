import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMongo } from '../../src/drivers/mongo.ts';
import { openWriter, type Sqlite } from '../../src/drivers/sqlite.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import {
  migrations,
  remoteStores,
  sqliteStores,
  startStorageThread,
  workerStores,
  type Stores,
} from '../../src/sqlite-stores.ts';
import { startMongo, whyNoMongo } from '../harness/mongo.ts';

export interface StorageUnderTest {
  readonly stores: Stores;
  /** Removes what the stores have. */
  empty(): void | Promise<void>;
  close(): void | Promise<void>;
}

export interface StorageBackend {
  readonly name: string;
  /** Empty stores. */
  open(): Promise<StorageUnderTest>;
}

export function temporaryDir(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'chat-storage-'));
  return { path, remove: () => rmSync(path, { recursive: true }) };
}

function unexpected(error: unknown, what: string): never {
  throw new Error(`unexpected failure of ${what}`, { cause: error });
}

function emptied(db: Sqlite): void {
  const tables = db.all<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`);
  db.transaction(() => tables.forEach(({ name }) => db.run(`DELETE FROM ${name}`)));
}

/** SQLite in this thread: every call a transaction of its own. */
async function direct(): Promise<StorageUnderTest> {
  const dir = temporaryDir();
  const db = openWriter(dir.path, migrations);
  return {
    stores: sqliteStores(db),
    empty: () => emptied(db),
    close() {
      db.close();
      dir.remove();
    },
  };
}

/** Through the storage thread. `readsLocally`: as workers do, with a connection of this thread for what changes nothing. */
async function threaded(readsLocally: boolean): Promise<StorageUnderTest> {
  const dir = temporaryDir();
  const thread = await startStorageThread({ dataDir: dir.path, onUnexpected: unexpected });
  const remote = remoteStores(thread.wire);
  const worker = workerStores(dir.path, remote);
  const db = openWriter(dir.path, migrations);
  return {
    stores: readsLocally ? worker.stores : remote,
    empty: () => emptied(db),
    async close() {
      db.close();
      worker.close();
      await thread.close();
      dir.remove();
    },
  };
}

/** One server without a replica set, as B starts it. */
async function onMongo(): Promise<StorageUnderTest> {
  const server = await startMongo();
  const mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger: silentLogger });
  await prepareMongo(mongo, 'test', silentLogger);
  return {
    stores: mongoStores(mongo),
    async empty() {
      const collections = Object.values(mongo.connection.collections);
      await Promise.all(collections.map((each) => each.deleteMany({ _id: { $exists: true } })));
    },
    async close() {
      await mongo.close();
      await server.close();
    },
  };
}

/** Why MongoDB's suites do not run here: for the one skipped test that says so (mongo.test.ts). */
export const noMongo = await whyNoMongo('server');

/** Every storage: a new one passes the suites of all stores by being added here. */
export const storageBackends: readonly StorageBackend[] = [
  { name: 'SQLite', open: direct },
  { name: 'SQLite through the storage thread', open: () => threaded(false) },
  { name: 'SQLite through the storage thread, read locally', open: () => threaded(true) },
  ...(noMongo === undefined ? [{ name: 'MongoDB', open: onMongo }] : []),
];
