/** What the embedded storage promises beyond its stores: one commit for many calls, durability, one owner of a directory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { groupCommit } from '../../src/drivers/group-commit.ts';
import { lockDataDir, openWriter, type Migration, type Sqlite } from '../../src/drivers/sqlite.ts';
import { SCHEMA_RELEASE } from '../../src/schema-release.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { remotePorts, serve } from '../../src/kernel/bridge.ts';
import {
  migrations,
  remoteStores,
  startStorageThread,
  wireOf,
  workerStores,
} from '../../src/sqlite-stores.ts';
import { account } from './account-record.ts';
import { temporaryDir } from './storage-backends.ts';

let dir: ReturnType<typeof temporaryDir>;
beforeEach(() => {
  dir = temporaryDir();
});
afterEach(() => dir.remove());

const isUnexpected = (error: unknown) => {
  throw error;
};

describe('group commit', () => {
  const schema: Migration = {
    name: 'notes',
    release: 1,
    sql: `CREATE TABLE notes (text TEXT PRIMARY KEY);
          CREATE TABLE answers (note TEXT REFERENCES notes DEFERRABLE INITIALLY DEFERRED)`,
  };

  interface Notes {
    write(text: string): Promise<void>;
    writeThenFail(text: string): Promise<void>;
    /** Only the commit notices that there is no such note. */
    answer(text: string): Promise<void>;
    /** As SQLite does when the disk is full. */
    endTransaction(): Promise<void>;
  }

  let db: Sqlite;
  let notes: Notes;
  let commits: number[];
  let unexpected: string[];
  let close: () => void;
  const written = () =>
    db.all<{ text: string }>('SELECT text FROM notes ORDER BY rowid').map(({ text }) => text);

  beforeEach(() => {
    db = openWriter(dir.path, [schema]);
    commits = [];
    unexpected = [];
    const write = (text: string) => void db.run('INSERT INTO notes VALUES (?)', text);
    const { run } = groupCommit(
      db,
      {
        notes: {
          write,
          writeThenFail(text: string) {
            write(text);
            throw new AppError('CONFLICT', 'No.', { text: 'no' });
          },
          answer: (text: string) => void db.run('INSERT INTO answers VALUES (?)', text),
          endTransaction: () =>
            void db.run('INSERT OR ROLLBACK INTO notes VALUES (?), (?)', 'twice', 'twice'),
        },
      },
      { onUnexpected: (_, what) => unexpected.push(what), onCommit: (calls) => commits.push(calls) },
    );
    const { port1, port2 } = new MessageChannel();
    serve(
      wireOf(port1, () => {}),
      run,
    );
    notes = remotePorts(wireOf(port2, () => {}))<Notes>('notes');
    close = () => {
      port1.close();
      db.close();
    };
  });
  afterEach(() => close());

  it('writes what comes together with one commit', async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => notes.write(`note ${i}`)));
    expect(commits).toEqual([100]);
    expect(written()).toHaveLength(100);
    expect(written()[7]).toBe('note 7');

    await notes.write('one');
    await notes.write('two');
    expect(commits).toEqual([100, 1, 1]);
  });

  it('undoes a call that fails in the middle, and only that', async () => {
    const results = await Promise.allSettled([
      notes.write('before'),
      notes.writeThenFail('never'),
      notes.write('before'),
      notes.write('after'),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled']);
    expect(results[1]).toMatchObject({
      reason: { code: 'CONFLICT', message: 'No.', fields: { text: 'no' } },
    });
    expect(results[2]).toMatchObject({ reason: { code: 'INTERNAL' } });
    expect(unexpected).toEqual(['notes.write']);
    expect(written()).toEqual(['before', 'after']);
    expect(commits).toEqual([4]);
  });

  it.each(['answer', 'endTransaction'] as const)(
    'fails all when the commit fails (%s), and goes on',
    async (method) => {
      const results = await Promise.allSettled([notes.write('a'), notes[method]('nobody'), notes.write('b')]);
      for (const result of results) expect(result).toMatchObject({ reason: { code: 'UNAVAILABLE' } });
      expect(unexpected).toEqual(['a commit of 3 calls']);
      expect(written()).toEqual([]);
      expect(commits).toEqual([]);

      await notes.write('again');
      expect(written()).toEqual(['again']);
    },
  );

  it('answers only what is on disk', async () => {
    // Another connection sees nothing but commits.
    const reader = openWriter(dir.path, [schema]);
    await notes.write('done');
    expect(reader.all('SELECT text FROM notes')).toEqual([{ text: 'done' }]);
    reader.close();
  });
});

