import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { measured } from '../harness/measured.ts';
import { historyOf, Talker } from '../harness/talker.ts';
import { startCluster, topologyName } from '../harness/topology.ts';

const WRITERS = 50;
const EACH = 200;
const ALL = WRITERS * EACH;
/** These send everything a second time over a socket of their own, on whatever worker: a retry that races its original. */
const RACING = 10;

describe(`${WRITERS} writers in one conversation, ${topologyName()}`, () => {
  let cluster: Cluster;
  const writers: { token: string; first: Talker; second: Talker }[] = [];

  beforeAll(async () => {
    cluster = await startCluster({ workers: 2 });
    for (let i = 0; i < WRITERS; i++) {
      const { token } = await cluster.person();
      const first = await new Talker(cluster.url, token, 'hall').joined();
      const second = i < RACING ? await new Talker(cluster.url, token, 'hall').joined() : first;
      writers.push({ token, first, second });
    }
  }, 90_000);
  afterAll(async () => {
    for (const { first, second } of writers) [first, second].forEach((talker) => talker.close());
    await cluster?.stop();
  });

  test('every message has one number, everybody heard each once, and history is what was acknowledged', async () => {
    const acknowledged = new Map<number, { id: string; content: string }>();
    const startedAt = performance.now();
    await Promise.all(
      writers.map(async ({ first, second }, writer) => {
        for (let i = 0; i < EACH; i++) {
          const [content, tempId] = [`${writer}/${i}`, randomUUID()];
          const [one, again] = await Promise.all([first.say(content, tempId), second.say(content, tempId)]);
          expect([again.id, again.seq]).toEqual([one.id, one.seq]);
          expect(acknowledged.has(one.seq)).toBe(false);
          acknowledged.set(one.seq, { id: one.id, content });
        }
      }),
    );
    const seconds = (performance.now() - startedAt) / 1_000;

    const numbers = [...acknowledged.keys()].sort((a, b) => a - b);
    expect(numbers).toHaveLength(ALL);
    // Numbers that no message has: voids, which a retry that raced its original may leave (on MongoDB).
    const voids = numbers.at(-1)! - ALL;
    expect(voids).toBeLessThanOrEqual(RACING * EACH);

    const ids = new Map([...acknowledged].map(([seq, { id }]) => [seq, id]));
    for (const { first, second } of writers) {
      for (const talker of new Set([first, second])) {
        await expect.poll(() => talker.heard.size, { timeout: 30_000 }).toBe(ALL);
        expect(talker.doubles).toEqual([]);
        expect([...talker.heard].every(([seq, id]) => ids.get(seq) === id)).toBe(true);
      }
    }

    const history = await historyOf(cluster.url, writers[0]!.token, 'hall');
    expect(history.map(({ seq }) => seq)).toEqual(numbers);
    expect(history.every(({ seq, content }) => acknowledged.get(seq)?.content === content)).toBe(true);
    // A sender's own messages are in the order of sending.
    for (let writer = 0; writer < WRITERS; writer++) {
      const own = history.filter(({ content }) => content.startsWith(`${writer}/`));
      expect(own.map(({ content }) => content)).toEqual(
        Array.from({ length: EACH }, (_, i) => `${writer}/${i}`),
      );
    }
    measured(
      `${ALL} messages, each sent twice, to ${WRITERS} people, ${topologyName()}`,
      `${seconds.toFixed(1)} s, ${voids} voids`,
    );
  }, 240_000);
});
