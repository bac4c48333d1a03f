import { methodOf, problemOf, type Call, type Runner } from '../kernel/bridge.ts';
import { AppError } from '../kernel/errors.ts';
import type { Sqlite, Sync } from './sqlite.ts';

type Settle = Parameters<Runner>[1];
type Reply = Parameters<Settle>[0];
interface Waiting {
  readonly call: Call;
  readonly settle: Settle;
}

export interface GroupCommit {
  readonly run: Runner;
  /** Commits what waits now, instead of at the end of the tick. */
  flush(): void;
}

export interface GroupCommitEvents {
  /** A call failed with something else than AppError, or a whole group did. */
  onUnexpected(error: unknown, what: string): void;
  /** A group of `calls` is on disk. */
  onCommit?(calls: number): void;
}

/**
 * Runs calls against synchronous stores. What arrived before the tick's end goes into one transaction, so that one wait for
 * the disk serves all of it; while the disk is waited for, the next group gathers. A call that fails undoes only itself.
 * Nothing is answered before it is on disk; when a commit fails, all its calls fail with UNAVAILABLE.
 */
export function groupCommit(
  db: Sqlite,
  stores: Readonly<Record<string, Sync<object>>>,
  events: GroupCommitEvents,
): GroupCommit {
  let waiting: Waiting[] = [];

  /** The call's effect stays in the open transaction, or is undone. */
  function runOne(call: Call): Reply {
    const [id, port, method, args] = call;
    db.run('SAVEPOINT one_call');
    try {
      const value: unknown = methodOf(stores, call)(...args);
      db.run('RELEASE one_call');
      return [id, value];
    } catch (error) {
      // Errors like a full disk end the transaction itself, with what the calls before this one did.
      if (!db.inTransaction) throw error;
      db.run('ROLLBACK TO one_call');
      db.run('RELEASE one_call');
      return [id, undefined, problemOf(error, () => events.onUnexpected(error, `${port}.${method}`))];
    }
  }

  function flush() {
    if (waiting.length === 0) return;
    const group = waiting;
    waiting = [];
    for (const { settle, reply } of commit(group)) settle(reply);
  }

  function commit(group: readonly Waiting[]): { settle: Settle; reply: Reply }[] {
    try {
      const replies = db.transaction(() =>
        group.map(({ call, settle }) => ({ settle, reply: runOne(call) })),
      );
      events.onCommit?.(group.length);
      return replies;
    } catch (error) {
      events.onUnexpected(error, `a commit of ${group.length} calls`);
      const problem = problemOf(
        new AppError('UNAVAILABLE', 'The storage does not answer. Try again.'),
        () => {},
      );
      return group.map(({ call: [id], settle }) => ({ settle, reply: [id, undefined, problem] }));
    }
  }

  return {
    run(calls, settle) {
      if (waiting.length === 0) setImmediate(flush);
      for (const call of calls) waiting.push({ call, settle });
    },
    flush,
  };
}
