import type { Connection, Connections } from './connection.ts';

/** This worker's live connections and what each is busy with. */
export interface ConnectionTable extends Connections {
  add(connection: Connection): void;
  /** Its last event is done and cleaned up after. */
  remove(connection: Connection): void;
  /** `until` settles when everything that this connection has asked for is done. */
  busy(connection: Connection, until: Promise<void>): void;
  /** Resolves when there is no connection left. */
  empty(): Promise<void>;
}

/** @param onChange called when a connection came or went */
export function createConnections(onChange: () => void): ConnectionTable {
  const live = new Map<string, { connection: Connection; until: Promise<void> }>();
  return {
    get: (id) => live.get(id)?.connection,
    *all() {
      for (const { connection } of live.values()) yield connection;
    },
    get size() {
      return live.size;
    },
    add(connection) {
      live.set(connection.id, { connection, until: Promise.resolve() });
      onChange();
    },
    remove(connection) {
      live.delete(connection.id);
      onChange();
    },
    busy(connection, until) {
      const entry = live.get(connection.id);
      if (entry) entry.until = until;
    },
    async empty() {
      while (live.size > 0) {
        await Promise.all([...live.values()].map(({ until }) => until));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  };
}
