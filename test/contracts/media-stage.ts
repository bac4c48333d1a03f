import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import type { ErrorCode } from '../../src/kernel/errors.ts';

export const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/media/${name}`, import.meta.url));
export const bytesOf = (name: string) => readFileSync(fixture(name));

/** Files of one suite. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), 'realtime-chat-media-'));
  let count = 0;
  return {
    path,
    /** Another one each time. */
    fresh: () => join(path, `${(count += 1)}`),
    write(bytes: Uint8Array | string): string {
      const file = this.fresh();
      writeFileSync(file, bytes);
      return file;
    },
    remove: () => rmSync(path, { recursive: true }),
  };
}

export function refused(result: Promise<unknown>, code: ErrorCode) {
  return expect(result).rejects.toMatchObject({ name: 'AppError', code });
}

/** Uncompressed. */
export function zip(files: Record<string, string>): Buffer {
  const entries: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const head = Buffer.alloc(26);
    head.writeUInt16LE(20, 0);
    head.writeUInt32LE(crc32(content), 10);
    head.writeUInt32LE(content.length, 14);
    head.writeUInt32LE(content.length, 18);
    head.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    const entry = Buffer.concat([Buffer.from('PK\x03\x04'), head, Buffer.from(name + content)]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), head, tail, Buffer.from(name)]));
    entries.push(entry);
    offset += entry.length;
  }
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(Buffer.concat(directory).length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...entries, ...directory, Buffer.from('PK\x05\x06'), end]);
}

export interface Wav {
  readonly format?: number;
  readonly rate?: number;
  readonly channels?: number;
  readonly bits?: number;
  /** What the header says. */
  readonly dataSize?: number;
  readonly data: Buffer;
}

export function wav({
  format = 1,
  rate = 8_000,
  channels = 1,
  bits = 16,
  data,
  dataSize = data.length,
}: Wav): Buffer {
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(Math.min(0xffff_ffff, dataSize + 36), 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(format, 20);
  head.writeUInt16LE(channels, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(0, 28);
  head.writeUInt16LE(((channels * bits) / 8) & 0xffff, 32);
  head.writeUInt16LE(bits, 34);
  head.write('data', 36);
  head.writeUInt32LE(dataSize, 40);
  return Buffer.concat([head, data]);
}
