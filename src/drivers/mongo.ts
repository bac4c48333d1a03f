import {
  Mongoose,
  mongo,
  trusted,
  type Collection,
  type ConnectOptions,
  type Connection,
  type Model,
  type Schema,
} from 'mongoose';
import type { Logger } from '../kernel/logger.ts';
import { isOutage } from './mongo-outages.ts';

/** One process' connection. Nothing of it is global: two of them can live in one process. */
export interface Mongo {
  readonly connection: Connection;
  /**
   * What a `majority` read shows is never taken back. Not so without a replica set: there it shows what is not on the disk yet, and a
   * crash takes that back.
   */
  readonly replicated: boolean;
  /** What a store does not get done in this time is UNAVAILABLE (`answering`). */
  readonly answerMs: number;
  /** Whether a server that takes writes answers: its heartbeat comes every second, on a socket of its own. */
  isUp(): boolean;
  /** Called at each change of `isUp`; the returned function ends that. */
  onLost(listener: () => void): () => void;
  onReturn(listener: () => void): () => void;
  /** Calls that wait fail. */
  close(): Promise<void>;
}

const ANSWER_MS = 1_800;
/**
 * So much earlier ends each step of an operation: the choice of a server, a free connection, the answer, the wait for a majority.
 * The driver tries some a second time, and its `timeoutMS` for the whole has no effect any more (7.8): hence `answering`.
 */
const STEP_BEFORE_MS = 200;
/** A server is lost when its heartbeat is so late: before a step gives up. */
const LOST_BEFORE_MS = 300;
/**
 * Options of an operation on everything that is stored. Ends all the same when the server's heartbeat does. The driver takes
 * `socketTimeoutMS` for one operation too (7.8), its types do not say so.
 */
export const AS_LONG_AS_IT_TAKES: mongo.CommandOperationOptions = {
  writeConcern: { w: 'majority', journal: true },
  ...{ socketTimeoutMS: 0 },
};
const HEARTBEAT_MS = 1_000;
const WAIT_AT_START_MS = 30_000;
/** Where an address names none: the one that B's commands look into. */
const DATABASE = 'realtime_chat';

/**
 * Waits for the servers up to `waitMs` and says so.
 * @throws an Error for the operator that names MONGODB_URI, never with what is secret in it
 */
export async function openMongo(options: {
  readonly uri: string;
  readonly logger: Logger;
  readonly waitMs?: number;
  readonly answerMs?: number;
}): Promise<Mongo> {
  const { uri, logger, waitMs = WAIT_AT_START_MS, answerMs = ANSWER_MS } = options;
  const end = performance.now() + waitMs;
  for (let attempt = 0; ; attempt++) {
    // sanitizeFilter: whatever object gets into a filter is a value to compare with, unless the code says `operator`.
    const connection = new Mongoose({ sanitizeFilter: true, strictQuery: 'throw' }).createConnection();
    // Only its message goes on, without secrets: Node's "Invalid URL", for one, carries the whole address.
    const failure = await connection.openUri(uri, optionsFor(uri, answerMs)).then(
      () => undefined,
      (error: Error) => error,
    );
    if (!failure)
      return watched(connection, { replicated: await isReplicated(connection), answerMs }, logger);

    const hosts = hostsOf(connection);
    await clientOf(connection)?.close();
    const reason = withoutSecrets(failure.message, uri);
    if (!isUnreachable(failure)) {
      const what = failure instanceof mongo.MongoServerError ? `${hosts} refuses` : 'cannot be used';
      throw new Error(`MONGODB_URI: ${what}: ${reason}`);
    }
    if (performance.now() >= end) throw new Error(unreachable(hosts, waitMs, reason));
    if (attempt === 0) {
      logger.warn(
        'error',
        `MongoDB does not answer at ${hosts}: waiting up to ${waitMs / 1000} s (${reason})`,
      );
    }
  }
}

/** These win against what the address says. */
function optionsFor(uri: string, answerMs: number): ConnectOptions {
  const stepMs = answerMs - STEP_BEFORE_MS;
  return {
    // An acknowledged write is on the disks of a majority; of the only server, where there is one (without `journal` it
    // would be there up to 100 ms later).
    w: 'majority',
    journal: true,
    wtimeoutMS: stepMs,
    // Sees every acknowledged write, also right after a failover, when `majority` may still show what was before. It may show
    // a write that is taken back; so nothing is acknowledged because of what was merely read.
    readPreference: 'primary',
    readConcernLevel: 'local',
    bufferCommands: false,
    autoIndex: false,
    autoCreate: false,
    serverSelectionTimeoutMS: stepMs,
    waitQueueTimeoutMS: stepMs,
    socketTimeoutMS: stepMs,
    connectTimeoutMS: answerMs - LOST_BEFORE_MS,
    heartbeatFrequencyMS: HEARTBEAT_MS,
    appName: 'realtime-chat',
    // Each process of each node has as many; a hundred of the driver's choice only wait for each other.
    ...(!/[?&]maxPoolSize=/i.test(uri) && { maxPoolSize: 20 }),
    ...(!namesDatabase(uri) && { dbName: DATABASE }),
  };
}

