import { mongo } from 'mongoose';
import { AppError } from '../kernel/errors.ts';

/**
 * The port with answers within `answerMs`, whatever has happened to the servers: what takes longer, and every failure of servers or network, is UNAVAILABLE. A write that
 * failed so may have happened or may still happen; it is only not acknowledged.
 */
export function answering<P extends object>(port: P, { answerMs }: { readonly answerMs: number }): P {
  const methods = Object.entries(port as Record<string, (...args: unknown[]) => Promise<unknown>>);
  return Object.fromEntries(
    methods.map(([name, method]) => [name, (...args: unknown[]) => inTime(() => method(...args), answerMs)]),
  ) as P;
}

async function inTime<T>(call: () => Promise<T>, answerMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unavailable()), answerMs);
  });
  try {
    return await Promise.race([call(), late]);
  } catch (error) {
    throw isOutage(error) ? unavailable() : error;
  } finally {
    clearTimeout(timer);
  }
}

export const unavailable = (): AppError =>
  new AppError('UNAVAILABLE', 'The storage does not answer. Try again.');

/** Servers or network failed, not what was asked of them. */
export function isOutage(error: unknown): boolean {
  // The driver hands on as a refusal of the server whatever happened to an `insertMany`.
  if (error instanceof mongo.MongoBulkWriteError && error.errorResponse instanceof Error) {
    return isOutage(error.errorResponse);
  }
  if (error instanceof mongo.MongoServerError) {
    return (
      error instanceof mongo.MongoWriteConcernError ||
      OUTAGE_LABELS.some((label) => error.hasErrorLabel(label)) ||
      OUTAGE_CODES.has(Number(error.code))
    );
  }
  return OUTAGES.some((Outage) => error instanceof Outage) || UNEXPORTED.has((error as Error)?.name);
}

const OUTAGES = [
  mongo.MongoNetworkError,
  mongo.MongoServerSelectionError,
  mongo.MongoOperationTimeoutError,
  mongo.MongoNotConnectedError,
  mongo.MongoServerClosedError,
  mongo.MongoTopologyClosedError,
  mongo.MongoClientClosedError,
  mongo.MongoExpiredSessionError,
  mongo.MongoStalePrimaryError,
  // "Selected server does not support retryable writes": the primary was lost between the choice of a server and the second try (7.8).
  mongo.MongoUnexpectedServerResponseError,
] as const;

/** Of the driver's pool, which does not export them. */
const UNEXPORTED: ReadonlySet<string> = new Set(['MongoPoolClosedError', 'MongoWaitQueueTimeoutError']);

const OUTAGE_LABELS = ['RetryableWriteError', 'RetryableError', 'SystemOverloadedError'];

/** Of servers that stop, step down, or took too long; by their names in MongoDB's error_codes.yml. */
const OUTAGE_CODES: ReadonlySet<number> = new Set([
  6, // HostUnreachable
  7, // HostNotFound
  43, // CursorNotFound
  50, // MaxTimeMSExpired
  64, // WriteConcernFailed
  89, // NetworkTimeout
  91, // ShutdownInProgress
  100, // UnsatisfiableWriteConcern
  112, // WriteConflict
  134, // ReadConcernMajorityNotAvailableYet
  175, // QueryPlanKilled
  189, // PrimarySteppedDown
  202, // NetworkInterfaceExceededTimeLimit
  217, // IncompleteTransactionHistory
  237, // CursorKilled
  262, // ExceededTimeLimit
  279, // ClientDisconnect
  9001, // SocketException
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11601, // Interrupted
  11602, // InterruptedDueToReplStateChange
  13435, // NotPrimaryNoSecondaryOk
  13436, // NotPrimaryOrSecondary
]);
