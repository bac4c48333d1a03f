import { describe } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { withoutRedis } from '../harness/redis.ts';
import { useNodes } from '../harness/topology.ts';

const missing = withoutNginx ?? withoutRedis;

/** What the documents promise, again: two nodes of two workers behind a real Nginx, with Redis and MongoDB. */
useNodes();
describe.skipIf(missing)(`on two nodes${missing ? ` (${missing})` : ''}`, () => {
  // Each with nodes of its own, which end before the next ones start.
  describe('B', async () => void (await import('../documents/B-random-chat.test.ts')));
  describe('C', async () => void (await import('../documents/C-social-websocket.test.ts')));
  describe('D', async () => void (await import('../documents/D-chat-service.test.ts')));
  describe('D, messages', async () => void (await import('../documents/D-chat-service-messages.test.ts')));
  describe('D, sockets', async () => void (await import('../documents/D-chat-service-websocket.test.ts')));
  describe('D, accounts', async () => void (await import('../documents/D-chat-service-auth.test.ts')));
  describe('E', async () => void (await import('../documents/E-nexus-rooms.test.ts')));
  describe('E, accounts', async () => void (await import('../documents/E-nexus-auth.test.ts')));
});
