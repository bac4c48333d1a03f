import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** Uploads, again: two nodes of two workers behind a real Nginx, with Redis and MongoDB, and one directory for both. */
useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, async () => {
  await import('../forked/uploads.test.ts');
});
