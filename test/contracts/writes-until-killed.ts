/** A process of its own for sqlite.test.ts: prints the id of each account that was acknowledged, until somebody kills it. */
import { remoteStores, startStorageThread } from '../../src/sqlite-stores.ts';
import { account } from './account-record.ts';

const thread = await startStorageThread({
  dataDir: String(process.argv[2]),
  onUnexpected(error) {
    throw error;
  },
});
const { accounts } = remoteStores(thread.wire);

async function writeForEver(): Promise<never> {
  for (;;) {
    const one = account();
    await accounts.create(one);
    process.stdout.write(`${one.id}\n`);
  }
}
await Promise.all(Array.from({ length: 10 }, writeForEver));
