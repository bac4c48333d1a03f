import type { Readable } from 'node:stream';
import type { Workspace } from '../../kernel/receive.ts';

/** Which bytes of an upload: the whole as it is served, or its small picture. */
export type BlobPart = 'whole' | 'thumbnail';

/** Both bounds are included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** The bytes of uploads, seen by every node. */
export interface Blobs {
  /** For what is received, and what is made of it; whoever asked discards it. */
  workspace(): Promise<Workspace>;
  /** Takes the file at `path`, which must be in a workspace. When it resolves, the bytes survive a crash. */
  put(id: string, part: BlobPart, path: string): Promise<void>;
  /** Null when there are none. */
  size(id: string, part: BlobPart): Promise<number | null>;
  /** Fails with an error event when they go away meanwhile. */
  read(id: string, part: BlobPart, range?: ByteRange): Readable;
  /** All parts. Repeats succeed. */
  remove(id: string): Promise<void>;
  /** Ids of what was put before this time, for a look whether anybody knows them; and removes workspaces that were left behind since then. */
  putBefore(time: number): AsyncIterable<string>;
}
