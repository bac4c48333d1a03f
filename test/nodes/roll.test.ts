/** What one node does to its own clients is nobody else's business. */
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withoutNginx } from '../harness/nginx.ts';
import { startNodes, type Nodes } from '../harness/nodes.ts';
import { personOf } from '../harness/person.ts';
import { withoutRedis } from '../harness/redis.ts';

const missing = withoutNginx ?? withoutRedis;

describe.skipIf(missing)(`two nodes${missing ? ` (${missing})` : ''}`, () => {
  let nodes: Nodes;
  beforeAll(async () => {
    nodes = await startNodes();
  }, 90_000);
  afterAll(() => nodes?.stop());

  test('a roll, and then a stop, of one node: clients of the other one notice nothing', async () => {
    const [first, second] = nodes.nodes;
    const elsewhere = await Promise.all(Array.from({ length: 10 }, () => personOf(second!.url, {})));
    const reasons: string[] = [];
    for (const { socket } of elsewhere) socket.on('disconnect', (reason) => reasons.push(reason));

    const before = [...first!.workers().values()];
    first!.process.kill('SIGUSR2');
    await expect
      .poll(() => [...first!.workers().values()].filter((pid) => before.includes(pid)), { timeout: 25_000 })
      .toEqual([]);
    await Promise.all(elsewhere.map((person) => person.settled()));
    expect(reasons).toEqual([]);

    first!.process.kill('SIGTERM');
    await once(first!.process, 'exit');
    await Promise.all(elsewhere.map((person) => person.settled()));
    expect(reasons).toEqual([]);
    for (const person of elsewhere) person.close();
  }, 60_000);
});