const step = (name: string, release: number, sql = `CREATE TABLE "${name}" (x)`): Migration => ({
  name,
  release,
  sql,
});

describe('schema releases', () => {
  const steps = [step('a', 1), step('b', 1), step('c', 2), step('d', 3), step('e', 4)];
  const code = (release: number) => steps.filter((one) => one.release <= release);
  const open = (release: number) => openWriter(dir.path, code(release), release);
  /** What is there after code of this release was started. */
  function tablesAfter(release: number): string {
    const db = open(release);
    const tables = db.all<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`);
    db.close();
    return tables.map(({ name }) => name).join('');
  }

  it('are taken as they come, one or several at a time', () => {
    expect(tablesAfter(1)).toBe('ab');
    expect(tablesAfter(2)).toBe('abc');
    expect(tablesAfter(4)).toBe('abcde');
    expect(tablesAfter(4)).toBe('abcde');
  });

  it('may be one ahead of the code, which leaves it so', () => {
    expect(tablesAfter(3)).toBe('abcd');
    const db = open(2);
    db.run('INSERT INTO c VALUES (1)');
    db.close();
    expect(tablesAfter(3)).toBe('abcd');
    expect(tablesAfter(2)).toBe('abcd');
    expect(tablesAfter(4)).toBe('abcde');
  });

  it.each([
    [3, 1],
    [4, 1],
    [4, 2],
  ])('are refused as %i by code of %i, which changes nothing', (ahead, behind) => {
    const tables = tablesAfter(ahead);
    expect(() => open(behind)).toThrow(
      `chat.db was written by a newer version of this server (its schema is of release ${ahead}, ` +
        `this version takes up to ${behind + 1}). Start that version again, or restore a backup`,
    );
    expect(tablesAfter(ahead)).toBe(tables);
  });

  it('do not go up with code that has nothing new for SQLite', () => {
    openWriter(dir.path, code(2), 3).close();
    expect(tablesAfter(1)).toBe('abc');
  });

  it('go on from a database of before they were counted', () => {
    const db = open(1);
    db.run(`INSERT INTO a VALUES ('kept')`);
    db.exec('PRAGMA user_version = 2');
    db.close();
    const now = open(2);
    expect(now.all('SELECT x FROM a')).toEqual([{ x: 'kept' }]);
    now.close();
    expect(tablesAfter(2)).toBe('abc');
    expect(() => open(0)).toThrow(/newer version/);
  });

  it('stay where they were when a step fails', () => {
    open(1).close();
    const broken = [...code(1), step('c', 2), step('broken', 3, 'INSERT INTO nowhere VALUES (1)')];
    expect(() => openWriter(dir.path, broken, 3)).toThrow(/"broken" failed/);
    expect(tablesAfter(1)).toBe('abc');
  });
});

describe('storage thread', () => {
  const writer = join(import.meta.dirname, 'writes-until-killed.ts');
  const start = (lockWaitMs = 0) =>
    startStorageThread({ dataDir: dir.path, lockWaitMs, onUnexpected: isUnexpected });

  it('lets one worker read what another wrote', async () => {
    const thread = await start();
    const workers = [1, 2].map(() => workerStores(dir.path, remoteStores(thread.wire)));
    const [one, two] = workers.map(({ stores }) => stores.accounts);
    for (let i = 0; i < 50; i++) {
      const ann = account();
      await one!.create(ann);
      expect(await two!.byId(ann.id)).toEqual(ann);
    }
    for (const worker of workers) worker.close();
    await thread.close();
  });

  it('writes what waits when it is closed, and fails what comes later', async () => {
    const thread = await start();
    const { accounts } = remoteStores(thread.wire);
    const ann = account();
    const creating = accounts.create(ann);
    await thread.close();
    await creating;
    await expect(accounts.count()).rejects.toMatchObject({ code: 'UNAVAILABLE' });

    const again = await start();
    expect(await remoteStores(again.wire).accounts.byId(ann.id)).toEqual(ann);
    await again.close();
  });

  it('says so when it ends by itself, and fails what was asked of it', async () => {
    const told: string[] = [];
    const thread = await startStorageThread({
      dataDir: dir.path,
      onUnexpected: (_, what) => told.push(what),
    });
    const { accounts } = remoteStores(thread.wire);
    // Nobody called close().
    thread.wire.send({ storage: 'close' });
    await expect(accounts.count()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(told).toEqual(['the storage thread']);
  });

  it('keeps everything readable by its owner only', async () => {
    const inside = join(dir.path, 'made', 'here');
    const thread = await startStorageThread({ dataDir: inside, onUnexpected: isUnexpected });
    await remoteStores(thread.wire).accounts.create(account());
    expect(statSync(inside).mode & 0o777).toBe(0o700);
    for (const file of ['chat.db', 'chat.db-wal', 'lock.db', 'lock-holder']) {
      expect([file, statSync(join(inside, file)).mode & 0o777]).toEqual([file, 0o600]);
    }
    await thread.close();
  });

  it('has the directory for itself, and says who has it', async () => {
    const thread = await start();
    const refusal = new RegExp(`${dir.path} is in use by process ${process.pid} on .+DATA_DIR`);
    await expect(start()).rejects.toThrow(refusal);

    // Another process too, also after this one has looked at the locked files again.
    const other = spawn(process.execPath, [writer, dir.path], { stdio: ['ignore', 'ignore', 'pipe'] });
    expect(await text(other.stderr)).toMatch(refusal);
    await thread.close();
    await (await start()).close();
  });

  it('waits for a holder that is just leaving', async () => {
    const lock = lockDataDir(dir.path, 0);
    setTimeout(() => lock.release(), 200);
    await (await start(5_000)).close();
  });

  it('refuses a database that is two releases ahead', async () => {
    openWriter(dir.path, [...migrations, step('of the day after tomorrow', SCHEMA_RELEASE + 2)]).close();
    await expect(start()).rejects.toThrow(/chat.db was written by a newer version of this server/);
    expect(() => openWriter(dir.path, migrations)).toThrow(/newer/);
  });

  it('works on a database that is one release ahead', async () => {
    openWriter(dir.path, [...migrations, step('of tomorrow', SCHEMA_RELEASE + 1)]).close();
    const thread = await start();
    await remoteStores(thread.wire).accounts.create(account());
    await thread.close();
  });

  it('waits for the disk at each commit', () => {
    const db = openWriter(dir.path, migrations);
    expect(db.get('PRAGMA synchronous')).toEqual({ synchronous: 2 });
    expect(db.get('PRAGMA journal_mode')).toEqual({ journal_mode: 'wal' });
    db.close();
  });

  it('brings an older database up to date, each step once and whole', () => {
    const first = step('first', 1, 'CREATE TABLE a (x); INSERT INTO a VALUES (1)');
    const second = step('second', 1, 'INSERT INTO a VALUES (2)');
    const broken = step('broken', 1, 'INSERT INTO a VALUES (3); INSERT INTO nowhere VALUES (1)');
    openWriter(dir.path, [first]).close();
    openWriter(dir.path, [first, second]).close();
    expect(() => openWriter(dir.path, [first, second, broken])).toThrow(/"broken" failed/);
    const db = openWriter(dir.path, [first, second]);
    expect(db.all('SELECT x FROM a')).toEqual([{ x: 1 }, { x: 2 }]);
    db.close();
  });

  it('never changes the order of steps that databases out there have taken', () => {
    expect(migrations.map(({ name, release }) => `${release} ${name}`).slice(0, 6)).toEqual([
      '1 accounts',
      '1 sessions',
      '1 blocks',
      '1 reports',
      '2 conversations',
      '2 messages',
    ]);
    const releases = migrations.map(({ release }) => release);
    expect(releases).toEqual(releases.toSorted((a, b) => a - b));
    expect(Math.max(...releases)).toBeLessThanOrEqual(SCHEMA_RELEASE);
  });

  it('loses nothing that was acknowledged when the process is killed, and lets the next one in at once', async () => {
    const inside = join(dir.path, 'killed');
    mkdirSync(inside);
    const child = spawn(process.execPath, [writer, inside], { stdio: ['ignore', 'pipe', 'inherit'] });
    const acknowledged: string[] = [];
    for await (const id of createInterface(child.stdout)) {
      acknowledged.push(id);
      if (acknowledged.length !== 500) continue;
      const second = startStorageThread({ dataDir: inside, lockWaitMs: 0, onUnexpected: isUnexpected });
      await expect(second).rejects.toThrow(`in use by process ${child.pid} `);
      child.kill('SIGKILL');
    }
    if (child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    expect(existsSync(join(inside, 'chat.db-wal'))).toBe(true);
    expect(readFileSync(join(inside, 'lock-holder'), 'utf8')).toContain(`process ${child.pid} `);

    const thread = await startStorageThread({ dataDir: inside, lockWaitMs: 0, onUnexpected: isUnexpected });
    const { accounts } = remoteStores(thread.wire);
    const found = await accounts.byIds(acknowledged);
    expect(found).toHaveLength(acknowledged.length);
    expect(acknowledged.length).toBeGreaterThanOrEqual(500);
    await thread.close();
  });
});
