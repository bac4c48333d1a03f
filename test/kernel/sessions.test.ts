import cluster from 'node:cluster';
import { describe, expect, it } from 'vitest';
import { watchSessions } from '../../src/cluster/sessions.ts';

const SESSION = 'n1-abcdefghijklmnopq';
const request = (query: string) =>
  Buffer.from(`POST /socket.io/?EIO=4&transport=polling${query} HTTP/1.1\r\n\r\n`);
const told = (id: number, type: string) => cluster.emit('message', { id }, { type, data: SESSION });

/** Settled within a turn of the event loop? */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => (settled = true));
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

describe('sessions', () => {
  it('a request without one is nobody to wait for', async () => {
    expect(await isSettled(watchSessions().known(request('')))).toBe(true);
  });

  it('a request that is faster than its worker waits for the message', async () => {
    const sessions = watchSessions();
    const known = sessions.known(request(`&sid=${SESSION}`));
    expect(await isSettled(known)).toBe(false);
    told(1, 'sticky:connection');
    await known;
    expect(await isSettled(sessions.known(request(`&sid=${SESSION}`)))).toBe(true);
  });

  it('one that has ended is waited for in vain, and not for long', async () => {
    const sessions = watchSessions();
    told(1, 'sticky:connection');
    told(1, 'sticky:disconnection');
    const known = sessions.known(request(`&sid=${SESSION}`));
    expect(await isSettled(known)).toBe(false);
    await known;
  });

  it('those of a dead worker are forgotten', async () => {
    const sessions = watchSessions();
    told(7, 'sticky:connection');
    cluster.emit('exit', { id: 7 });
    const known = sessions.known(request(`&sid=${SESSION}`));
    expect(await isSettled(known)).toBe(false);
    await known;
  });
});
