import type { Connection, Connections } from './connection.ts';

/** This worker's live connections. */
export interface ConnectionTable extends Connections {
  add(connection: Connection): void;
  /** Its last event is done and cleaned up after. */
  remove(connection: Connection): void;
  /** Resolves when there is no connection left. */
  empty(): Promise<void>;
}

/** @param onChange called when a connection came or went */
export function createConnections(onChange: () => void): ConnectionTable {
  const live = new Map<string, Connection>();
  let waiting: (() => void)[] = [];
  return {
    get: (id) => live.get(id),
    all: () => live.values(),
    get size() {
      return live.size;
    },
    add(connection) {
      live.set(connection.id, connection);
      onChange();
    },
    remove(connection) {
      live.delete(connection.id);
      onChange();
      if (live.size > 0) return;
      for (const resolve of waiting) resolve();
      waiting = [];
    },
    async empty() {
      if (live.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
    },
  };
}
