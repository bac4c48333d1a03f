import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** Again, from two nodes of two workers behind a real Nginx, with Redis and MongoDB. */
useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, async () => {
  await import('../forked/writers.test.ts');
});
