import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { RequestHandler } from 'express';
import multer, { MulterError, type StorageEngine } from 'multer';
import { AppError } from './errors.ts';

/** A folder for what one request receives and makes of it. */
export interface Workspace {
  /** Another path each time, in this workspace alone; nothing is there yet. */
  path(): string;
  /** Removes what is left in it. Repeats succeed. */
  discard(): Promise<void>;
}

/** A file that has come whole. */
export interface ReceivedFile {
  readonly path: string;
  /** As the client wrote it, with whatever path is in it. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly workspace: Workspace;
}

export interface ReceiveOptions {
  readonly workspace: () => Promise<Workspace>;
  readonly maxBytes: number;
}

type Kept = Omit<ReceivedFile, 'name'>;

const MEGABYTE = 1_048_576;
/** Boundaries and headers of the parts. */
const FORM_BYTES = 64 * 1_024;

/**
 * Reads one file from multipart/form-data into a workspace, which whoever answers discards. What is stopped, or is too large, leaves
 * nothing behind.
 */
export function receiving(field: string, { workspace, maxBytes }: ReceiveOptions): RequestHandler {
  const storage: StorageEngine = {
    _handleFile(_request, file, done) {
      keep(file.stream).then((kept) => done(null, kept), done);
    },
    _removeFile(_request, file, done) {
      (file as unknown as Kept).workspace.discard().then(() => done(null), done);
    },
  };

  async function keep(stream: NodeJS.ReadableStream): Promise<Kept> {
    const place = await workspace();
    try {
      const path = place.path();
      const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
      await pipeline(stream, file);
      return { path, size: file.bytesWritten, workspace: place };
    } catch (error) {
      await place.discard();
      throw error;
    }
  }

  const read = multer({
    storage,
    // Names come as they are: what has a path in it is refused, not cut to what it may mean.
    preservePath: true,
    defParamCharset: 'utf8',
    limits: { files: 1, fileSize: maxBytes, fields: 10, fieldSize: 1_024, parts: 11, headerPairs: 20 },
  }).single(field);

  return (request, response, next) => {
    if (Number(request.headers['content-length']) > maxBytes + FORM_BYTES) {
      // Nobody waits for the rest of it.
      response.set('Connection', 'close');
      throw tooLarge(maxBytes);
    }
    read(request, response, (error: unknown) => {
      if (error) return next(asReceiving(error, field, maxBytes));
      const { file } = request;
      if (!file) return next(missing(field));
      const { path, size, workspace: place } = file as unknown as Kept;
      const received: ReceivedFile = { path, size, workspace: place, name: file.originalname };
      response.locals['file'] = received;
      next();
    });
  };
}

const tooLarge = (maxBytes: number) =>
  new AppError('TOO_LARGE', `The file is larger than ${Math.floor((maxBytes / MEGABYTE) * 10) / 10} MB.`);

const missing = (field: string) =>
  new AppError('BAD_INPUT', `Send multipart/form-data with one file in the field "${field}".`, {
    [field]: 'must be one file',
  });

function asReceiving(error: unknown, field: string, maxBytes: number): unknown {
  if (error instanceof MulterError) {
    return error.code === 'LIMIT_FILE_SIZE' ? tooLarge(maxBytes) : missing(field);
  }
  // What busboy says of a form that is none; a disk that fails has a code.
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? new AppError('BAD_INPUT', 'The upload could not be read.') : error;
}
