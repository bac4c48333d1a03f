import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupOf } from '../harness/conversation.ts';
import { startCluster } from '../harness/topology.ts';

/** What is limited by number, by time, or by the operator. */

const refused = (code: string) => ({ success: false, error: { code } });

test('20 new rooms an hour for each user, and for each address of guests', async () => {
  const cluster = await startCluster({ workers: 2 });
  const names = Array.from({ length: 20 }, (_, i) => `new-room-${i}`);
  const dora = await cluster.person();
  const second = await cluster.person({ token: dora.token });
  await second.moveAway();
  for (const [i, name] of names.entries()) {
    expect(await [dora, second][i % 2]!.request('join_room', name)).toMatchObject({ success: true });
  }
  for (const socket of [dora, second]) {
    for (const answer of [
      await socket.request('join_room', 'one-too-many'),
      await socket.request('chat:join', 'one-too-many'),
      await socket.request('join_channel', { channel_id: 'one-too-many' }),
    ]) {
      expect(answer).toMatchObject(refused('RATE_LIMITED'));
    }
    expect(await socket.request('join_room', names[0]!)).toMatchObject({ success: true });
  }
  const other = await cluster.person();
  expect(await other.request('join_room', 'one-too-many')).toMatchObject({ success: true });

  const guests = await Promise.all([1, 2, 3].map(() => new TestClient(cluster.url, {}).connected()));
  const answers = [];
  for (let i = 0; i < 21; i++) answers.push(await guests[i % 3]!.request('join_room', `guest-room-${i}`));
  expect(answers.filter(({ success }) => success)).toHaveLength(20);
  expect(answers.at(-1)).toMatchObject(refused('RATE_LIMITED'));
  for (const client of guests) client.close();
  await cluster.stop();
});

describe('as the operator set it', () => {
  let strict: Cluster;
  beforeAll(async () => {
    strict = await startCluster({
      workers: 1,
      env: { OPEN_ROOMS: 'false', EDIT_WINDOW_MS: '1500' },
    });
  });
  afterAll(() => strict.stop());

  test('OPEN_ROOMS=false: no room is made by joining it', async () => {
    const [dora, other] = await strict.strangers(2);
    const nobody = await new TestClient(strict.url, {}).connected();
    for (const client of [dora!, nobody]) {
      expect(await client.request('join_room', 'general')).toMatchObject(refused('NOT_FOUND'));
    }
    expect(await dora!.request('chat:join', 'general')).toMatchObject(refused('NOT_FOUND'));
    expect(await dora!.request('join_channel', { channel_id: 'general' })).toMatchObject(
      refused('NOT_FOUND'),
    );
    const id = await groupOf(strict, dora!, [other!]);
    expect(await other!.request('join_channel', { channel_id: id })).toMatchObject({ success: true });
    nobody.close();
  });

  test('EDIT_WINDOW_MS: after that it is too late', async () => {
    const [dora, other] = await strict.strangers(2);
    const id = String(await groupOf(strict, dora!, [other!]));
    await other!.request('chat:join', id);
    const sentAt = performance.now();
    const { id: messageId } = (await dora!.request('chat:message', { chatId: id, content: 'frist' })) as {
      id: string;
    };
    const edited = await dora!.request('chat:edit', { messageId, content: 'first' });
    expect(edited).toMatchObject({ success: true, message: { id: messageId, seq: 1, content: 'first' } });
    expect(await other!.next('chat:edited')).toMatchObject({
      id: messageId,
      chatId: id,
      content: 'first',
      editedAt: expect.any(String),
    });
    const api = apiOf(strict, other!.token);
    const inD = await dataOf<{ text: string; createdAt: string; updatedAt: string }>(
      api.get(`/api/v1/messages/${messageId}`),
    );
    expect(inD.text).toBe('first');
    expect(Date.parse(inD.updatedAt)).toBeGreaterThanOrEqual(Date.parse(inD.createdAt));

    for (let edit = 0; ; edit++) {
      const answer = await dora!.request('chat:edit', { messageId, content: `edit ${edit}` });
      if (answer.success) continue;
      expect(answer).toMatchObject(refused('FORBIDDEN'));
      break;
    }
    expect(performance.now() - sentAt).toBeGreaterThan(1_490);
    // Deleting has no end.
    expect(await dora!.request('chat:delete', { messageId })).toEqual({ success: true });
    expect(await other!.next('chat:deleted')).toEqual({ chatId: id, messageId, seq: 1 });
  });
});
