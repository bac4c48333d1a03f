import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateSync } from 'node:zlib';
import type { RouteData } from '../../src/contract.ts';
import { http, type HttpAnswer } from './http.ts';

export type Uploaded = RouteData<'POST /upload/file'>;

export interface Sent {
  readonly bytes: Uint8Array;
  readonly name: string;
  readonly field?: string;
  /** What the client says that it is; nobody believes it. */
  readonly type?: string;
}

/** As a browser's form sends it. */
export async function upload(
  url: string,
  token: string | undefined,
  kind: 'file' | 'voice',
  { bytes, name, field = kind, type = 'application/octet-stream' }: Sent,
): Promise<HttpAnswer> {
  const form = new FormData();
  form.append(field, new Blob([bytes as Uint8Array<ArrayBuffer>], { type }), name);
  const response = await fetch(`${url}/api/upload/${kind}`, {
    method: 'POST',
    body: form,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  });
  const body = (await response.json()) as never;
  return { status: response.status, headers: response.headers, body };
}

/** One that has to be taken. */
export async function uploaded(
  url: string,
  token: string,
  kind: 'file' | 'voice',
  sent: Sent,
): Promise<Uploaded> {
  const { status, body } = await upload(url, token, kind, sent);
  if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
  return (body as { data: Uploaded }).data;
}

/** The bytes behind a path, with the headers. */
export async function fetched(
  url: string,
  path: string,
  { token, ...headers }: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; bytes: Buffer }> {
  const response = await fetch(url + path, {
    headers: { ...headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  });
  const bytes = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, bytes };
}

export const statusOf = async (url: string, path: string, token?: string): Promise<number> =>
  (await http(url, 'GET', path, token === undefined ? {} : { token })).status;

/** Every file below a directory; none where there is no directory. */
export function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** A PDF as far as its first and last bytes say; in between whatever is wanted. */
export const pdf = (content: Uint8Array | string = 'a page'): Buffer =>
  Buffer.concat([Buffer.from('%PDF-1.7\n'), Buffer.from(content as string), Buffer.from('\n%%EOF\n')]);

/** A PNG in black and white. @param rows what it has of its lines, each with a byte in front of its pixels */
export function png(width: number, height: number, rows: Buffer): Buffer {
  const chunk = (name: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(name, 'latin1'), data]);
    const out = Buffer.alloc(body.length + 8);
    out.writeUInt32BE(data.length, 0);
    body.copy(out, 4);
    out.writeUInt32BE(crc32(body), body.length + 4);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Its header says that it is so large; there is one line of it. */
export const largePng = (width: number, height: number): Buffer =>
  png(width, height, Buffer.alloc(Math.ceil(width / 8) + 1));

/** A tone in 8-bit PCM at 8 kHz. */
export function wav(seconds: number): Buffer {
  const rate = 8_000;
  const samples = Buffer.alloc(seconds * rate, Buffer.from([128, 180, 200, 180, 128, 76, 56, 76]));
  const head = Buffer.alloc(44);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(36 + samples.length, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(1, 22);
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate, 28);
  head.writeUInt16LE(1, 32);
  head.writeUInt16LE(8, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
}
