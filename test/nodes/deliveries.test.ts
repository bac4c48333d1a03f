import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { meet, say } from '../harness/match.ts';
import { startRedis, withoutRedis, type TestRedis } from '../harness/redis.ts';

/** What is meant for one worker is delivered to that one, and costs the others nothing. */
describe.skipIf(withoutRedis)(`deliveries${withoutRedis ? ` (${withoutRedis})` : ''}`, () => {
  let redis: TestRedis;
  let cluster: Cluster;
  let client: Redis;
  let watching: Redis;
  let channels: string[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    cluster = await startCluster({ workers: 3, env: { REDIS_URL: redis.url } });
    client = new Redis(redis.url);
    watching = await client.monitor();
    watching.on('monitor', (_time: string, [command, channel]: string[]) => {
      if (/^s?publish$/i.test(command!)) channels.push(channel!);
    });
  }, 60_000);
  afterAll(async () => {
    watching?.disconnect();
    client?.disconnect();
    await cluster?.stop();
    await redis?.stop();
  });

  /** Channels of what was pushed meanwhile, with how many workers each was delivered to. */
  async function deliveries(work: () => Promise<void>): Promise<Map<string, number>> {
    channels = [];
    await work();
    const counts = (await client.call('PUBSUB', 'SHARDNUMSUB', ...new Set(channels))) as (string | number)[];
    return new Map(
      Array.from({ length: counts.length / 2 }, (_, i) => [String(counts[2 * i]), Number(counts[2 * i + 1])]),
    );
  }

  test('pair chat, signaling and pushes to a user reach the worker that has the socket, and no other', async () => {
    const [ann, bob] = await cluster.strangers(2);
    await meet(ann!, bob!);
    // The room of a user with an id of 15 digits would have 20 characters, which the adapter takes for a socket's.
    expect(`user:${ann!.id}`).toHaveLength(20);

    const found = await deliveries(async () => {
      await say(ann!, bob!, 'chat');
      await ann!.request('webrtc:ice-candidate', { candidate: null });
      await bob!.next('webrtc:ice-candidate');
      await ann!.request('update_status', 'away');
      await bob!.next('user_updated');
    });
    const seat = [...found.keys()].filter((channel) => channel.includes(`seat:${bob!.socket.id}`));
    const user = [...found.keys()].filter((channel) => channel.includes(`user:${ann!.id}`));
    expect([seat.length, user.length]).toEqual([1, 1]);
    expect([...found.keys()].sort()).toEqual([...seat, ...user].sort());
    expect([...found.values()]).toEqual([1, 1]);
  });
});
