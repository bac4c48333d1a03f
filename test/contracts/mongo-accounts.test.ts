/** Accounts in MongoDB: how they are found, and what two nodes make of one external user. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openMongo, type Mongo } from '../../src/drivers/mongo.ts';
import { createExternals } from '../../src/features/accounts/externals.ts';
import { createIds } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { mongoStores, prepareMongo } from '../../src/mongo-stores.ts';
import { describeMongo, startMongo } from '../harness/mongo.ts';
import { type MongoUnderTest } from '../harness/mongod.ts';
import { account } from './account-record.ts';
import { fakeClock } from './fake-clock.ts';

await describeMongo('accounts in MongoDB', 'server', () => {
  let server: MongoUnderTest;
  /** Connections of two processes. */
  let nodes: [Mongo, Mongo];
  beforeAll(async () => {
    server = await startMongo();
    const open = () => openMongo({ uri: server.uri, answerMs: 4_000, logger: silentLogger });
    nodes = [await open(), await open()];
    await prepareMongo(nodes[0], 'test', silentLogger);
  });
  afterAll(async () => {
    for (const node of nodes) await node.close();
    await server.close();
  });

  it('are found by name and by external id on an index each, in its order', async () => {
    const { accounts } = mongoStores(nodes[0]);
    for (const username of ['ann', 'anna', 'bob']) {
      await accounts.create(account({ username, externalId: username }));
    }
    const db = nodes[0].connection.db!;
    await db.command({ profile: 2 });
    await accounts.withNamePrefix('an', null, 20);
    await accounts.byExternalId('bob');
    await db.command({ profile: 0 });
    const asked = await db
      .collection('system.profile')
      .find({ op: 'query', ns: `${nodes[0].connection.name}.users` })
      .sort({ ts: 1 })
      .toArray();
    expect(asked.map(({ planSummary, hasSortStage }) => [planSummary, hasSortStage])).toEqual([
      ['IXSCAN { usernameKey: 1 }', undefined],
      ['IXSCAN { externalId: 1 }', undefined],
    ]);
    for (const { keysExamined } of asked) expect(keysExamined).toBeLessThanOrEqual(3);
  });

  it('make one user of whoever is first seen by two nodes at once', async () => {
    const before = await mongoStores(nodes[0]).accounts.count();
    const clock = fakeClock();
    const externals = nodes.map((node, slot) => {
      const ids = createIds(clock, slot);
      const randomText = (length: number) => ids.next().slice(-length);
      return createExternals({ accounts: mongoStores(node).accounts, ids, clock, randomText });
    });
    for (const externalId of ['first', 'second', 'third']) {
      const claims = { externalId, name: 'popular', issuedAt: null, expiresAt: clock.now() + 1 };
      const seen = await Promise.all(
        [...externals, ...externals, ...externals].map((node) => node.identityOf(claims)),
      );
      expect(new Set(seen.map(({ id }) => id)).size).toBe(1);
    }
    expect(await mongoStores(nodes[1]).accounts.count()).toBe(before + 3);
  });
});
