import type { Sqlite } from '../../src/drivers/sqlite.ts';

/** The database with everything that is asked of it noted, to see how SQLite finds it. */
export function noting(db: Sqlite) {
  const asked = new Set<string>();
  const noted =
    <Args extends unknown[], R>(run: (sql: string, ...params: Args) => R) =>
    (sql: string, ...params: Args) => {
      asked.add(sql);
      return run(sql, ...params);
    };
  return {
    db: { ...db, get: noted(db.get), all: noted(db.all), run: noted(db.run) } as Sqlite,
    /** Of everything asked since `forget`. */
    plans: (): string[] =>
      [...asked].flatMap((sql) =>
        db.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).map(({ detail }) => detail),
      ),
    forget: () => asked.clear(),
  };
}

/** Reads all of a table, or sorts what it found. Lists that the caller gives are read whole. */
export const isSlow = (plan: string): boolean =>
  /^SCAN (?!.*VIRTUAL TABLE|CONSTANT ROW|\(subquery)/.test(plan) || plan.includes('TEMP B-TREE');
