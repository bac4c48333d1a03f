/** Entry of the thread that owns all writes to the embedded storage (`startStorageThread`). */
import { parentPort, workerData } from 'node:worker_threads';
import { groupCommit } from './drivers/group-commit.ts';
import { lockDataDir, makeDataDir, openWriter } from './drivers/sqlite.ts';
import { serve } from './kernel/bridge.ts';
import { migrations, syncStores, wireOf, type ThreadOptions, type ThreadReport } from './sqlite-stores.ts';

if (!parentPort) throw new Error('storage-thread.ts runs in a thread: use startStorageThread');
const port = parentPort;
const report = (message: ThreadReport) => port.postMessage(message);

function open({ dataDir, lockWaitMs }: ThreadOptions) {
  makeDataDir(dataDir);
  const lock = lockDataDir(dataDir, lockWaitMs);
  try {
    return { lock, db: openWriter(dataDir, migrations) };
  } catch (error) {
    lock.release();
    throw error;
  }
}

try {
  const { lock, db } = open(workerData as ThreadOptions);
  const commits = groupCommit(
    db,
    { ...syncStores(db) },
    { onUnexpected: (error, what) => report({ storage: 'unexpected', error, what }) },
  );
  serve(
    wireOf(port, () => {}),
    commits.run,
  );
  port.on('message', (message: { storage?: string }) => {
    if (message.storage !== 'close') return;
    commits.flush();
    db.close();
    lock.release();
    // Behind the replies of that flush, which leave at the end of this tick.
    setImmediate(() => port.close());
  });
  report({ storage: 'ready' });
} catch (error) {
  report({ storage: 'refused', error });
  port.close();
}
