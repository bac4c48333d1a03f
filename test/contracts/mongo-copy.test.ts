/** `npm run storage:copy`: an embedded installation moves to MongoDB. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { lockDataDir, openWriter, type Sqlite } from '../../src/drivers/sqlite.ts';
import { MAX_SESSIONS_PER_USER, type Session } from '../../src/features/accounts/sessions.ts';
import { silentLogger as logger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import { migrations, sqliteStores, type Stores } from '../../src/sqlite-stores.ts';
import { copies, copyStorage, embeddedAccounts } from '../../src/storage-copy.ts';
import { describeMongo, startMongo } from '../harness/mongo.ts';
import { withDatabase, type MongoUnderTest } from '../harness/mongod.ts';
import { account, guestAccount, nextId, NOW } from './account-record.ts';
import { attachment, conversation, direct, draft, named, nobody } from './conversation-stage.ts';
import { temporaryDir } from './storage-backends.ts';
import { asAvatar, inMatch, inMessage, upload, voice } from './upload-stage.ts';

const program = fileURLToPath(new URL('../../src/storage-copy.ts', import.meta.url));

it('takes every store along, and every table', () => {
  const dir = temporaryDir();
  const db = openWriter(dir.path, migrations);
  const tables = db.all<{ name: string }>(`SELECT name FROM sqlite_schema WHERE type = 'table'`);
  expect(Object.keys(copies)).toEqual(Object.keys(sqliteStores(db)));
  expect(
    Object.values(copies)
      .flat()
      .flatMap((copy) => copy.tables),
  ).toEqual(tables.map(({ name }) => name));
  expect(embeddedAccounts(dir.path)).toBe(0);
  db.close();
  dir.remove();
  expect(embeddedAccounts(dir.path)).toBe(0);
});

await describeMongo('copying the storage', 'server', () => {
  let server: MongoUnderTest;
  let dir: ReturnType<typeof temporaryDir>;
  let uri: string;
  let mongo: Mongo;
  let said: string[];
  beforeAll(async () => {
    server = await startMongo();
  });
  beforeEach(async () => {
    dir = temporaryDir();
    uri = withDatabase(server.uri, `test_${randomBytes(6).toString('hex')}`);
    mongo = await openMongo({ uri, answerMs: 4_000, logger });
    said = [];
  });
  afterEach(async () => {
    await mongo.connection.getClient().db().dropDatabase();
    await mongo.close();
    dir.remove();
  });
  afterAll(() => server.close());

  async function embedded(work: (stores: Stores, db: Sqlite) => Promise<void>): Promise<void> {
    const db = openWriter(dir.path, migrations);
    await work(sqliteStores(db), db);
    db.close();
  }
  const say = (line: string) => void said.push(line);
  const copy = () => copyStorage({ dataDir: dir.path, mongo, logger, say, progressMs: 0 });
  const users = () => mongo.connection.getClient().db().collection('users');

  const session = (userId: string, overrides: Partial<Session> = {}): Session => ({
    id: nextId(),
    userId,
    ip: '192.0.2.1',
    userAgent: 'a browser',
    deviceId: null,
    location: null,
    createdAt: NOW,
    lastSeen: NOW,
    expiresAt: NOW + 1_000,
    refreshId: `r${userId}`,
    ...overrides,
  });

  const ann = account({ username: 'Ann', email: 'Ann@Example.org', avatar: 'a.jpg', adminConfirmed: true });
  const bob = account({
    ...{ status: 'busy', lastSeen: NOW + 5, externalId: 'auth0|7', tokensFrom: NOW + 9 },
    ...{ displayName: 'Bob B.', bio: 'two\nlines' },
  });
  const guest = guestAccount({ expiresAt: NOW + 50 });
  const phone = session(ann.id, { deviceId: 'phone', location: { country: 'DE', city: 'Kassel' } });
  const report = {
    id: nextId(),
    by: ann.id,
    userId: bob.id,
    reason: 'spam',
    details: 'twice\n"hard"',
    matchId: 'm1',
    at: NOW,
  } as const;

  async function fillAll(stores: Stores): Promise<void> {
    for (const one of [ann, bob, guest]) await stores.accounts.create(one);
    for (const one of [phone, session(ann.id), session(bob.id)]) await stores.sessions.create(one);
    await stores.blocks.block(ann.id, bob.id, NOW);
    await stores.blocks.block(ann.id, guest.id, NOW + 1);
    await stores.blocks.block(bob.id, ann.id, NOW + 2);
    await stores.reports.add(report);
    await stores.reports.add({ ...report, id: nextId(), details: null, matchId: null });
    await converse(stores);
    await share(stores);
  }

  const bikes = conversation({ ownerId: ann.id });
  const two = direct([ann.id, bob.id]);
  const [general, gone, empty] = [
    named('general', { ownerId: bob.id }),
    named('gone', { ownerId: ann.id }),
    named('empty', { ownerId: null }),
  ];
  const posted = [
    draft({ senderId: ann.id, text: 'hello', retry: { key: 't:one', formerKey: null, since: 0 } }),
    draft({ senderId: 'guest:1', hiddenFrom: [bob.id, ann.id], text: '“hi”\n$x' }),
    draft({ senderId: bob.id, type: 'file', text: '', attachment }),
    draft({ senderId: '0', type: 'system', createdAt: NOW + 1 }),
  ];

  async function converse({ conversations, messages }: Stores): Promise<void> {
    await conversations.create(bikes, [ann.id, bob.id, guest.id]);
    await conversations.openDirect(two);
    for (const each of [general, gone, empty]) await conversations.openNamed(each);
    await conversations.touch([empty.id], NOW + 7);
    await conversations.join(general.id, [bob.id, ann.id], NOW + 3, 0);
    await messages.append(bikes.id, posted);
    await messages.append(gone.id, [draft(), draft()]);
    await conversations.remove(gone.id);
    await messages.edit(posted[0]!.id, 'hello!', 0);
    await messages.react(posted[0]!.id, bob.id, '+1');
    await messages.react(posted[0]!.id, ann.id, '+1');
    await messages.react(posted[0]!.id, ann.id, '-1');
    await messages.remove(posted[2]!.id);
    await conversations.moveRead(bikes.id, bob.id, 3);
    await conversations.hide(two.id, ann.id, 1);
  }

  async function conversed({ conversations, messages }: Stores) {
    const all = { limit: 10, reader: nobody };
    const ids = [bikes, two, general, gone, empty].map(({ id }) => id);
    const refs = [...ids, 'general', 'gone', 'empty'];
    return {
      found: await Promise.all(refs.map((ref) => conversations.find(ref, ann.id))),
      direct: await conversations.findDirect([ann.id, bob.id]),
      lists: await Promise.all([ann, bob, guest].map(({ id }) => conversations.listOf(id, 9))),
      members: await Promise.all(ids.map((id) => conversations.members(id, 9))),
      deserted: await conversations.deserted(NOW + 8, 9),
      positions: (await messages.positions(ids)).toSorted((a, b) =>
        a.conversationId.localeCompare(b.conversationId),
      ),
      since: await Promise.all(ids.map((id) => messages.since(id, 0, all))),
      changed: await messages.changed(bikes.id, { changedAt: 0, id: '' }, { ...all, through: 9 }),
      unread: await messages.unread(ann.id, [{ conversationId: bikes.id, after: 0 }]),
    };
  }

  const [shared, note] = [upload({ ownerId: ann.id }), voice({ ownerId: bob.id })];

  async function share({ uploads }: Stores): Promise<void> {
    for (const one of [shared, note, upload({ ownerId: ann.id })]) await uploads.create(one);
    const uses = [
      inMessage('7', bikes.id),
      inMatch('m1', NOW + 5, bob.id),
      inMatch('$m', NOW + 9, bob.id),
      asAvatar,
    ];
    for (const use of uses) await uploads.use(shared.id, ann.id, use);
    await uploads.use(note.id, bob.id, inMatch('m1', NOW + 5, ann.id));
  }

  const byText = <T>(all: readonly T[]) => all.map((each) => JSON.stringify(each)).toSorted();

  async function sharedOf({ uploads }: Stores) {
    const found = await Promise.all([shared.id, note.id].map((id) => uploads.find(id)));
    return {
      found: found.map((one) => ({ ...one, uses: byText(one?.uses ?? []) })),
      matches: byText(await uploads.matchesBeyond(NOW, 9)),
    };
  }

  /** What can be asked of stores, of everything that the tests put there. */
  async function everything(stores: Stores) {
    const { accounts, sessions, blocks, reports } = stores;
    return {
      accounts: await Promise.all([ann, bob, guest].map(({ id }) => accounts.byId(id))),
      count: await accounts.count(),
      byEmail: await accounts.byEmail('ann@example.ORG'),
      sessions: await Promise.all([ann, bob, guest].map(({ id }) => sessions.listOf(id, NOW))),
      owner: await sessions.withOwner(phone.id, NOW),
      blocks: await Promise.all([ann, bob, guest].map(({ id }) => blocks.idsBlockedBy(id))),
      between: await blocks.betweenAny(ann.id, [guest.id, bob.id]),
      reports: await reports.newest(10, null),
      conversed: await conversed(stores),
      shared: await sharedOf(stores),
    };
  }

  it('brings everything under the same ids, as the stores answer it', async () => {
    let before: unknown;
    await embedded(async (stores) => {
      await fillAll(stores);
      before = await everything(stores);
    });
    await copy();
    await prepareMongo(mongo, 'server', logger);
    const stores = mongoStores(mongo);
    expect(await everything(stores)).toEqual(before);
    for (const line of [
      'accounts: 3 copied',
      'sessions: 3 copied',
      'blocks: 2 copied',
      'reports: 2 copied',
      'conversations: 5 copied',
      'memberships: 7 copied',
      'messages: 4 copied',
      'counters: 5 copied',
      'uploads: 3 copied',
    ]) {
      expect(said).toContain(line);
    }
    expect(said).toContain('accounts: 3 compared, all the same');
    expect(embeddedAccounts(dir.path)).toBe(3);

    // And they decide as before.
    const { uploads } = stores;
    await expect(uploads.remove(shared.id, ann.id)).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await uploads.removeOrphans({ createdBefore: NOW, now: NOW + 5 }, 9)).toEqual([note.id]);
    expect(await uploads.removeOrphans({ createdBefore: NOW + 1, now: NOW + 9 }, 9)).toHaveLength(1);
    const again = { presented: phone.refreshId, next: 'n', expiresAt: NOW + 2_000, ip: '' };
    expect(await stores.sessions.rotate(phone.id, again, NOW)).toBe('ok');
    await expect(stores.accounts.create(account({ username: 'ANN' }))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    const { conversations, messages } = stores;
    const [repeat, next] = await messages.append(bikes.id, [{ ...posted[0]!, id: nextId() }, draft()]);
    expect([repeat!.repeated, repeat!.message.seq, next!.message.seq]).toEqual([true, 1, 5]);
    expect(await conversations.openDirect(direct([ann.id, bob.id]))).toMatchObject({ created: false });
    expect(await conversations.join(bikes.id, ['77', ann.id], NOW, 0)).toEqual(['77']);
    // The numbers of a handle go on.
    const { conversation: anew } = await conversations.openNamed(named('gone'));
    expect(anew.id).toBe(gone.id);
    expect((await messages.append(gone.id, [draft()]))[0]!.message.seq).toBe(3);
  });

  it('says how far it is, and copies many', async () => {
    await embedded(async ({ accounts, sessions, blocks }, db) => {
      db.exec('BEGIN');
      db.exec(`
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5500)
        INSERT INTO accounts (id, username, username_key, guest, status, admin_confirmed, created_at, last_seen)
          SELECT i, 'u' || i, 'u' || i, 0, 'online', 0, i, i FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5500)
        INSERT INTO sessions SELECT i, i / 3, '', '', NULL, NULL, NULL, i, i, ${NOW} + i, 'r' FROM n;
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5500)
        INSERT INTO blocks SELECT i / 2, i, i FROM n;`);
      db.exec('COMMIT');
      expect(await accounts.count()).toBe(5_500);
      expect(await sessions.listOf('1', NOW)).toHaveLength(3);
      expect(await blocks.idsBlockedBy('1')).toHaveLength(2);
    });
    await copy();
    expect(said.slice(0, 3)).toEqual(['1000', '2000', '3000'].map((n) => `accounts: ${n} of 5500`));
    expect(said).toContain('accounts: 5500 compared, all the same');
    expect(said).toContain('sessions: 5500 compared, all the same');
    expect(said).toContain('blocks: 2751 compared, all the same');
    const stores = mongoStores(mongo);
    expect(await stores.accounts.byId('5500')).toMatchObject({ username: 'u5500' });
    expect(await stores.sessions.listOf('1833', NOW)).toHaveLength(2);
  });

  it('keeps a user who signs in often within the most sessions, also with expired ones that nobody swept', async () => {
    await embedded(async ({ sessions }, db) => {
      for (let i = 0; i < MAX_SESSIONS_PER_USER; i++)
        await sessions.create(session('7', { lastSeen: NOW + i }));
      for (let i = 0; i < 20; i++) {
        db.run(
          `INSERT INTO sessions SELECT id + 1000000000, user_id, ip, user_agent, NULL, NULL, NULL, 0, 0, ${NOW}, 'r'
           FROM sessions ORDER BY id LIMIT 1 OFFSET ?`,
          i,
        );
      }
    });
    await copy();
    const { sessions } = mongoStores(mongo);
    const [oldest] = (await sessions.listOf('7', NOW)).slice(-1);
    expect(await sessions.create(session('7', { lastSeen: NOW + 99 }))).toEqual([oldest!.id]);
    expect(await sessions.listOf('7', NOW)).toHaveLength(MAX_SESSIONS_PER_USER);
    expect(await sessions.removeExpired(NOW, 100)).toBe(20);
  });

  it('refuses a database that has something in it, and changes nothing there', async () => {
    await embedded(fillAll);
    await prepareMongo(mongo, 'server', logger);
    const other = account();
    await mongoStores(mongo).accounts.create(other);
    await expect(copy()).rejects.toThrow(/MONGODB_URI: .+ is not empty.+users/);
    expect(await users().countDocuments({}, { hint: '_id_' })).toBe(1);
    await prepareMongo(mongo, 'server', logger);
  });

  it('refuses a database that is the copy of another installation', async () => {
    await embedded(fillAll);
    await copy();
    const first = dir;
    dir = temporaryDir();
    await embedded(async () => {});
    await expect(copy()).rejects.toThrow(/copy of another installation/);
    expect(await mongoStores(mongo).accounts.count()).toBe(3);
    first.remove();
  });

  it('begins anew what it did not finish, with what is there by then; a server does not start meanwhile', async () => {
    await embedded(fillAll);
    await copy();
    // As a kill in the middle leaves it: half of the users, one of them not as it is now.
    await mongo.connection
      .getClient()
      .db()
      .collection('copies')
      .updateMany({ _id: { $exists: true } }, [{ $set: { state: 'running' } }]);
    await users().deleteOne({ _id: Number(ann.id) as never });
    await users().updateOne({ _id: Number(bob.id) as never }, { $set: { status: 'away' } });
    await expect(prepareMongo(mongo, 'server', logger)).rejects.toThrow(/did not finish. Run it again/);

    const late = account();
    await embedded(({ accounts }) => accounts.create(late));
    await copy();
    await prepareMongo(mongo, 'server', logger);
    const stores = mongoStores(mongo);
    expect(await stores.accounts.byIds([ann.id, bob.id, guest.id, late.id])).toHaveLength(4);
    expect(await stores.accounts.byId(bob.id)).toEqual(bob);
  });

  it('compares when it is repeated, and overwrites nothing that came later', async () => {
    await embedded(fillAll);
    await copy();
    said = [];
    await copy();
    expect(said[0]).toMatch(/was filled from here at .+: comparing/);
    expect(said).toContain('accounts: 3 compared, all the same');

    await mongoStores(mongo).accounts.setPassword(ann.id, 'changed');
    await expect(copy()).rejects.toThrow(new RegExp(`accounts: ${ann.id} is not the same`));
    expect(await mongoStores(mongo).accounts.byId(ann.id)).toMatchObject({ passwordHash: 'changed' });
    await mongoStores(mongo).accounts.create(account());
    await expect(copy()).rejects.toThrow(/accounts: 3 here, 4 there/);
    expect(await mongoStores(mongo).accounts.count()).toBe(4);
  });

  it.each([
    ['a record is missing', { deleteOne: true }, /sessions: 3 here, 2 there/],
    ['a field differs', { set: { ip: 'x' } }, /sessions: .+ is not the same/],
    ['a field is new', { set: { note: 1 } }, /sessions: .+ is not the same/],
  ])('notices when %s', async (_, change, refusal) => {
    await embedded(fillAll);
    await copy();
    const sessions = mongo.connection.getClient().db().collection('sessions');
    const anything = { _id: { $exists: true } };
    if ('deleteOne' in change) await sessions.deleteOne(anything);
    else await sessions.updateOne(anything, { $set: change.set! });
    await expect(copy()).rejects.toThrow(refusal);
  });

  it('is not finished when a server writes into the target meanwhile', async () => {
    await embedded(fillAll);
    const { reports } = mongoStores(mongo);
    const counting = vi.spyOn(mongo.connection.collections['reports']!, 'countDocuments');
    counting.mockImplementationOnce(async () => {
      await reports.add({ ...report, id: nextId() });
      return reports.newest(10, null).then(({ length }) => length);
    });
    await expect(copy()).rejects.toThrow(/differs from the original:\n {2}reports: 2 here, 3 there/);
    await expect(prepareMongo(mongo, 'server', logger)).rejects.toThrow(/did not finish/);
    await copy();
    await prepareMongo(mongo, 'server', logger);
  });

  it('takes the directory for itself', async () => {
    await embedded(fillAll);
    const lock = lockDataDir(dir.path, 0);
    await expect(copy()).rejects.toThrow(/in use by process/);
    lock.release();
    await copy();
    lockDataDir(dir.path, 0).release();
  });

  it('refuses a directory without an installation', async () => {
    await expect(copy()).rejects.toThrow(/DATA_DIR: there is no embedded installation/);
  });

  it('runs as a command, which says where it stands and what to do next', async () => {
    await embedded(fillAll);
    const run = (env: Record<string, string>) =>
      promisify(execFile)(process.execPath, [program], {
        cwd: dir.path,
        env: { PATH: process.env['PATH'], DATA_DIR: dir.path, UPLOAD_DIR: `${dir.path}-uploads`, ...env },
      }).then(
        ({ stdout }) => ({ code: 0, text: stdout }),
        (error: { code: number; stderr: string }) => ({ code: error.code, text: error.stderr }),
      );
    expect(await run({ MONGODB_URI: uri })).toMatchObject({
      code: 0,
      text: expect.stringMatching(/uploads: 3 compared, all the same\nEverything is in the database test_/),
    });
    await users().deleteOne({ _id: Number(ann.id) as never });
    expect(await run({ MONGODB_URI: uri })).toMatchObject({
      code: 1,
      text: expect.stringMatching(/3 here, 2 there/),
    });
    expect(await run({})).toMatchObject({ code: 1, text: expect.stringMatching(/MONGODB_URI: set it/) });
  });
});