async function isReplicated(connection: Connection): Promise<boolean> {
  const admin = connection.getClient().db('admin');
  // Lost again in this very moment: false costs time, true could cost what was read.
  const hello = await admin.command({ hello: 1 }).catch((): mongo.Document => ({}));
  return hello['setName'] !== undefined || hello['msg'] === 'isdbgrid';
}

function watched(
  connection: Connection,
  facts: Pick<Mongo, 'replicated' | 'answerMs'>,
  logger: Logger,
): Mongo {
  const client = connection.getClient();
  const hosts = hostsOf(connection);
  const [lost, returned] = [new Set<() => void>(), new Set<() => void>()];
  // It was connected a moment ago; the first heartbeat will say.
  let up = true;
  let closing = false;

  client.on('topologyDescriptionChanged', ({ newDescription }: mongo.TopologyDescriptionChangedEvent) => {
    const isUp = [...newDescription.servers.values()].some(({ type }) => TAKES_WRITES.has(type));
    if (isUp === up || closing) return;
    up = isUp;
    if (up) logger.info('success', `MongoDB is back at ${hosts}`);
    else logger.error('error', `MongoDB is lost at ${hosts}: what needs storage is unavailable`);
    for (const listener of up ? returned : lost) listener();
  });

  const added = (to: Set<() => void>) => (listener: () => void) => {
    to.add(listener);
    return () => void to.delete(listener);
  };
  return {
    connection,
    ...facts,
    isUp: () => up && !closing,
    onLost: added(lost),
    onReturn: added(returned),
    async close() {
      closing = true;
      await connection.close();
    },
  };
}

const TAKES_WRITES: ReadonlySet<string> = new Set(['Standalone', 'RSPrimary', 'Mongos', 'LoadBalancer']);

/** Undefined while mongoose could not even read the address. */
const clientOf = (connection: Connection): mongo.MongoClient | undefined => connection.getClient();

function hostsOf(connection: Connection): string {
  const { hosts, srvHost } = clientOf(connection)?.options ?? {};
  return srvHost ?? hosts?.map(String).join(',') ?? 'the address given';
}

const namesDatabase = (uri: string): boolean => /^mongodb(\+srv)?:\/\/[^/]+\/[^?]/.test(uri);

/** What stands before the host is masked, in the pieces in which somebody may quote it. */
function withoutSecrets(text: string, uri: string): string {
  const credentials = uri.slice(uri.indexOf('://') + 3, Math.max(0, uri.lastIndexOf('@')));
  const secrets = [credentials, ...credentials.split(/[:@/?]/)].filter((piece) => piece !== '');
  return secrets.reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}

/** Also when the name is not known (yet). Mongoose has a class of its own where no server was found. */
const isUnreachable = (error: Error): boolean =>
  error.name.endsWith('ServerSelectionError') || 'syscall' in error || isOutage(error);

const unreachable = (hosts: string, waitMs: number, reason: string): string =>
  `MONGODB_URI: nothing that takes writes answered at ${hosts} within ${waitMs / 1000} s (${reason}). ` +
  'Start MongoDB there, correct the address, or remove it to store in DATA_DIR.';

/** A schema for `model`: what is stored is what the store says, and nothing that it forgot to name. */
export const schemaOptions = { versionKey: false, strict: 'throw', minimize: false } as const;

/** What a model knows of its collection, whatever documents it has. */
export interface Indexed {
  readonly collection: Collection;
  readonly schema: { indexes(): [key: object, options: object][] };
}

/** The connection's model of that collection, made once. */
export function model<Document>(
  { connection }: Mongo,
  collection: string,
  schema: Schema<Document>,
): Model<Document> {
  const known = connection.models[collection] as Model<Document> | undefined;
  return known ?? connection.model<Document>(collection, schema, collection);
}

/** A condition that a filter of our own code may have: `{ expiresAt: operator({ $gt: now }) }`. */
export const operator = <T extends object>(condition: T): T => trusted(condition);

/** Ids are numbers in the database: small, and in order of time. What is no id equals none. */
export const numberOf = (id: string): number => (/^[0-9]{1,16}$/.test(id) ? Number(id) : -1);

/** Which of these documents a unique index refused, by their place in the list; the others are stored. */
export async function insertFree(
  collection: Collection,
  documents: readonly object[],
): Promise<ReadonlySet<number>> {
  if (documents.length === 0) return new Set();
  try {
    await collection.insertMany([...documents], { ordered: false });
    return new Set();
  } catch (error) {
    if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) throw error;
    const refusals = [error.writeErrors].flat();
    if (refusals.some(({ code }) => code !== DUPLICATE_KEY)) throw error;
    return new Set(refusals.map(({ index }) => index));
  }
}

/** The index that refused a write because a unique key was taken: its first field. Undefined for any other error. */
export function duplicateKey(error: unknown): string | undefined {
  if (!(error instanceof mongo.MongoServerError) || error.code !== DUPLICATE_KEY) return undefined;
  return Object.keys((error['keyPattern'] as object | undefined) ?? {})[0] ?? '';
}

const DUPLICATE_KEY = 11_000;
