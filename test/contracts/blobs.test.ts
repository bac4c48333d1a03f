/** The bytes of uploads, in a directory. */
import { once } from 'node:events';
import * as fs from 'node:fs/promises';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { diskBlobs } from '../../src/features/uploads/blobs.disk.ts';
import type { BlobPart, Blobs } from '../../src/features/uploads/blobs.ts';
import { NOW } from './account-record.ts';
import { temporaryDir } from './storage-backends.ts';
import { uploadId } from './upload-stage.ts';

vi.mock('node:fs/promises', { spy: true });

const [one, two] = [uploadId(1), uploadId(2)];
const OTHER_FOLDER = `-_${one.slice(2)}`;

let dir: ReturnType<typeof temporaryDir>;
let uploadDir: string;
let blobs: Blobs;
beforeEach(() => {
  dir = temporaryDir();
  uploadDir = join(dir.path, 'made', 'uploads');
  blobs = diskBlobs(uploadDir);
});
afterEach(() => {
  vi.clearAllMocks();
  dir.remove();
});

async function put(id: string, part: BlobPart, content: string, through: Blobs = blobs): Promise<void> {
  const workspace = await through.workspace();
  const path = workspace.path();
  await fs.writeFile(path, content);
  await through.put(id, part, path);
  await workspace.discard();
}

/** Everything below, with `/` after folders. */
async function tree(folder = uploadDir): Promise<string[]> {
  const all = await fs.readdir(folder, { recursive: true, withFileTypes: true });
  return all
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1) + (entry.isFile() ? '' : '/'))
    .toSorted();
}
const mode = async (...path: string[]) =>
  ((await fs.stat(join(uploadDir, ...path))).mode & 0o777).toString(8);
async function idsBefore(time: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const id of blobs.putBefore(time)) ids.push(id);
  return ids.toSorted();
}

/** As if it had been put, or made, then. */
async function age(time: number, ...path: string[]): Promise<void> {
  await fs.utimes(join(uploadDir, ...path), time / 1_000, time / 1_000);
}

describe('blobs on a disk', () => {
  it('are read as they were put, whole or in part', async () => {
    await put(one, 'whole', 'hello bike');
    await put(one, 'thumbnail', 'small');
    await put(two, 'whole', '');
    expect(await text(blobs.read(one, 'whole'))).toBe('hello bike');
    expect(await text(blobs.read(one, 'thumbnail'))).toBe('small');
    expect(await text(blobs.read(one, 'whole', { start: 6, end: 8 }))).toBe('bik');
    expect(await text(blobs.read(one, 'whole', { start: 9, end: 9 }))).toBe('e');
    expect(await buffer(blobs.read(two, 'whole'))).toHaveLength(0);
    const sizes = [blobs.size(one, 'whole'), blobs.size(one, 'thumbnail'), blobs.size(two, 'whole')];
    expect(await Promise.all(sizes)).toEqual([10, 5, 0]);
  });

  it('have no size where there are none, and a read of them fails with an event', async () => {
    expect(await blobs.size(one, 'whole')).toBeNull();
    await put(one, 'whole', 'x');
    expect(await blobs.size(one, 'thumbnail')).toBeNull();
    const [error] = await once(blobs.read(one, 'thumbnail'), 'error');
    expect(error).toMatchObject({ code: 'ENOENT' });

    const late = blobs.read(one, 'whole');
    await blobs.remove(one);
    await blobs.remove(one);
    // It was opened by then, or it was not: the one or the other, and nothing that hangs.
    expect(await text(late).catch(({ code }) => code)).toMatch(/^(x|ENOENT)$/);
    expect((await once(blobs.read(one, 'whole'), 'error'))[0]).toMatchObject({ code: 'ENOENT' });
  });

  it('are removed with all parts, and nobody else’s', async () => {
    for (const part of ['whole', 'thumbnail'] as const) {
      await put(one, part, 'x');
      await put(two, part, 'x');
    }
    await blobs.remove(one);
    const sizes = [blobs.size(one, 'whole'), blobs.size(one, 'thumbnail'), blobs.size(two, 'whole')];
    expect(await Promise.all(sizes)).toEqual([null, null, 1]);
    expect(await tree()).toEqual(['incoming/', 'up/', `up/${two}`, `up/${two}.thumbnail`]);
    await blobs.remove(OTHER_FOLDER);
  });

  it('are seen by every node that has the directory', async () => {
    await put(one, 'whole', 'hello', diskBlobs(uploadDir));
    expect(await text(blobs.read(one, 'whole'))).toBe('hello');
  });

  it('are for the owner’s eyes only', async () => {
    const workspace = await blobs.workspace();
    const path = workspace.path();
    await fs.writeFile(path, 'x', { mode: 0o644 });
    await blobs.put(one, 'whole', path);
    const [, received] = await tree();
    expect(received).toMatch(/^incoming\/[^/]+\/$/);
    for (const folder of ['', '..', 'incoming', received!, 'up']) expect(await mode(folder)).toBe('700');
    expect(await mode('up', one)).toBe('600');
  });

  it('are on the disk when they are acknowledged: the bytes, then their name, then the folders', async () => {
    const done: string[] = [];
    vi.mocked(fs.rename).mockImplementation(async (from, to) => {
      const { rename } = await vi.importActual<typeof fs>('node:fs/promises');
      await rename(from, to);
      done.push('renamed');
    });
    vi.mocked(fs.open).mockImplementation(async (path, ...rest) => {
      const { open } = await vi.importActual<typeof fs>('node:fs/promises');
      const handle = await open(path, ...rest);
      const sync = handle.sync.bind(handle);
      handle.sync = async () => {
        await sync();
        const isFolder = (await handle.stat()).isDirectory();
        done.push(isFolder ? `synced ${String(path).slice(dir.path.length)}` : 'synced the file');
      };
      return handle;
    });
    await put(one, 'whole', 'x');
    vi.mocked(fs.rename).mockReset();
    vi.mocked(fs.open).mockReset();
    const [made, uploads] = ['synced /made', 'synced /made/uploads'];
    expect(done.slice(0, 3).toSorted()).toEqual(['synced ', made, uploads]);
    expect(done.slice(3)).toEqual([uploads, 'synced the file', 'renamed', `${uploads}/up`, uploads]);
  });

  it.each([
    '',
    '..',
    '../../../etc/passwd',
    `${one}x`,
    one.slice(1),
    `../${one.slice(3)}`,
    `${one.slice(1)}/`,
    `${one}\n`,
  ])('are never looked for by %j', async (id) => {
    const path = (await blobs.workspace()).path();
    await fs.writeFile(path, 'x');
    const refusal = /no id of an upload/;
    await expect(blobs.put(id, 'whole', path)).rejects.toThrow(refusal);
    await expect(blobs.size(id, 'whole')).rejects.toThrow(refusal);
    await expect(blobs.remove(id)).rejects.toThrow(refusal);
    expect(() => blobs.read(id, 'whole')).toThrow(refusal);
    expect(await fs.readFile(path, 'utf8')).toBe('x');
  });
});

