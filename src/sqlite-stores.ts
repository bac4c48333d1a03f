import { setImmediate as endOfTick } from 'node:timers/promises';
import { Worker, type MessagePort } from 'node:worker_threads';
import { openReader, portOf, type Migration, type Sqlite, type Sync } from './drivers/sqlite.ts';
import { remotePorts, type Wire } from './kernel/bridge.ts';
import { accountReads, type AccountStore } from './features/accounts/accounts.ts';
import { profilesAndExternals, accountsTable, sqliteAccounts } from './features/accounts/accounts.sqlite.ts';
import { sessionReads, type SessionStore } from './features/accounts/sessions.ts';
import { sessionsTable, sqliteSessions } from './features/accounts/sessions.sqlite.ts';
import { conversationReads, type ConversationStore } from './features/conversations/conversations.ts';
import { sqliteConversations } from './features/conversations/conversations.sqlite.ts';
import { messageReads, type MessageStore } from './features/conversations/messages.ts';
import { sqliteMessages } from './features/conversations/messages.sqlite.ts';
import { conversationsTables } from './features/conversations/stored-conversation.sqlite.ts';
import { messagesTable, uploadOfMessages } from './features/conversations/stored-message.sqlite.ts';
import { blockReads, type BlockStore } from './features/moderation/blocks.ts';
import { blocksTable, sqliteBlocks } from './features/moderation/blocks.sqlite.ts';
import { reportReads, type ReportStore } from './features/moderation/reports.ts';
import { reportsTable, sqliteReports } from './features/moderation/reports.sqlite.ts';
import { uploadReads, type UploadStore } from './features/uploads/uploads.ts';
import { sqliteUploads, uploadsTables } from './features/uploads/uploads.sqlite.ts';

/** Everything that is stored for good, whatever stores it. */
export interface Stores {
  readonly accounts: AccountStore;
  readonly sessions: SessionStore;
  readonly blocks: BlockStore;
  readonly reports: ReportStore;
  readonly conversations: ConversationStore;
  readonly messages: MessageStore;
  readonly uploads: UploadStore;
}

type SyncStores = { readonly [N in keyof Stores]: Sync<Stores[N]> };

/** In the order in which databases out there took them: new ones go to the end, whichever feature they belong to. */
export const migrations: readonly Migration[] = [
  accountsTable,
  sessionsTable,
  blocksTable,
  reportsTable,
  conversationsTables,
  messagesTable,
  profilesAndExternals,
  uploadsTables,
  uploadOfMessages,
];

const reads: { readonly [N in keyof Stores]: readonly (keyof Stores[N])[] } = {
  accounts: accountReads,
  sessions: sessionReads,
  blocks: blockReads,
  reports: reportReads,
  conversations: conversationReads,
  messages: messageReads,
  uploads: uploadReads,
};

export function syncStores(db: Sqlite): SyncStores {
  return {
    accounts: sqliteAccounts(db),
    sessions: sqliteSessions(db),
    blocks: sqliteBlocks(db),
    reports: sqliteReports(db),
    conversations: sqliteConversations(db),
    messages: sqliteMessages(db),
    uploads: sqliteUploads(db),
  };
}

function mapStores(make: <N extends keyof Stores>(name: N) => Stores[N]): Stores {
  return {
    accounts: make('accounts'),
    sessions: make('sessions'),
    blocks: make('blocks'),
    reports: make('reports'),
    conversations: make('conversations'),
    messages: make('messages'),
    uploads: make('uploads'),
  };
}

/** Over one writing connection in this thread; every call is a transaction. */
export function sqliteStores(db: Sqlite): Stores {
  const stores = syncStores(db);
  return mapStores(<N extends keyof Stores>(name: N) =>
    portOf<Stores[N]>(stores[name], (call) => db.transaction(call)),
  );
}

/** All calls go to the other side of the wire: what the primary passes on to its workers, and tools use. */
export function remoteStores(wire: Wire): Stores {
  const port = remotePorts(wire);
  return mapStores(<N extends keyof Stores>(name: N) => port<Stores[N]>(name));
}

/**
 * A worker's stores: reads are answered by a connection of its own, writes go to the one writer. A read sees every write
 * that was acknowledged before it, to whatever worker. The writer must have opened the storage before.
 * @param remote as from `remoteStores`, or from the worker's own `remotePorts`
 */
export function workerStores(dataDir: string, remote: Stores): { readonly stores: Stores; close(): void } {
  const db = openReader(dataDir);
  const local = syncStores(db);
  return {
    stores: mapStores(<N extends keyof Stores>(name: N) =>
      readingFrom(
        portOf<Stores[N]>(local[name], (call) => call()),
        remote[name],
        reads[name],
      ),
    ),
    close: () => db.close(),
  };
}

function readingFrom<P extends object>(local: P, remote: P, methods: readonly (keyof P)[]): P {
  const isRead = new Set<PropertyKey>(methods);
  return new Proxy(remote, {
    get: (target, method) => (isRead.has(method) ? Reflect.get(local, method) : Reflect.get(target, method)),
  });
}

/** What the storage thread tells about itself, beside the bridge's messages. */
export type ThreadReport =
  | { readonly storage: 'ready' }
  /** It could not start. */
  | { readonly storage: 'refused'; readonly error: unknown }
  | { readonly storage: 'unexpected'; readonly error: unknown; readonly what: string };

export interface ThreadOptions {
  readonly dataDir: string;
  /** How long to wait for another process that is just leaving the directory. */
  readonly lockWaitMs: number;
}

export interface StorageThread {
  /** `serve`s the ports of `Stores`. Closes when the thread ends. */
  readonly wire: Wire;
  /** Writes what waits, closes the database and gives the directory free. */
  close(): Promise<void>;
}

/**
 * Starts the thread that owns all writes to `dataDir`, and with it the right to the directory. Resolves when the schema is
 * up to date. @throws when another process has the directory, or the database is a newer version's
 * @param onUnexpected errors that callers only see as INTERNAL or UNAVAILABLE, with the store's method; and the thread's death
 */
export async function startStorageThread(options: {
  readonly dataDir: string;
  readonly lockWaitMs?: number;
  readonly onUnexpected: (error: unknown, what: string) => void;
}): Promise<StorageThread> {
  const { dataDir, lockWaitMs = 2_000, onUnexpected } = options;
  const thread = new Worker(new URL('./storage-thread.ts', import.meta.url), {
    workerData: { dataDir, lockWaitMs } satisfies ThreadOptions,
    execArgv: [],
  });
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  let phase: 'starting' | 'ready' | 'closing' = 'starting';

  await new Promise<void>((resolve, reject) => {
    thread.on('message', (report: ThreadReport) => {
      if (report.storage === 'ready') resolve();
      else if (report.storage === 'refused') reject(report.error);
      else if (report.storage === 'unexpected') onUnexpected(report.error, report.what);
    });
    const lost = (error: unknown) => {
      reject(error);
      if (phase === 'ready') onUnexpected(error, 'the storage thread');
    };
    thread.once('error', lost);
    thread.once('exit', () => lost(new Error('the storage thread ended')));
  });
  phase = 'ready';

  return {
    wire: wireOf(thread, (listener) => thread.once('exit', listener)),
    async close() {
      phase = 'closing';
      // Calls of this tick leave at its end.
      await endOfTick();
      thread.postMessage({ storage: 'close' });
      await ended;
    },
  };
}

export function wireOf(port: Worker | MessagePort, onClose: (listener: () => void) => void): Wire {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
    onClose,
  };
}
