/** What MongoDB does beyond the suites of its stores: what an address may not weaken, indexes, filters, the start. */
import { inspect } from 'node:util';
import { mongo as driver, Schema } from 'mongoose';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { model, openMongo, operator, type Mongo } from '../../src/drivers/mongo.ts';
import { isOutage } from '../../src/drivers/mongo-outages.ts';
import { MAX_SESSIONS_PER_USER, type Session } from '../../src/features/accounts/sessions.ts';
import type { AppError } from '../../src/kernel/errors.ts';
import { silentLogger, type Logger } from '../../src/kernel/logger.ts';
import { copyInto, mongoLeases, mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import { SCHEMA_RELEASE } from '../../src/schema-release.ts';
import type { Stores } from '../../src/sqlite-stores.ts';
import { describeMongo, startMongo } from '../harness/mongo.ts';
import { withDatabase, type MongoUnderTest } from '../harness/mongod.ts';
import { account, guestAccount, nextId, NOW } from './account-record.ts';
import { noMongo } from './storage-backends.ts';

const logger = silentLogger;

/** Nothing listens on it: it is reserved. */
const NOBODY = 'mongodb://ann:S3cret-word@127.0.0.1:1/chat';

it('MongoDB runs the suites of all stores', (context) => {
  if (noMongo !== undefined) context.skip(noMongo);
});

it('is waited for at the start, aloud, and then named with the variable, without its secrets', async () => {
  const said: string[] = [];
  const listening: Logger = { ...silentLogger, warn: (_, text) => void said.push(text) };
  const error = await openMongo({ uri: NOBODY, logger: listening, waitMs: 2_000 }).catch((e: Error) => e);
  expect(String(error)).toMatch(/MONGODB_URI: nothing .+ at 127\.0\.0\.1:1 within 2 s .+ remove it/);
  expect(said).toEqual([expect.stringMatching(/does not answer at 127\.0\.0\.1:1: waiting up to 2 s/)]);
  expect(`${inspect(error)}${said.join('')}`).not.toMatch(/ann|S3cret/);
});

it.each([
  'mongodb://ann:S3cret/word@127.0.0.1:1/chat',
  'mongodb://ann:S3cret?word@127.0.0.1:1/chat',
  'mongodb://ann:S3cret%word@127.0.0.1:1/chat',
  'mongodb://ann:S3cret-word@127.0.0.1:1/chat?nothing=known',
  'mongodb://ann:S3cret-word@127.0.0.1:99999/chat',
])('refuses what is no address at once, without its secrets', async (uri) => {
  const error = await openMongo({ uri, logger }).catch((e: Error) => e);
  expect(String(error)).toMatch(/MONGODB_URI: /);
  expect(inspect(error, { depth: 9 })).not.toMatch(/S3cret|word/);
});

const retriable = { message: 'of an election', errorLabels: ['RetryableWriteError'] };

it.each<[boolean, string, Error]>([
  [true, 'a primary lost before the second try', new driver.MongoUnexpectedServerResponseError('Selected …')],
  [true, 'a primary that is none', new driver.MongoStalePrimaryError('primary marked stale')],
  [true, 'a connection that broke', new driver.MongoNetworkError('closed')],
  [true, 'a server that steps down', new driver.MongoServerError({ message: 'stepped down', code: 11_602 })],
  [true, 'what may be tried again', new driver.MongoServerError(retriable)],
  [false, 'a taken key', new driver.MongoServerError({ message: 'duplicate', code: 11_000 })],
  [false, 'a query that is wrong', new driver.MongoServerError({ message: 'bad value', code: 2 })],
  [false, 'a mistake of ours', new TypeError('undefined is not a function')],
])('%j is what an outage is, of %s', (expected, _, error) => {
  expect(isOutage(error)).toBe(expected);
});

await describeMongo('MongoDB', 'server', () => {
  let server: MongoUnderTest;
  let mongo: Mongo;
  let stores: Stores;
  beforeAll(async () => {
    server = await startMongo();
    mongo = await openMongo({ uri: server.uri, answerMs: 4_000, logger });
    stores = mongoStores(mongo);
    await prepareMongo(mongo, 'test', logger);
  });
  beforeEach(async () => {
    const collections = Object.values(mongo.connection.collections);
    await Promise.all(collections.map((each) => each.deleteMany({ _id: { $exists: true } })));
  });
  afterAll(async () => {
    await mongo.close();
    await server.close();
  });

  const raw = (name: string) => mongo.connection.getClient().db(mongo.connection.name).collection(name);
  const indexesOf = async (name: string) =>
    (await raw(name).indexes()).map(({ key, unique }) => [
      Object.keys(key as object).join(),
      unique ?? false,
    ]);

  it('acknowledges what is on disks only, and reads from the primary, whatever the address says', async () => {
    const weak = 'w=1&journal=false&wtimeoutMS=90000&readPreference=secondary&readConcernLevel=available';
    const uri = `${server.uri}${server.uri.includes('?') ? '&' : '?'}${weak}&socketTimeoutMS=90000`;
    const other = await openMongo({ uri, logger });
    const options = other.connection.getClient().options;
    expect(options.writeConcern).toMatchObject({ w: 'majority', j: true, wtimeout: 1_600 });
    expect(options.readPreference.mode).toBe('primary');
    expect(options.readConcern).toMatchObject({ level: 'local' });
    expect(options.socketTimeoutMS).toBe(1_600);
    await other.close();
  });

  it('refuses a wrong password at once, and does not repeat it', async () => {
    const uri = server.uri.replace('mongodb://', 'mongodb://ann:S3cret-word@');
    const error = await openMongo({ uri, logger }).catch((e: Error) => e);
    expect(String(error)).toMatch(/MONGODB_URI: .+ refuses: .*[Aa]uthentication/);
    expect(inspect(error, { depth: 9 })).not.toMatch(/ann|S3cret/);
  });

  it('uses the database of the documents when the address names none', async () => {
    const other = await openMongo({ uri: withDatabase(server.uri, ''), logger });
    expect(other.connection.name).toBe('realtime_chat');
    await other.close();
    expect(mongo.connection.name).toMatch(/^test_/);
  });

  it('fails what is asked after the end', async () => {
    const other = await openMongo({ uri: server.uri, logger });
    await other.close();
    expect(other.isUp()).toBe(false);
    await expect(mongoStores(other).accounts.byId('1')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(mongo.isUp()).toBe(true);
  });

  it('keeps accounts as B’s commands expect them', async () => {
    const ann = account({ lastSeen: NOW + 7 });
    await stores.accounts.create(ann);
    expect(await raw('users').findOne({ _id: Number(ann.id) as never })).toMatchObject({
      username: ann.username,
      lastSeen: new Date(NOW + 7),
    });
  });

  it('has the indexes that decide', async () => {
    expect(await indexesOf('users')).toEqual([
      ['_id', false],
      ['usernameKey', true],
      ['emailKey', true],
      ['externalId', true],
      ['expiresAt', false],
    ]);
    expect(await indexesOf('sessions')).toContainEqual(['id', true]);
    expect(await indexesOf('blocks')).toContainEqual(['blocked.user', false]);
    expect(await indexesOf('messages')).toEqual([
      ['_id', false],
      ['conversation,seq', true],
      ['conversation,sender,key', true],
      ['conversation,changedAt,_id', false],
    ]);
    expect(await indexesOf('conversations')).toEqual(
      expect.arrayContaining([
        ['handle', true],
        ['pair', true],
      ]),
    );
    expect(await indexesOf('memberships')).toContainEqual(['conversation,place', true]);
  });

  it('compares with an object that comes as a value, and never obeys it', async () => {
    const ann = account();
    const session = sessionOf(ann.id);
    await stores.accounts.create(ann);
    await stores.sessions.create(session);
    const anything = { $ne: null } as unknown as string;

    const rotation = { presented: anything, next: 'n', expiresAt: NOW + 9, ip: '' };
    expect(await stores.sessions.rotate(session.id, rotation, NOW).catch(() => 'refused')).not.toBe('ok');
    await stores.sessions.touch(session.id, NOW + 1, anything).catch(() => {});
    expect(await stores.accounts.byId(anything)).toBeNull();
    expect(await stores.accounts.byEmail(anything).catch(() => null)).toBeNull();
    expect(await stores.sessions.alive([anything], NOW)).toEqual([]);

    // The same for a store that passes on what it got.
    interface Note {
      _id: number;
      text: string;
    }
    const notes = model<Note>(mongo, 'users_notes', new Schema<Note>({ _id: Number, text: String }));
    await notes.insertOne({ _id: 1, text: 'secret' });
    expect(await notes.findOne({ text: { $gt: '' } as unknown as string }).catch(() => null)).toBeNull();
    expect(await notes.findOne({ _id: 1, text: operator({ $gt: '' }) }).lean()).toMatchObject({ _id: 1 });
    await expect(notes.findOne({ $where: 'true' } as object)).rejects.toThrow(/not allowed/);
  });

  it('names both fields when they belong to two others', async () => {
    await stores.accounts.create(account({ username: 'ann' }));
    await stores.accounts.create(account({ email: 'bob@example.org' }));
    const guest = guestAccount();
    await stores.accounts.create(guest);
    const wanted = { username: 'Ann', email: 'Bob@example.org', passwordHash: 'h' };
    const both = { code: 'CONFLICT', fields: { username: expect.any(String), email: expect.any(String) } };
    await expect(stores.accounts.create(account(wanted))).rejects.toMatchObject(both);
    await expect(stores.accounts.convertGuest(guest.id, wanted, NOW)).rejects.toMatchObject(both);
    expect(await stores.accounts.byId(guest.id)).toEqual(guest);
  });

  it('does not call a name taken that the guest itself has', async () => {
    await stores.accounts.create(account({ email: 'bob@example.org' }));
    const guest = guestAccount({ username: 'Ann' });
    await stores.accounts.create(guest);
    const wanted = { username: 'ann', email: 'bob@example.org', passwordHash: 'h' };
    const refusal = await stores.accounts
      .convertGuest(guest.id, wanted, NOW)
      .catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'CONFLICT' });
    expect(Object.keys((refusal as AppError).fields ?? {})).toEqual(['email']);
  });

  it('does not call an id that is taken a name that is taken', async () => {
    const ann = account();
    await stores.accounts.create(ann);
    const error = await stores.accounts.create(account({ id: ann.id, username: 'other', email: null })).then(
      () => 'created',
      (e: Error) => e.name,
    );
    expect(error).toBe('MongoServerError');
  });

  const sessionOf = (userId: string, overrides: Partial<Session> = {}): Session => ({
    id: nextId(),
    userId,
    ip: '192.0.2.1',
    userAgent: '',
    deviceId: null,
    location: null,
    createdAt: NOW,
    lastSeen: NOW,
    expiresAt: NOW + 1_000,
    refreshId: 'r1',
    ...overrides,
  });

  it('keeps the most sessions when many sign in at once, and says of each one once that it made room', async () => {
    const made = Array.from({ length: MAX_SESSIONS_PER_USER + 30 }, (_, i) =>
      sessionOf('7', { lastSeen: NOW + i }),
    );
    const revoked = (await Promise.all(made.map((session) => stores.sessions.create(session)))).flat();
    const living = (await stores.sessions.listOf('7', NOW)).map(({ id }) => id);
    expect(living).toHaveLength(MAX_SESSIONS_PER_USER);
    expect(new Set(revoked).size).toBe(30);
    expect(revoked).toHaveLength(30);
    expect(new Set([...living, ...revoked])).toEqual(new Set(made.map(({ id }) => id)));
  });

  it('gives the places of expired sessions away before any other, and does not call that revoked', async () => {
    for (let i = 0; i < MAX_SESSIONS_PER_USER; i++) {
      const expiresAt = i < 3 ? NOW : NOW + 1_000;
      await stores.sessions.create(sessionOf('8', { expiresAt, createdAt: NOW - 1 }));
    }
    const asked = Array.from({ length: 3 }, () => stores.sessions.create(sessionOf('8')));
    expect((await Promise.all(asked)).flat()).toEqual([]);
    expect(await stores.sessions.create(sessionOf('8'))).toHaveLength(1);
    expect(await stores.sessions.listOf('8', NOW)).toHaveLength(MAX_SESSIONS_PER_USER);
  });

  it('says of each expired guest once that it was removed, and removes none who registers', async () => {
    const guests = Array.from({ length: 40 }, () => guestAccount({ expiresAt: NOW }));
    for (const guest of guests) await stores.accounts.create(guest);
    const sweeps = Array.from({ length: 4 }, () => stores.accounts.removeExpiredGuests(NOW, 100));
    // By the clock of another node their time is not up.
    const [ann] = guests;
    const registration = { username: 'ann', email: 'ann@example.org', passwordHash: 'h' };
    const converted = await stores.accounts.convertGuest(ann!.id, registration, NOW - 1);

    const removed = (await Promise.all(sweeps)).flat();
    expect(new Set(removed).size).toBe(removed.length);
    expect(removed.includes(ann!.id)).toBe(converted === null);
    expect(removed).toHaveLength(converted ? 39 : 40);
  });

  it('repeats a block that is stored, also when the list is being made', async () => {
    await Promise.all(Array.from({ length: 20 }, () => stores.blocks.block('21', '22', NOW)));
    expect(await stores.blocks.idsBlockedBy('21')).toEqual(['22']);
    expect(await raw('blocks').findOne({ _id: 21 as never })).toMatchObject({ blocked: [{ user: 22 }] });
  });

  it('answers with CONFLICT when the list is full and somebody blocks at once', async () => {
    const full = Array.from({ length: 999 }, (_, i) => ({ user: 1_000 + i, at: new Date(NOW) }));
    await raw('blocks').insertOne({ _id: 31 as never, blocked: full });
    const asked = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => stores.blocks.block('31', String(40 + i), NOW)),
    );
    expect(asked.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const reasons = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
    for (const reason of reasons) expect(reason).toMatchObject({ code: 'CONFLICT' });
    expect(await stores.blocks.idsBlockedBy('31')).toHaveLength(1_000);
  });

  it('is prepared by many at once, and again', async () => {
    const uri = withDatabase(server.uri, `${mongo.connection.name}_b`);
    const others = await Promise.all(Array.from({ length: 4 }, () => openMongo({ uri, logger })));
    await Promise.all(others.map((each, i) => prepareMongo(each, `p${i}`, logger)));
    await prepareMongo(others[0]!, 'again', logger);
    const indexes = await others[0]!.connection.getClient().db().collection('users').indexes();
    expect(indexes).toHaveLength(5);
    await others[0]!.connection.getClient().db().dropDatabase();
    await Promise.all(others.map((each) => each.close()));
  });

  it('is not prepared before the process that does it has done it, or is gone', async () => {
    const leases = mongoLeases(mongo);
    expect(await leases.hold('prepare', 'living', 60_000)).toBe(true);
    let ready = false;
    const preparing = prepareMongo(mongo, 'waiting', logger).then(() => (ready = true));
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(ready).toBe(false);

    // As if its process were killed now: nobody releases anything.
    expect(await leases.hold('prepare', 'living', 100)).toBe(true);
    await preparing;
    expect(await leases.hold('prepare', 'next', 60_000)).toBe(true);
    await leases.release('prepare', 'living');
    expect(await leases.hold('prepare', 'another', 60_000)).toBe(false);
    await leases.release('prepare', 'next');
  });

  it('gives a lease to one of many, takes names as they are, and renews', async () => {
    const leases = mongoLeases(mongo);
    const asked = Array.from({ length: 20 }, (_, i) => leases.hold('role', `$owner ${i}`, 60_000));
    const got = (await Promise.all(asked)).map((held, i) => (held ? i : -1)).filter((i) => i >= 0);
    expect(got).toHaveLength(1);
    expect(await leases.hold('role', `$owner ${got[0]}`, 60_000)).toBe(true);
    expect(await leases.hold('role', '$owner', 60_000)).toBe(false);
  });

  it('does not start on a copy that is not finished', async () => {
    await copyInto(mongo).note({ source: 'x', state: 'running', at: new Date() });
    await expect(prepareMongo(mongo, 'p', logger)).rejects.toThrow(/MONGODB_URI.+storage:copy/);
    await copyInto(mongo).note({ source: 'x', state: 'done', at: new Date() });
    await prepareMongo(mongo, 'p', logger);
  });

  it('runs each migration once, notes the schema’s release, and takes one that is one ahead, but no more', async () => {
    const uri = withDatabase(server.uri, `${mongo.connection.name}_d`);
    const others = await Promise.all(Array.from({ length: 3 }, () => openMongo({ uri, logger })));
    const [other] = others as [Mongo, ...Mongo[]];
    const db = other.connection.getClient().db();
    const release = async () =>
      (await db.collection('schema').findOne({ _id: 'schema' as never }))?.['release'];
    const ran: string[] = [];
    const migration = (name: string, of: number) => ({
      name,
      release: of,
      run: async () => void ran.push(name),
    });
    const two = { release: 2, migrations: [migration('a', 1), migration('b', 2)] };
    const three = { release: 3, migrations: [...two.migrations, migration('c', 3), migration('d', 3)] };

    await Promise.all(others.map((each, i) => prepareMongo(each, `p${i}`, logger, two)));
    expect([ran, await release()]).toEqual([['a', 'b'], 2]);
    await Promise.all(others.map((each, i) => prepareMongo(each, `p${i}`, logger, three)));
    expect([ran, await release()]).toEqual([['a', 'b', 'c', 'd'], 3]);

    // The version before it, in a roll: works with what is there, and notes nothing.
    await prepareMongo(other, 'p', logger, two);
    expect([ran.length, await release()]).toEqual([4, 3]);
    const one = prepareMongo(other, 'p', logger, { release: 1, migrations: [] });
    await expect(one).rejects.toThrow(
      /MONGODB_URI: .+ newer version of this server \(its schema is of release 3, .+ up to 2\)\. Start that version/,
    );

    const failing = { ...migration('e', 4), run: () => Promise.reject(new Error('no')) };
    const four = prepareMongo(other, 'p', logger, {
      release: 4,
      migrations: [...three.migrations, failing],
    });
    await expect(four).rejects.toThrow(/MONGODB_URI: the migration "e" failed/);
    expect(await release()).toBe(3);
    await db.dropDatabase();
    await Promise.all(others.map((each) => each.close()));
  });

  it('notes the release of this code when it is prepared', async () => {
    expect(await raw('schema').findOne({ _id: 'schema' as never })).toMatchObject({
      release: SCHEMA_RELEASE,
    });
  });

  it('does not start on data that breaks a rule', async () => {
    const uri = withDatabase(server.uri, `${mongo.connection.name}_c`);
    const other = await openMongo({ uri, logger });
    const db = other.connection.getClient().db();
    await db.collection('users').insertMany([{ usernameKey: 'ann' }, { usernameKey: 'ann' }]);
    await expect(prepareMongo(other, 'p', logger)).rejects.toThrow(/MONGODB_URI.+users/);
    await db.dropDatabase();
    await other.close();
  });
});
