import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join, relative } from 'node:path';
import { createInterface } from 'node:readline';

/** One JSON line asks, one JSON line answers. */
const LINE_BYTES = 16_384;
const IDLE_MS = 10_000;
/** What fits into a socket's address everywhere. */
const LONGEST_PATH_BYTES = 103;

/** @throws when neither the absolute path nor the one from here fits into a socket's address */
function socketPath(dataDir: string): string {
  const absolute = join(dataDir, 'admin.sock');
  const path = [absolute, relative(process.cwd(), absolute)].find(
    (candidate) => Buffer.byteLength(candidate) <= LONGEST_PATH_BYTES,
  );
  if (path === undefined)
    throw new Error(`${absolute}: too long for the address of a socket; choose a shorter DATA_DIR`);
  return path;
}

/** Resolves with null when nobody listens there: no file, or one that a killed process left. */
function connect(path: string): Promise<Socket | null> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(null);
      else reject(error);
    });
  });
}

/** The first line that arrives; undefined when the other side ends, or has said too much without one. */
async function lineFrom(socket: Socket): Promise<string | undefined> {
  socket.on('data', () => {
    if (socket.bytesRead > LINE_BYTES) socket.destroy();
  });
  for await (const line of createInterface({ input: socket })) return line;
  return undefined;
}

/**
 * Listens in the directory, for its owner only; a socket that a killed process left there is replaced.
 * @param answer never rejects
 * @returns stops listening, and resolves when what was asked is answered
 */
export async function listenForCommands(
  dataDir: string,
  answer: (command: unknown) => Promise<object>,
): Promise<() => Promise<void>> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const path = socketPath(dataDir);
  const living = await connect(path);
  if (living) {
    living.destroy();
    throw new Error(`${path} is answered by another server that uses this DATA_DIR`);
  }
  rmSync(path, { force: true });

  async function converse(socket: Socket) {
    const line = await lineFrom(socket);
    if (line !== undefined) socket.end(`${JSON.stringify(await answer(asJson(line)))}\n`);
  }

  const server = createServer((socket) => {
    socket.setTimeout(IDLE_MS, () => socket.destroy());
    // A client that goes away early needs no answer.
    socket.on('error', () => {});
    converse(socket).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  return () => new Promise((resolve) => server.close(() => resolve()));
}

function asJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * Asks the server that runs on this directory. Null when none does.
 * @throws when it may not be asked, or ended before it answered
 */
export async function askServer(dataDir: string, command: object): Promise<unknown> {
  const socket = await connect(socketPath(dataDir));
  if (!socket) return null;
  socket.write(`${JSON.stringify(command)}\n`);
  const line = await lineFrom(socket).catch(() => undefined);
  socket.destroy();
  if (line === undefined)
    throw new Error('The server ended before it answered: look whether it did what was asked.');
  return JSON.parse(line);
}
