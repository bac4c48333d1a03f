import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** 200 people and a worker killed under them, again: two nodes of two workers behind a real Nginx, with Redis and MongoDB. */
useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, async () => {
  await import('../forked/crowd.test.ts');
});
