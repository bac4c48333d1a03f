import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { temporaryDir } from '../contracts/storage-backends.ts';
import { startCluster } from '../harness/cluster.ts';
import { describeMongo } from '../harness/mongo.ts';
import { startOwnMongo, type OwnMongo } from '../harness/mongod.ts';

const copyProgram = fileURLToPath(new URL('../../src/storage-copy.ts', import.meta.url));

/** Who sets MONGODB_URI for the first time finds nobody there: the banner says where they are. */
await describeMongo('an empty MongoDB beside embedded accounts', 'control', () => {
  let mongo: OwnMongo;
  let dir: ReturnType<typeof temporaryDir>;
  let dataDir: string;
  beforeAll(async () => {
    dir = temporaryDir();
    dataDir = join(dir.path, 'data');
    mongo = await startOwnMongo();
  });
  afterAll(async () => {
    await mongo?.close();
    dir.remove();
  });

  /** What a start on this storage says, while so many guests come. */
  async function started(env: Record<string, string>, guests = 0): Promise<string> {
    const cluster = await startCluster({ workers: 1, env: { DATA_DIR: dataDir, ...env } });
    for (let i = 0; i < guests; i++) await cluster.person();
    expect(await cluster.stop()).toBe(0);
    return cluster.output();
  }

  it('is said in the banner, until they are copied', async () => {
    const onMongo = { MONGODB_URI: mongo.uri };
    expect(await started(onMongo)).not.toContain('storage:copy');
    expect(await started({}, 2)).not.toContain('storage:copy');
    expect(await started(onMongo)).toContain(
      `empty, while ${dataDir} has 2 accounts: stop, and npm run storage:copy`,
    );
    const env = { PATH: process.env['PATH'], DATA_DIR: dataDir, ...onMongo };
    await promisify(execFile)(process.execPath, [copyProgram], { env, cwd: dir.path });
    expect(await started(onMongo)).not.toContain('storage:copy');
  }, 60_000);
});
