import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import type { BlobPart, Blobs } from './blobs.ts';
import { UploadId } from './contract.ts';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/** Where files are until they are whole: on the same disk, so that one rename puts them. */
const INCOMING = 'incoming';
/** Of a name in a folder: the id, and what a thumbnail's has more. */
const THUMBNAIL = '.thumbnail';
const PARTS: readonly BlobPart[] = ['whole', 'thumbnail'];

const isId = (id: string) => UploadId.safeParse(id).success;
/** Others than ours may be in the directory. */
const isFolder = (name: string) => /^[A-Za-z0-9_-]{2}$/.test(name);

/** Files in a directory that one or several nodes have: `<first two characters of the id>/<id>` and `<id>.thumbnail`. */
export function diskBlobs(directory: string): Blobs {
  const uploadDir = resolve(directory);
  const incoming = join(uploadDir, INCOMING);

  /** @throws for what is no id, before it becomes a path */
  function fileOf(id: string, part: BlobPart): string {
    if (!isId(id)) throw new Error('a blob was asked for by what is no id of an upload');
    return join(uploadDir, id.slice(0, 2), part === 'whole' ? id : id + THUMBNAIL);
  }

  async function removeWorkspacesBefore(time: number): Promise<void> {
    for (const name of await namesIn(incoming)) {
      const workspace = join(incoming, name);
      if (await isOlder(workspace, time)) await rm(workspace, { recursive: true, force: true });
    }
  }

  return {
    async workspace() {
      await makeFolder(incoming);
      const folder = await mkdtemp(incoming + sep);
      let made = 0;
      return {
        path: () => join(folder, String(++made)),
        discard: () => rm(folder, { recursive: true, force: true }),
      };
    },

    async put(id, part, path) {
      const file = fileOf(id, part);
      const folder = dirname(file);
      await makeFolder(folder);
      const bytes = await open(path, 'r+');
      try {
        await bytes.chmod(FILE_MODE);
        await bytes.sync();
      } finally {
        await bytes.close();
      }
      await rename(path, file);
      await syncFolder(folder);
      // Somebody else may have made the folder a moment ago.
      await syncFolder(uploadDir);
    },

    async size(id, part) {
      return (await found(stat(fileOf(id, part))))?.size ?? null;
    },

    read: (id, part, range) => createReadStream(fileOf(id, part), range),

    async remove(id) {
      await Promise.all(PARTS.map((part) => rm(fileOf(id, part), { force: true })));
    },

    async *putBefore(time) {
      await removeWorkspacesBefore(time);
      for (const name of (await namesIn(uploadDir)).filter(isFolder)) {
        const folder = join(uploadDir, name);
        const told = new Set<string>();
        for (const file of await namesIn(folder)) {
          const id = file.endsWith(THUMBNAIL) ? file.slice(0, -THUMBNAIL.length) : file;
          if (told.has(id) || !isId(id) || !(await isOlder(join(folder, file), time))) continue;
          told.add(id);
          yield id;
        }
      }
    },
  };
}

/** With those above it. What is made survives a crash. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let made = path; made !== dirname(first); made = dirname(made)) await syncFolder(dirname(made));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

const namesIn = async (folder: string): Promise<readonly string[]> => (await found(readdir(folder))) ?? [];

const isOlder = async (path: string, time: number): Promise<boolean> =>
  ((await found(stat(path)))?.mtimeMs ?? time) < time;

/** Undefined where there is nothing (any more). */
async function found<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
