/**
 * What suites share, each started when the first suite asks for it. Suites stay apart in them by a prefix, a database or a browser
 * context of their own; whoever breaks a server starts its own. This runs in the process of vitest; suites ask over HTTP (shared.ts).
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SERVICES, type ServiceName } from './shared.ts';

interface Service {
  readonly url: string;
  stop(): Promise<void>;
}

/** Imported by need: a run of a few quick suites pays for none. */
const starters: Record<ServiceName, () => Promise<Service>> = {
  redis: async () => (await import('./redis.ts')).startRedis(),
  'redis-cluster': async () => (await import('./redis.ts')).startRedisCluster(),
  mongo: () => startMongod([]),
  'mongo-strict': () => startMongod(['--notablescan']),
  'chromium-fake': async () => (await import('./browser.ts')).startBrowser('fake'),
  'chromium-refuse': async () => (await import('./browser.ts')).startBrowser('refuse'),
};

async function startMongod(args: readonly string[]): Promise<Service> {
  const { startOwnMongo } = await import('./mongod.ts');
  const { uri, close } = await startOwnMongo({ args });
  return { url: uri, stop: close };
}

/** For vitest, as its `globalSetup`: what it returns runs after the last suite. */
export default async function serve(): Promise<() => Promise<void>> {
  const running = new Map<ServiceName, Promise<Service>>();
  const server = createServer((request, response) => {
    const name = request.url!.slice(1) as ServiceName;
    let service = running.get(name);
    if (!service) running.set(name, (service = starters[name]()));
    service.then(
      ({ url }) => response.end(url),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.env[SERVICES] = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async () => {
    server.close();
    server.closeAllConnections();
    for (const each of await Promise.allSettled(running.values()))
      if (each.status === 'fulfilled') await each.value.stop();
  };
}