describe('a workspace', () => {
  it('has another path each time, where nothing is yet, in itself alone', async () => {
    const [here, there] = [await blobs.workspace(), await diskBlobs(uploadDir).workspace()];
    const paths = [here.path(), here.path(), there.path(), there.path()];
    expect(new Set(paths).size).toBe(4);
    // `open` in exclusive mode: none of them is there.
    for (const path of paths) await fs.writeFile(path, 'x', { flag: 'wx' });
    await here.discard();
    expect((await tree()).filter((path) => !path.endsWith('/'))).toHaveLength(2);
    await here.discard();
    await there.discard();
    expect(await tree()).toEqual(['incoming/']);
  });

  it('may be discarded after all of it was put', async () => {
    await put(one, 'whole', 'kept');
    expect(await tree()).toEqual(['incoming/', 'up/', `up/${one}`]);
  });
});

describe('what was put before', () => {
  it('is told by id, each once, also where a part is missing', async () => {
    expect(await idsBefore(NOW)).toEqual([]);
    for (const [id, part] of [
      [one, 'whole'],
      [one, 'thumbnail'],
      [two, 'thumbnail'],
      [OTHER_FOLDER, 'whole'],
      [uploadId(4), 'whole'],
    ] as const) {
      await put(id, part, 'x');
      const file = part === 'whole' ? id : `${id}.thumbnail`;
      await age(id === uploadId(4) ? NOW : NOW - 1_000, id.slice(0, 2), file);
    }
    expect(await idsBefore(NOW)).toEqual([one, two, OTHER_FOLDER].toSorted());
    expect(await idsBefore(NOW + 1)).toHaveLength(4);
    expect(await idsBefore(NOW - 1_000)).toEqual([]);
  });

  it('counts from the put, and what is put now is younger', async () => {
    const before = Date.now() - 60_000;
    await put(one, 'whole', 'x');
    expect(await idsBefore(before)).toEqual([]);
    expect(await idsBefore(Date.now() + 60_000)).toEqual([one]);
  });

  it('leaves alone what is not ours', async () => {
    await put(one, 'whole', 'x');
    for (const path of ['B.png', 'up/notes.txt', 'up/notes.thumbnail', 'old/x', `longer/${one}`]) {
      await fs.mkdir(join(uploadDir, path, '..'), { recursive: true });
      await fs.writeFile(join(uploadDir, path), 'x');
    }
    const all = await tree();
    expect(await idsBefore(Date.now() + 60_000)).toEqual([one]);
    expect(await tree()).toEqual(all);
  });

  it('takes workspaces away that were left behind since then, with what is in them', async () => {
    const [left, young] = [await blobs.workspace(), await blobs.workspace()];
    await fs.writeFile(left.path(), 'x');
    await fs.writeFile(young.path(), 'x');
    const names = await fs.readdir(join(uploadDir, 'incoming'));
    const folder = left.path().split('/').at(-2)!;
    await age(NOW - 1, 'incoming', folder);
    expect(await idsBefore(NOW)).toEqual([]);
    expect(await fs.readdir(join(uploadDir, 'incoming'))).toEqual(names.filter((name) => name !== folder));
    await left.discard();
    await young.discard();
  });
});
