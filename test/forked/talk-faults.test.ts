import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { measured } from '../harness/measured.ts';
import type { Nodes } from '../harness/nodes.ts';
import { historyOf, Talker } from '../harness/talker.ts';
import { startCluster, topologyName } from '../harness/topology.ts';

const WRITERS = 10;
const READERS = 10;
const EACH = 100;

/** How many messages are acknowledged when something happens. */
const CUT_AT = [100, 300, 500, 700];
const KILL_AT = 400;
const RESTART_REDIS_AT = 600;

describe(`a conversation while things break, ${topologyName()}`, () => {
  let cluster: Cluster;
  let token: string;
  const writers: Talker[] = [];
  const readers: Talker[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ workers: 2 });
    for (let i = 0; i < WRITERS + READERS; i++) {
      const person = await cluster.person();
      token = person.token;
      const talker = await new Talker(cluster.url, person.token, 'hall').joined();
      (i < WRITERS ? writers : readers).push(talker);
    }
  }, 90_000);
  afterAll(async () => {
    for (const talker of [...writers, ...readers]) talker.close();
    await cluster?.stop();
  });

  test('sockets are cut, a worker is killed, Redis (where there is one) restarts: what was acknowledged is in history once, and everybody has it', async () => {
    const acknowledged = new Map<number, { id: string; content: string }>();
    const happened: Promise<unknown>[] = [];
    let breaks = 0;
    for (const talker of [...writers, ...readers]) talker.socket.on('disconnect', () => (breaks += 1));

    function happen(count: number) {
      if (CUT_AT.includes(count)) for (const { socket } of readers) socket.io.engine.close();
      if (count === KILL_AT) process.kill([...cluster.workers().values()][0]!, 'SIGKILL');
      if (count === RESTART_REDIS_AT && 'redis' in cluster) happened.push((cluster as Nodes).redis.restart());
    }
    await Promise.all(
      writers.map(async (talker, writer) => {
        for (let i = 0; i < EACH; i++) {
          const content = `${writer}/${i}`;
          const { seq, id } = await talker.say(content);
          expect(acknowledged.has(seq)).toBe(false);
          acknowledged.set(seq, { id, content });
          happen(acknowledged.size);
        }
      }),
    );
    await Promise.all(happened);
    // Two of the four cuts at least found every reader connected, and the killed worker had somebody.
    expect(breaks).toBeGreaterThan(2 * READERS);

    const history = await historyOf(cluster.url, token, 'hall');
    expect(new Map(history.map(({ seq, id, content }) => [seq, { id, content }]))).toEqual(
      new Map([...acknowledged].sort(([a], [b]) => a - b)),
    );
    expect(history).toHaveLength(acknowledged.size);
    for (const reader of readers) {
      await reader.sync();
      expect(new Map([...reader.heard].sort(([a], [b]) => a - b))).toEqual(
        new Map(history.map(({ seq, id }) => [seq, id])),
      );
      expect(reader.doubles).toEqual([]);
    }
    const voids = history.at(-1)!.seq - history.length;
    measured(
      `${WRITERS * EACH} messages while sockets are cut, a worker is killed and Redis restarts, ${topologyName()}`,
      `0 lost, 0 twice, ${voids} voids`,
    );
  }, 120_000);
});
