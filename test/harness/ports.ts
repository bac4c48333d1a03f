import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below what the system gives to whoever asks for any port, so that nobody takes one between here and its use. Each of vitest's
 * processes has a stretch of its own, and the thousand above it for the plain ports of its nodes.
 */
const FIRST = 10_000;
const STRETCH = 1_000;
const PROCESSES = 11;
const start = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % PROCESSES) * 2 * STRETCH;
let next = process.pid % STRETCH;

/** Free at this moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found: number[] = [];
  while (found.length < count) {
    const port = start + (next++ % STRETCH);
    if (await isFree(port)) found.push(port);
  }
  return found;
}

export async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    server.close();
    await once(server, 'close');
    return true;
  } catch {
    return false;
  }
}
