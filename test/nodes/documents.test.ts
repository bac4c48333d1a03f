import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { TOPOLOGY } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** What the documents promise, again: two nodes of two workers behind a real Nginx, with Redis and MongoDB. */
process.env[TOPOLOGY] = 'nodes';
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, async () => {
  await import('../documents/B-random-chat.test.ts');
  await import('../documents/D-chat-service-auth.test.ts');
  await import('../documents/E-nexus-auth.test.ts');
});
