import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RouteData } from '../../src/contract.ts';
import type { Cluster } from '../harness/cluster.ts';
import {
  apiOf,
  beside,
  dataOf,
  infoOf,
  overtaken,
  sayIn,
  syncOf,
  type ChatMessage,
} from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';

/** What blocked people write is a void for whoever blocked them. */

const chat = 'market';

let cluster: Cluster;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
});
afterAll(() => cluster.stop());

describe('what somebody wrote whom the reader has blocked', () => {
  test('is a void in push, sync, history, unread and lists, and for nobody else', async () => {
    const [eve, carol, frank] = (await cluster.strangers(3)) as [Person, Person, Person];
    // On eve's worker: what he says follows what she said on the same road, and bob hears it.
    await beside(frank, eve);
    for (const person of [ann, bob, eve, carol]) await person.request('chat:join', chat);
    await bob.request('join_room', chat);
    await bob.request('join_channel', { channel_id: chat });
    await sayIn(ann, chat, 'before');
    expect(await bob.request('user:block', { userId: eve.id })).toMatchObject({ success: true });
    const [hidden] = await sayIn(eve, chat, 'from eve');
    eve.socket.emit('chat:typing', { chatId: chat, isTyping: true });
    await eve.settled();
    await overtaken(frank, bob);
    await sayIn(ann, chat, 'after');

    const heard = () =>
      (bob.waiting('chat:message') as ChatMessage[]).filter(({ chatId }) => chatId === chat);
    await bob.next('chat:message', ({ content }) => content === 'after');
    expect(heard()).toMatchObject([{ content: 'before' }]);
    expect(bob.waiting('message').map(({ text }) => text)).not.toContain('from eve');
    expect(bob.waiting('room_message').map(({ content }) => content)).not.toContain('from eve');
    expect(bob.waiting('chat:typing').filter(({ chatId }) => chatId === chat)).toEqual([]);
    expect(await carol.next('chat:message', ({ content }) => content === 'from eve')).toMatchObject({
      seq: 2,
    });
    expect(await carol.next('chat:typing')).toMatchObject({ chatId: chat, userId: eve.id });

    expect(await syncOf(bob, chat, 0)).toMatchObject({
      messages: [{ seq: 1 }, { seq: 3 }],
      upTo: 3,
      more: false,
    });
    expect((await syncOf(carol, chat, 0)).messages.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const texts = async (person: Person) => {
      const api = apiOf(cluster, person.token);
      const inC = await dataOf<RouteData<'GET /conversations/:id/messages'>>(
        api.get(`/api/conversations/${chat}/messages`),
      );
      const inD = await dataOf<{ text: string }[]>(api.get(`/api/v1/messages/channel/${chat}`));
      expect(inD.map(({ text }) => text).toReversed()).toEqual(inC.messages.map(({ content }) => content));
      return inC.messages.map(({ content }) => content);
    };
    expect(await texts(bob)).toEqual(['before', 'after']);
    expect(await texts(carol)).toEqual(['before', 'from eve', 'after']);
    expect(await infoOf(cluster, bob, chat)).toMatchObject({ unread: 2 });
    expect(await infoOf(cluster, carol, chat)).toMatchObject({ unread: 3 });

    const messageId = hidden!.id;
    expect(await apiOf(cluster, bob.token).get(`/api/v1/messages/${messageId}`)).toMatchObject({
      status: 404,
    });
    for (const answer of [
      await bob.request('chat:reaction', { messageId, reaction: '👎' }),
      await bob.request('chat:delete', { messageId }),
    ]) {
      expect(answer).toMatchObject({ success: false, error: { code: 'NOT_FOUND' } });
    }
    // What happens to it is not told either.
    await carol.request('chat:reaction', { messageId, reaction: '👍' });
    await eve.request('chat:edit', { messageId, content: 'edited' });
    await eve.request('chat:delete', { messageId });
    for (const person of [carol, frank]) await overtaken(person, bob);
    for (const event of ['chat:reaction', 'chat:edited', 'chat:deleted'] as const) {
      const about = (body: { chatId: string }) => body.chatId === chat;
      expect(bob.waiting(event).filter(about)).toEqual([]);
      expect(await ann.next(event, about)).toMatchObject({ seq: 2 });
    }
  });

  test('does not bring back a direct conversation that was left', async () => {
    const [dora, eve] = (await cluster.strangers(2)) as [Person, Person];
    const sent = await dataOf<{ channelId: number }>(
      apiOf(cluster, eve.token).post('/api/v1/messages', { receiverId: dora.id, text: 'hello' }),
    );
    const id = String(sent.channelId);
    expect(await infoOf(cluster, dora, id)).toMatchObject({
      name: eve.username,
      peer: { id: eve.id },
      unread: 1,
    });
    await dora.request('user:block', { userId: eve.id });
    await apiOf(cluster, dora.token).post(`/api/v1/channels/${id}/leave`);
    // Who has blocked somebody is remembered for a second, on each worker.
    for (;;) {
      const [said] = await sayIn(eve, id, 'answer me');
      const seen = await apiOf(cluster, dora.token).get(`/api/v1/messages/${said!.id}`);
      if (seen.status === 404) break;
      await apiOf(cluster, dora.token).post(`/api/v1/channels/${id}/leave`);
    }
    expect(await infoOf(cluster, dora, id)).toBeUndefined();
    await apiOf(cluster, dora.token).delete(`/api/users/blocked/${eve.id}`);
  });
});
