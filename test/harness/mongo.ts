/**
 * A MongoDB to store things in, never the one in MONGODB_URI: that may be somebody's production. TEST_MONGODB_URI names one that
 * runs; otherwise all suites share one that is started for them (services.ts).
 */
import { mongo } from 'mongoose';
import { describe, it } from 'vitest';
import { findMongod, newDatabase, withDatabase, type MongoUnderTest } from './mongod.ts';
import { leftOut, shared } from './shared.ts';

const givenUri = (): string | undefined => process.env['TEST_MONGODB_URI'] || undefined;

/** What a server is needed for: `control` means to stop and kill it, which nobody does to TEST_MONGODB_URI's. */
export async function whyNoMongo(need: 'server' | 'control'): Promise<string | undefined> {
  if (leftOut !== undefined) return leftOut;
  if (need === 'server' && givenUri() !== undefined) return undefined;
  const result = await findMongod();
  return 'missing' in result ? result.missing : undefined;
}

/** A suite that is one skipped test, with the reason, where there is no server for it. With CI=true that is a failure. */
export async function describeMongo(
  name: string,
  need: 'server' | 'control',
  suite: () => void,
): Promise<void> {
  const missing = await whyNoMongo(need);
  if (missing === undefined) describe(name, suite);
  else it(name, (context) => context.skip(missing));
}

/** A database that nobody else uses, on a single server as B starts it: no replica set. `strict`: a query without an index is an error. */
export async function startMongo({ strict = true } = {}): Promise<MongoUnderTest> {
  const uri = withDatabase(givenUri() ?? (await shared(strict ? 'mongo-strict' : 'mongo')), newDatabase());
  return {
    uri,
    async close() {
      const client = await mongo.MongoClient.connect(uri);
      await client.db().dropDatabase();
      await client.close();
    },
  };
}
