import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { SCHEMA_RELEASE } from '../schema-release.ts';

/** A step of the schema. Steps that were released are never changed, moved or removed: a database knows only how many it took. */
export interface Migration {
  readonly name: string;
  /** Of the schema: what SCHEMA_RELEASE was when the step was new. */
  readonly release: number;
  readonly sql: string;
}

/** One connection. Synchronous: it belongs into a thread of its own, or reads by key. */
export interface Sqlite {
  get<Row>(sql: string, ...params: SQLInputValue[]): Row | undefined;
  all<Row>(sql: string, ...params: SQLInputValue[]): Row[];
  /** Returns the number of changed rows. */
  run(sql: string, ...params: SQLInputValue[]): number;
  exec(sql: string): void;
  /** Everything `work` writes, or nothing when it throws. Does not nest. */
  transaction<T>(work: () => T): T;
  /** False outside of a transaction, also after SQLite ended one by itself (disk full). */
  readonly inTransaction: boolean;
  close(): void;
}

/** A port whose methods answer at once: what runs inside a transaction cannot wait for anything else. */
export type Sync<P> = {
  readonly [M in keyof P]: P[M] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;
};

/** Other connections hold locks for milliseconds, except for somebody's `sqlite3` shell. */
const BUSY_TIMEOUT_MS = 5_000;
/** The write-ahead log is cut back to this after a burst. */
const WAL_LIMIT_BYTES = 64 * 1024 * 1024;

const databaseFile = (dataDir: string) => join(dataDir, 'chat.db');

/** Directory for owner's eyes only, when it has to be made. */
export function makeDataDir(dataDir: string): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
}

/**
 * The one writing connection. Brings the schema up to date.
 * @param release of this code: a database may be one ahead
 * @throws an Error for the operator when it is further ahead
 */
export function openWriter(
  dataDir: string,
  migrations: readonly Migration[],
  release: number = SCHEMA_RELEASE,
): Sqlite {
  const file = databaseFile(dataDir);
  ownerOnly(file);
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  const db = sqliteOf(database);
  try {
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = ${WAL_LIMIT_BYTES}`,
    );
    migrate(db, migrations, release, file);
  } catch (error) {
    db.close();
    throw error;
  }
  return db;
}

/** Sees what was committed before each call. The writer must have been opened before. */
export function openReader(dataDir: string): Sqlite {
  return sqliteOf(new DatabaseSync(databaseFile(dataDir), { readOnly: true, timeout: BUSY_TIMEOUT_MS }));
}

function sqliteOf(database: DatabaseSync): Sqlite {
  // As many entries as the code has statements.
  const statements = new Map<string, StatementSync>();
  const prepared = (sql: string) => {
    let statement = statements.get(sql);
    if (!statement) statements.set(sql, (statement = database.prepare(sql)));
    return statement;
  };
  return {
    get: <Row>(sql: string, ...params: SQLInputValue[]) => prepared(sql).get(...params) as Row | undefined,
    all: <Row>(sql: string, ...params: SQLInputValue[]) => prepared(sql).all(...params) as Row[],
    run: (sql, ...params) => Number(prepared(sql).run(...params).changes),
    exec: (sql) => database.exec(sql),
    transaction(work) {
      prepared('BEGIN IMMEDIATE').run();
      try {
        const value = work();
        prepared('COMMIT').run();
        return value;
      } catch (error) {
        if (database.isTransaction) prepared('ROLLBACK').run();
        throw error;
      }
    },
    get inTransaction() {
      return database.isTransaction;
    },
    close() {
      statements.clear();
      database.close();
    },
  };
}

/**
 * SQLite keeps one number for us in the file: the release of the newest step times this, plus how many steps were taken. Before
 * releases were counted it was the steps alone, which reads as release 0.
 */
const STEPS = 1_000;

function migrate(db: Sqlite, migrations: readonly Migration[], release: number, file: string): void {
  const version = db.get<{ user_version: number }>('PRAGMA user_version')?.user_version ?? 0;
  const [reached, taken] = [Math.floor(version / STEPS), version % STEPS];
  if (reached > release + 1) {
    throw new Error(
      `${file} was written by a newer version of this server (its schema is of release ${reached}, this version takes up to ` +
        `${release + 1}). Start that version again, or restore a backup from before the upgrade.`,
    );
  }
  // Of a database that is ahead the steps that this code does not know stay as they are.
  for (const [index, step] of migrations.entries()) {
    if (index < taken) continue;
    try {
      db.transaction(() => {
        db.exec(step.sql);
        db.exec(`PRAGMA user_version = ${step.release * STEPS + index + 1}`);
      });
    } catch (error) {
      throw new Error(`${file}: migration "${step.name}" failed`, { cause: error });
    }
  }
}

export interface DataDirLock {
  release(): void;
}

/**
 * Keeps other processes out of the directory until `release`, or until this process ends in whatever way: the operating
 * system lets go of the lock. Waits up to `waitMs` for a holder that is just going.
 * @throws an error that says who holds it
 */
export function lockDataDir(dataDir: string, waitMs: number): DataDirLock {
  const file = join(dataDir, 'lock.db');
  ownerOnly(file);
  const database = new DatabaseSync(file, { timeout: waitMs });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw new Error(`${dataDir} is in use by ${holderOf(dataDir)}. Stop it first, or set another DATA_DIR.`, {
      cause: error,
    });
  }
  // Nobody can read a file that is locked: who holds it stands beside it.
  writeFileSync(
    holderFile(dataDir),
    `process ${process.pid} on ${hostname()}, since ${new Date().toISOString()}\n`,
    {
      mode: 0o600,
    },
  );
  return { release: () => database.close() };
}

const SQLITE_BUSY = 5;

const holderFile = (dataDir: string) => join(dataDir, 'lock-holder');

function holderOf(dataDir: string): string {
  try {
    return readFileSync(holderFile(dataDir), 'utf8').trim();
  } catch {
    return 'another process';
  }
}

/**
 * Makes the file with mode 0600, or gives it that mode. An existing file is not opened: closing it again would drop the
 * locks that SQLite holds on it for this process (POSIX).
 */
function ownerOnly(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    chmodSync(file, 0o600);
  }
}

/** Ids are integers in the database: small, and in order of time. What is no id equals none. */
export const rowId = (id: string): number => (/^[0-9]{1,16}$/.test(id) ? Number(id) : -1);

/** For `IN (SELECT value FROM json_each(?))`. */
export const rowIds = (ids: readonly string[]): string => JSON.stringify(ids.map(rowId));

/** The async port over a synchronous store; `around` runs each call. */
export function portOf<P extends object>(store: Sync<P>, around: <T>(call: () => T) => T): P {
  const methods = Object.entries(store as Record<string, (...args: unknown[]) => unknown>);
  return Object.fromEntries(
    methods.map(([name, method]) => [name, async (...args: unknown[]) => around(() => method(...args))]),
  ) as P;
}
