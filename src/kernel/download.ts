import { pipeline, type Readable } from 'node:stream';
import { create as contentDisposition } from 'content-disposition';
import type { Request, Response } from 'express';
import parseRange from 'range-parser';

/** An answer that is bytes: `Range`, `If-Range` and `If-None-Match` are honoured. */
export class Download {
  readonly size: number;
  readonly mimeType: string;
  /** What it is saved as. */
  readonly name: string;
  /** False: it is saved, never shown. */
  readonly inline: boolean;
  /** Never stands for other bytes. */
  readonly etag: string;
  /** How long a browser may use it without asking, in seconds. */
  readonly maxAge: number;
  /** Both bounds are included. */
  readonly read: (range?: { start: number; end: number }) => Readable;

  constructor(given: {
    size: number;
    mimeType: string;
    name: string;
    inline: boolean;
    etag: string;
    maxAge: number;
    read: Download['read'];
  }) {
    this.size = given.size;
    this.mimeType = given.mimeType;
    this.name = given.name;
    this.inline = given.inline;
    this.etag = given.etag;
    this.maxAge = given.maxAge;
    this.read = given.read;
  }
}

/** What strangers made is neither run nor guessed at, and has no origin of its own. */
const CAGE = "default-src 'none'; sandbox";

export function sendDownload(request: Request, response: Response, download: Download): void {
  const { size, mimeType, name, inline, etag, maxAge } = download;
  response.set({
    'Content-Type': mimeType,
    'Content-Disposition': contentDisposition(name, { type: inline ? 'inline' : 'attachment' }),
    'Content-Security-Policy': CAGE,
    // Front ends of other origins show it in <img> and <audio>.
    'Cross-Origin-Resource-Policy': 'cross-origin',
    'Cache-Control': `private, max-age=${maxAge}, immutable, no-transform`,
    'Accept-Ranges': 'bytes',
    ETag: `"${etag}"`,
  });
  if (request.fresh) return void response.status(304).end();

  const range = rangeOf(request, size, etag);
  if (range === 'unsatisfiable') {
    return void response.status(416).set('Content-Range', `bytes */${size}`).end();
  }
  if (range) response.status(206).set('Content-Range', `bytes ${range.start}-${range.end}/${size}`);
  response.set('Content-Length', String(range ? range.end - range.start + 1 : size));
  if (request.method === 'HEAD') return void response.end();
  // A reader who goes away, and bytes that went away meanwhile, end the connection: the length was said already.
  pipeline(download.read(range), response, () => {});
}

/** The one range asked for; several, and what is no range, are answered with the whole. */
function rangeOf(request: Request, size: number, etag: string) {
  const header = request.get('range');
  if (header === undefined) return undefined;
  const condition = request.get('if-range');
  if (condition !== undefined && condition !== `"${etag}"`) return undefined;
  const ranges = parseRange(size, header);
  if (ranges === -1) return 'unsatisfiable';
  if (ranges === -2 || ranges.type !== 'bytes' || ranges.length !== 1) return undefined;
  const { start, end } = ranges[0]!;
  return { start, end };
}
