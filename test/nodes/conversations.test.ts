import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** Conversations, again: two nodes of two workers behind a real Nginx, with Redis and MongoDB. */
useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, () => {
  describe('dialects', async () => void (await import('../forked/conversations.test.ts')));
  describe('rights', async () => void (await import('../forked/conversations-rights.test.ts')));
  describe('rooms', async () => void (await import('../forked/conversations-rooms.test.ts')));
  describe('sync', async () => void (await import('../forked/conversations-sync.test.ts')));
  describe('blocked', async () => void (await import('../forked/conversations-blocked.test.ts')));
});
