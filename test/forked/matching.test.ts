import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { TestClient } from '../harness/client.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { meet, say } from '../harness/match.ts';
import type { Person } from '../harness/person.ts';
import { fairMs } from '../harness/fair-time.ts';

let cluster: Cluster;
let present: Person[] = [];

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
});
afterAll(() => cluster.stop());
afterEach(async () => {
  for (const person of present) {
    if (person.socket.connected) await person.request('user:leave');
    person.close();
  }
  present = [];
});

async function strangers(count: number): Promise<Person[]> {
  present = await cluster.strangers(count);
  return present;
}

describe('waiting widens what is accepted', () => {
  test('disjoint interests meet 5 to 6 s after the later one came', async () => {
    const [ann, bob] = await strangers(2);
    await ann!.request('user:match', { interests: ['music'] });
    expect(await bob!.request('user:match', { interests: ['chess'] })).toMatchObject({ status: 'waiting' });
    const cameAt = performance.now();
    await Promise.all([ann!.next('user:matched'), bob!.next('user:matched')]);
    const waitedMs = performance.now() - cameAt;
    expect(waitedMs).toBeGreaterThan(4_900);
    expect(waitedMs).toBeLessThan(fairMs(6_000));
  });

  test('different languages meet 10 to 11 s after the later one came', async () => {
    const [ann, bob] = await strangers(2);
    await ann!.request('user:match', { language: 'de' });
    expect(await bob!.request('user:match', { language: 'fr' })).toMatchObject({ status: 'waiting' });
    const cameAt = performance.now();
    await Promise.all([
      ann!.next('user:matched', undefined, 12_000),
      bob!.next('user:matched', undefined, 12_000),
    ]);
    const waitedMs = performance.now() - cameAt;
    expect(waitedMs).toBeGreaterThan(9_900);
    expect(waitedMs).toBeLessThan(fairMs(11_000));
  });

  test('shared interests meet at once, and are told', async () => {
    const [ann, bob] = await strangers(2);
    await ann!.request('user:match', { interests: ['Music', 'go'] });
    await bob!.request('user:match', { interests: ['music', 'chess'] });
    expect((await ann!.next('user:matched')).sharedInterests).toEqual(['music']);
  });
});

describe('seats', () => {
  test('who comes back and emits user:match in the connect handler keeps the partner', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    ann!.socket.on('connect', () => ann!.socket.emit('user:match'));
    ann!.socket.io.engine.close();
    expect(await bob!.next('user:partner-away')).toEqual({ matchId });
    ann!.socket.connect();
    expect(await ann!.next('user:matched')).toMatchObject({ matchId, resumed: true, initiator: true });
    expect(await bob!.next('user:partner-back')).toEqual({ matchId, initiator: false });
    await say(ann!, bob!, 'back again');
    expect(bob!.waiting('user:unmatched')).toEqual([]);
  });

  test('who names the match gets the seat without asking', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    ann!.socket.auth = { token: ann!.token, matchId };
    ann!.socket.disconnect().connect();
    expect(await ann!.next('user:matched')).toMatchObject({ matchId, resumed: true });
  });

  test('who only connects gets it after a second', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    ann!.socket.disconnect().connect();
    expect(await ann!.next('user:matched')).toMatchObject({ matchId, resumed: true });
  });

  test('who names a match that is over is told', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    ann!.close();
    await bob!.next('user:partner-away');
    await bob!.request('user:leave');
    ann!.socket.auth = { token: ann!.token, matchId };
    ann!.socket.connect();
    expect(await ann!.next('user:unmatched')).toEqual({ matchId, reason: 'disconnected' });
  });

  test('a connection that went silent gives its seat to the next one within 3 s', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    const { ws } = ann!.socket.io.engine.transport as unknown as {
      ws: { _socket: { pause(): void; resume(): void } };
    };
    ws._socket.pause();

    const phone = new TestClient(cluster.url, { auth: { token: ann!.token } });
    phone.socket.on('connect', () => phone.socket.emit('user:match'));
    await phone.connected();
    const connectedAt = performance.now();
    expect(await phone.next('user:matched')).toMatchObject({ matchId, resumed: true });
    expect(performance.now() - connectedAt).toBeLessThan(fairMs(3_000));
    expect(await bob!.next('user:partner-back')).toEqual({ matchId, initiator: false });
    expect(bob!.waiting('user:unmatched')).toEqual([]);
    await phone.request('user:leave');
    phone.close();
    // The server has closed the silent one.
    const ended = ann!.ended();
    ws._socket.resume();
    await ended;
  });

  test('another live tab that asks is refused', async () => {
    const [ann, bob] = await strangers(2);
    await meet(ann!, bob!);
    const tab = await cluster.person({ token: ann!.token });
    present.push(tab);
    expect(await tab.request('user:match')).toMatchObject({ success: false, error: { code: 'CONFLICT' } });
    await say(ann!, bob!, 'still here');
  });

  test('what is sent to a vacated seat answers UNAVAILABLE and is not relayed', async () => {
    const [ann, bob] = await strangers(2);
    await meet(ann!, bob!);
    ann!.close();
    await bob!.next('user:partner-away');
    expect(await bob!.request('chat:message', { type: 'text', content: 'hello?' })).toMatchObject({
      success: false,
      error: { code: 'UNAVAILABLE', retryable: true },
    });
  });
});

test('authenticate, user:match and ten messages in one tick, without callbacks, arrive in order', async () => {
  const [ann, bob] = await strangers(2);
  await bob!.request('user:match');
  ann!.close();
  const client = await new TestClient(cluster.url, {}).connected();
  client.socket.emit('authenticate', { token: ann!.token });
  client.socket.emit('user:match');
  for (let i = 1; i <= 10; i++) client.socket.emit('chat:message', { type: 'text', content: `number ${i}` });
  const heard: unknown[] = [];
  for (let i = 1; i <= 10; i++) heard.push((await bob!.next('chat:message')).content);
  expect(heard).toEqual(Array.from({ length: 10 }, (_, i) => `number ${i + 1}`));
  expect(client.waiting('error')).toEqual([]);
  client.close();
});

describe('blocks and reports', () => {
  test('a block ends the match, tells nobody who did it, and prevents the next', async () => {
    const [ann, bob] = await strangers(2);
    const matchId = await meet(ann!, bob!);
    expect(await ann!.request('user:report', { reason: 'spam', details: 'sells things' })).toMatchObject({
      success: true,
      reportId: expect.any(String),
    });
    expect(await ann!.request('user:block')).toMatchObject({ success: true, userId: bob!.id });
    expect(await bob!.next('user:unmatched')).toEqual({ matchId, reason: 'blocked' });
    await bob!.request('user:match');
    expect(await ann!.request('user:match')).toMatchObject({ status: 'waiting' });
    expect(ann!.waiting('user:matched')).toEqual([]);
  });

  test('nobody signals or writes to someone who is not their partner', async () => {
    const [ann, bob, eve] = await strangers(3);
    await meet(ann!, bob!);
    for (const answer of [
      await eve!.request('chat:message', { type: 'text', content: 'psst' }),
      await eve!.request('webrtc:offer', { offer: { type: 'offer', sdp: 'v=0' }, type: 'video' }),
      await eve!.request('webrtc:ice-candidate', { candidate: null }),
      await eve!.request('chat:clear'),
    ]) {
      expect(answer).toMatchObject({ success: false, error: { code: 'NOT_MATCHED' } });
    }
  });
});
