import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cluster, ClusterOptions } from './cluster.ts';
import { startCluster } from './cluster.ts';
import { startMongo } from './mongo.ts';
import { startOwnMongo, type MongoUnderTest, type OwnMongo } from './mongod.ts';
import { installNginx } from './nginx.ts';
import { personOf, type Person, type PersonOptions } from './person.ts';
import { startRedis, type TestRedis } from './redis.ts';

const SECRET = 'a-secret-that-all-nodes-of-a-test-share';

export interface Nodes extends Cluster {
  readonly nodes: readonly Cluster[];
  readonly redis: TestRedis;
  /** With `ownMongo` one that may be broken; the others' is shared. */
  readonly mongo: MongoUnderTest & Partial<OwnMongo>;
}

export interface NodesOptions extends ClusterOptions {
  readonly ownMongo?: boolean;
  /** For one node alone, beside what all of them have. */
  readonly envOf?: (
    nodeId: string,
    shared: { readonly REDIS_URL: string },
  ) => Promise<Record<string, string>>;
}

/**
 * Two nodes behind a real Nginx, with a Redis and a database of their own. As a `Cluster` it is what a client sees: one
 * address, on which the next connection may come to any worker of any node.
 */
export async function startNodes(options: NodesOptions = {}): Promise<Nodes> {
  const { workers = 2, env = {}, ownMongo = false, envOf = async () => ({}) } = options;
  const [redis, mongo] = await Promise.all([
    startRedis(),
    ownMongo ? startOwnMongo() : startMongo({ strict: false }),
  ]);
  // As the README says: one directory that all of them see.
  const uploadDir = mkdtempSync(join(tmpdir(), 'realtime-chat-uploads-'));
  const backends = { REDIS_URL: redis.url, MONGODB_URI: mongo.uri, UPLOAD_DIR: uploadDir };
  const shared = { ...backends, JWT_SECRET: SECRET, ...env };
  const nodes = await Promise.all(
    ['n1', 'n2'].map(async (nodeId) =>
      startCluster({ workers, env: { ...shared, ...(await envOf(nodeId, shared)), NODE_ID: nodeId } }),
    ),
  );
  const [first] = nodes as [Cluster, Cluster];
  const installed = await installNginx({
    nodes: nodes.map(({ url, httpUrl }) => ({
      port: Number(new URL(url).port),
      httpPort: Number(new URL(httpUrl).port),
    })),
  });
  const nginx = await installed.start();
  const persons: Person[] = [];

  async function person(options: PersonOptions = {}): Promise<Person> {
    const made = await personOf(nginx.url, options);
    persons.push(made);
    return made;
  }

  return {
    ...first,
    url: nginx.url,
    httpUrl: nginx.url,
    nodes,
    redis,
    mongo,
    output: () => nodes.map((node) => node.output()).join('\n'),
    workers: () => new Map(nodes.flatMap((node) => [...node.workers()])),
    person,
    /** Each on another node than the one before. */
    async strangers(count, options) {
      const made: Person[] = [];
      const nodeOf = ({ workerId }: Person) => workerId.split('.')[0];
      while (made.length < count) {
        const next = await person(options);
        const before = made.at(-1);
        for (let move = 0; before && nodeOf(next) === nodeOf(before); move++) {
          if (move === 50) throw new Error('50 moves in a row came to the same node');
          await next.moveAway();
        }
        made.push(next);
      }
      return made;
    },
    async stop() {
      for (const each of persons) each.close();
      await nginx.stop();
      const codes = await Promise.all(nodes.map((node) => node.stop()));
      await Promise.all([redis.stop(), mongo.close()]);
      rmSync(uploadDir, { recursive: true, force: true });
      return codes.find((code) => code !== 0) ?? 0;
    },
  };
}
