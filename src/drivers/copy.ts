import type { Indexed, Mongo } from './mongo.ts';
import type { Sqlite } from './sqlite.ts';

/** How one store moves from SQLite to MongoDB. */
export interface Copy<Document = object> {
  /** Every table that it takes along. */
  readonly tables: readonly string[];
  model(mongo: Mongo): Indexed;
  /** How many documents `batches` will give, counted without it. */
  count(db: Sqlite): number;
  /** What the model's collection is to contain, each document once, the same ones each time. */
  batches(db: Sqlite): Iterable<readonly Document[]>;
}

const ROWS = 1_000;

/**
 * Pages of a table, in order of a key.
 * @param page at most so many rows whose key is above `after`
 */
export function* pages<Row>(
  page: (after: number, limit: number) => readonly Row[],
  keyOf: (row: Row) => number,
): Generator<readonly Row[]> {
  // Also what is no id.
  let after = Number.MIN_SAFE_INTEGER;
  for (;;) {
    const rows = page(after, ROWS);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    after = keyOf(last);
  }
}

export const countOf = (db: Sqlite, what: string): number =>
  db.get<{ n: number }>(`SELECT count(*) AS n FROM ${what}`)?.n ?? 0;
