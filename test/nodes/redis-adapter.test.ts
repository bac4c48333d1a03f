import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';
import { io as connect, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { adapterClients, redisAdapter } from '../../src/drivers/redis-adapter.ts';
import { connectRedis } from '../../src/drivers/redis.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { redisServer, startRedis, type TestRedis } from '../harness/redis.ts';
import { fairMs } from '../harness/fair-time.ts';

/** A worker with one client, which is in room:all and hears `text`. */
async function startWorker(url: string, serverVersion: string) {
  const redis = await connectRedis({ url, prefix: 'chat', logger: silentLogger });
  const clients = await adapterClients(redis, url, silentLogger);
  const http = createServer();
  const io = new Server(http, { adapter: redisAdapter(clients, { prefix: 'test', serverVersion }) });
  io.on('connection', (socket) => void socket.join('room:all'));
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const { port } = http.address() as AddressInfo;
  const client: Socket = connect(`http://127.0.0.1:${port}`, { transports: ['websocket'] });
  await once(client as never, 'connect');
  const heard: string[] = [];
  client.on('text', (text: string) => heard.push(text));
  return {
    ...{ heard, clients, redis },
    say: (text: string) => void io.to('room:all').emit('text', text),
    async close() {
      client.disconnect();
      await io.close();
      await clients.close();
      await redis.close();
    },
  };
}

describe.skipIf(!redisServer).each(['7.0.0', '6.2.0'])('the adapter for Redis %s', (version) => {
  let server: TestRedis;
  let workers: Awaited<ReturnType<typeof startWorker>>[];
  beforeEach(async () => {
    server = await startRedis();
    workers = [await startWorker(server.url, version), await startWorker(server.url, version)];
  });
  afterEach(async () => {
    for (const worker of workers) await worker.close();
    await server.stop();
  });

  const allHear = async (text: string, timeout = 5_000) => {
    await expect
      .poll(
        () => {
          workers[0]!.say(text);
          return workers.every(({ heard }) => heard.includes(text));
        },
        { timeout, interval: 100 },
      )
      .toBe(true);
  };

  it('carries what is pushed to the other worker', async () => {
    await allHear('hello');
  });

  for (const how of ['paused', 'killed'] as const) {
    it(`while Redis is ${how} serves the sockets of its own worker, in order; afterwards all again`, async () => {
      await allHear('before');
      const [one, other] = workers as [(typeof workers)[0], (typeof workers)[0]];
      if (how === 'paused') server.pause();
      else await server.kill();
      const texts = Array.from({ length: 20 }, (_, n) => `text ${n}`);
      const heardAfterMs: number[] = [];
      for (const text of texts) {
        const saidAt = performance.now();
        one.say(text);
        void expect
          .poll(() => one.heard.includes(text), { timeout: 2_000, interval: 10 })
          .toBe(true)
          .then(() => heardAfterMs.push(performance.now() - saidAt));
        await sleep(75);
      }
      await expect
        .poll(() => one.heard.filter((text) => text.startsWith('text')), { timeout: 600 })
        .toEqual(texts);
      expect(one.heard.lastIndexOf('before')).toBeLessThan(one.heard.indexOf('text 0'));
      // The first waits for an answer; once Redis is known to be away nothing waits.
      expect(Math.max(...heardAfterMs)).toBeLessThan(fairMs(700));
      expect(heardAfterMs.at(-1)).toBeLessThan(fairMs(200));
      expect(one.clients.isUp()).toBe(false);
      expect(other.heard).not.toContain('text 19');
      await sleep(2_000);
      if (how === 'paused') server.resume();
      else await server.restart();
      await expect.poll(() => one.clients.isUp() && other.clients.isUp(), { timeout: 5_000 }).toBe(true);
      await allHear('after');
    });
  }
});
