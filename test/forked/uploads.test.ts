import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupOf, refusal } from '../harness/conversation.ts';
import { meet } from '../harness/match.ts';
import type { Person } from '../harness/person.ts';
import { startCluster } from '../harness/topology.ts';
import { fetched, pdf, statusOf, uploaded, type Uploaded } from '../harness/uploads.ts';

/** Files are for those they were sent to: in conversations of every dialect, to a match partner, and as an avatar. */

let cluster: Cluster;
let ann: Person;
let bob: Person;
let eve: Person;

beforeAll(async () => {
  cluster = await startCluster({ workers: 2 });
  [ann, bob, eve] = (await cluster.strangers(3)) as [Person, Person, Person];
});
afterAll(() => cluster.stop());

const give = (who: Person, name = 'letter.pdf', bytes: Uint8Array = pdf(randomBytes(64))) =>
  uploaded(cluster.url, who.token, 'file', { name, bytes });

/** What each may fetch without a signature: a token, or none. */
const mayFetch = async ({ id }: Pick<Uploaded, 'id'>, ...people: (Person | null)[]) =>
  Promise.all(people.map(async (who) => (await statusOf(cluster.url, `/uploads/${id}`, who?.token)) === 200));

describe('an upload', () => {
  test('is its uploader’s alone, and anybody’s who has its signed URL', async () => {
    const bytes = pdf(randomBytes(50_000));
    const given = await give(ann, 'Brief (1) “Ä”.pdf', bytes);
    expect(given).toEqual({
      id: expect.stringMatching(/^[\w-]{22}$/),
      url: expect.stringMatching(new RegExp(`^/uploads/${given.id}\\?expires=\\d+&signature=[\\w-]{22}$`)),
      expiresAt: expect.any(String),
      name: 'Brief (1) “Ä”.pdf',
      mimeType: 'application/pdf',
      size: bytes.length,
    });
    const lastsMs = Date.parse(given.expiresAt) - Date.now();
    expect(lastsMs).toBeGreaterThan(59 * 60_000);
    expect(lastsMs).toBeLessThanOrEqual(120 * 60_000);

    for (const url of [cluster.url, cluster.httpUrl]) {
      expect((await fetched(url, given.url)).bytes).toEqual(bytes);
      expect((await fetched(url, `/uploads/${given.id}`, { token: ann.token })).bytes).toEqual(bytes);
    }
    expect(await mayFetch(given, ann, bob, null)).toEqual([true, false, false]);
    const forged = given.url.replace(/expires=\d+/, 'expires=9999999999');
    expect(await statusOf(cluster.url, forged)).toBe(404);
    expect(await statusOf(cluster.url, `${given.url.slice(0, -1)}_`)).toBe(404);

    const described = await dataOf<Uploaded>(apiOf(cluster, ann.token).get(`/api/upload/${given.id}`));
    expect(described).toEqual(given);
    expect(await apiOf(cluster, bob.token).get(`/api/upload/${given.id}`)).toMatchObject({
      status: 404,
      body: refusal('NOT_FOUND'),
    });
  });

  test('is answered with ranges, an ETag, and nothing that a browser could run', async () => {
    const bytes = pdf(randomBytes(1_000));
    const { url } = await give(ann, 'a.pdf', bytes);
    const whole = await fetched(cluster.url, url);
    expect(Object.fromEntries(whole.headers)).toMatchObject({
      'content-type': 'application/pdf',
      'content-length': String(bytes.length),
      'content-disposition': 'attachment; filename=a.pdf',
      'content-security-policy': "default-src 'none'; sandbox",
      'x-content-type-options': 'nosniff',
      'accept-ranges': 'bytes',
      'cache-control': expect.stringContaining('private'),
    });
    const etag = whole.headers.get('etag')!;
    // Else fetch says no-cache by itself.
    const again = { 'if-none-match': etag, 'cache-control': 'max-age=0' };
    expect((await fetched(cluster.url, url, again)).status).toBe(304);

    const part = await fetched(cluster.url, url, { range: 'bytes=10-19' });
    expect(part.status).toBe(206);
    expect(part.headers.get('content-range')).toBe(`bytes 10-19/${bytes.length}`);
    expect(part.bytes).toEqual(bytes.subarray(10, 20));
    expect((await fetched(cluster.url, url, { range: 'bytes=-5' })).bytes).toEqual(bytes.subarray(-5));
    expect((await fetched(cluster.url, url, { range: 'bytes=5-', 'if-range': '"x"' })).status).toBe(200);
    const beyond = await fetched(cluster.url, url, { range: 'bytes=99999-' });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`]);

    const head = await fetch(cluster.url + url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)]);
  });

  test('is deleted by its uploader alone, wherever it is', async () => {
    const given = await give(ann);
    const remove = (who: Person) => apiOf(cluster, who.token).delete(`/api/upload/${given.id}`);
    expect(await remove(bob)).toMatchObject({ status: 404, body: refusal('NOT_FOUND') });
    expect(await statusOf(cluster.url, given.url)).toBe(200);
    expect((await remove(ann)).status).toBe(200);
    expect(await statusOf(cluster.url, given.url)).toBe(404);
    expect((await remove(ann)).status).toBe(404);
  });
});

describe('in a conversation', () => {
  test('goes from each dialect to all who may read it, and to nobody else', async () => {
    const group = await groupOf(cluster, ann, [bob]);
    const [chatId, readers] = [String(group), [ann, bob, eve, null]];
    for (const who of [ann, bob]) {
      await who.request('chat:join', chatId);
      await who.request('join_channel', { channel_id: group });
      await who.request('join_room', chatId);
    }
    const ways: Record<string, (file: Uploaded) => Promise<unknown>> = {
      'C, by the answer': (file) =>
        ann.request('chat:message', { chatId, type: 'file', content: { ...file, caption: 'Look' } }),
      'C, by its URL': (file) => ann.request('chat:message', { chatId, type: 'file', content: file.url }),
      'D, by its URL': (file) =>
        ann.request('message', { type: 'channel.message', data: { channel_id: group, url: file.url } }),
      'D, over HTTP': (file) =>
        apiOf(cluster, ann.token).post('/api/v1/messages', { channelId: group, url: file.id, text: 'Look' }),
      E: (file) => ann.request('send_message', { roomId: chatId, type: 'file', content: file.id }),
    };
    for (const [way, send] of Object.entries(ways)) {
      const file = await give(ann, `${way}.pdf`.replace(/[, ]+/g, ' '));
      expect(await mayFetch(file, ...readers), way).toEqual([true, false, false, false]);
      const caption = /answer|HTTP/.test(way) ? 'Look' : '';
      await send(file);

      const inC = await bob.next('chat:message', (said) => 'upload' in said && said.upload?.id === file.id);
      expect(inC, way).toMatchObject({ type: 'file', content: caption, fileName: file.name, upload: file });
      const inD = await bob.next('message', ({ fileName }) => fileName === file.name);
      expect(inD, way).toMatchObject({ type: 'file', text: caption, url: file.url });
      const inE = await bob.next('room_message', ({ fileName }) => fileName === file.name);
      expect(inE, way).toMatchObject({ type: 'file', content: caption, url: file.url });
      expect(await mayFetch(file, ...readers), way).toEqual([true, true, false, false]);
      expect(await statusOf(cluster.url, inD.url!), way).toBe(200);
    }
    const page = await dataOf<{ messages: { upload: Uploaded | null }[] }>(
      apiOf(cluster, bob.token).get(`/api/conversations/${chatId}/messages`),
    );
    expect(page.messages.map(({ upload }) => upload?.name)).toHaveLength(Object.keys(ways).length);

    // Whoever comes may read, whoever goes may not.
    const members = `/api/v1/channels/${group}/users`;
    await apiOf(cluster, ann.token).post(members, { userIds: [Number(eve.id)] });
    const last = page.messages.at(-1)!.upload!;
    expect(await mayFetch(last, ...readers)).toEqual([true, true, true, false]);
    await apiOf(cluster, ann.token).delete(`${members}?userId=${bob.id}`);
    expect(await mayFetch(last, ...readers)).toEqual([true, false, true, false]);
  });

  test('a message that is sent again, and one that is deleted', async () => {
    const group = await groupOf(cluster, ann, [bob]);
    const [chatId, tempId] = [String(group), 'a-temporary-id-of-16'];
    const file = await give(ann);
    const say = async () =>
      (await ann.request('chat:message', { chatId, type: 'file', content: file.url, tempId })) as unknown as {
        id: string;
        message: { upload: Uploaded };
      };
    const first = await say();
    expect(await say()).toEqual(first);
    expect(first.message.upload).toEqual(file);
    await ann.request('chat:delete', { messageId: first.id });
    expect(await mayFetch(file, ann, bob)).toEqual([true, false]);
  });

  test('only an upload of the sender’s own', async () => {
    const chatId = String(await groupOf(cluster, ann, [bob]));
    const [own, others] = [await give(ann), await give(bob)];
    for (const content of [others.url, others, { id: others.id }, 'A'.repeat(22), '/uploads/nothing', {}]) {
      expect(await ann.raw('chat:message', { chatId, type: 'file', content })).toMatchObject(
        refusal('NOT_FOUND'),
      );
    }
    for (const content of ['', 7, null, [], { ...own, caption: 7 }]) {
      expect(await ann.raw('chat:message', { chatId, type: 'file', content })).toMatchObject(
        refusal('BAD_INPUT'),
      );
    }
    const caption = 'x'.repeat(4_001);
    expect(
      await ann.raw('chat:message', { chatId, type: 'file', content: { ...own, caption } }),
    ).toMatchObject(refusal('TOO_LARGE'));
    // Who may not write hands nothing out either.
    expect(
      await eve.raw('chat:message', { chatId, type: 'file', content: (await give(eve)).url }),
    ).toMatchObject(refusal('NOT_FOUND'));
    expect(await mayFetch(own, ann, bob)).toEqual([true, false]);
  });
});

describe('in a match', () => {
  test('the partner, on another worker, gets it signed and may fetch it; nobody else may', async () => {
    const [cy, dan] = (await cluster.strangers(2)) as [Person, Person];
    await meet(cy, dan);
    const file = await give(cy);
    await cy.request('chat:message', { type: 'file', content: { ...file, note: 7 } });
    expect(await dan.next('chat:message')).toMatchObject({ type: 'file', content: { ...file, note: 7 } });
    await cy.request('chat:message', { type: 'file', content: `/uploads/${file.id}` });
    expect(await dan.next('chat:message')).toMatchObject({ content: file.url });
    expect(await mayFetch(file, cy, dan, ann, null)).toEqual([true, true, false, false]);

    const theirs = await give(dan);
    expect(await cy.raw('chat:message', { type: 'file', content: theirs })).toMatchObject(
      refusal('NOT_FOUND'),
    );
    for (const content of ['https://example.org/a.pdf', { url: 'data:text/plain,x' }]) {
      await cy.request('chat:message', { type: 'file', content });
      expect(await dan.next('chat:message')).toMatchObject({ content });
    }
  });
});
