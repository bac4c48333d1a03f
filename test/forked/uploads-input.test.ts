import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { urlSecretOf } from '../../config/secrets.ts';
import { openReader } from '../../src/drivers/sqlite.ts';
import { createSignedUrls } from '../../src/kernel/signed-urls.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { apiOf, dataOf, groupOf, refusal } from '../harness/conversation.ts';
import type { Person } from '../harness/person.ts';
import {
  fetched,
  filesIn,
  largePng,
  pdf,
  statusOf,
  upload,
  uploaded,
  wav,
  type Sent,
} from '../harness/uploads.ts';

/** What is refused, or stopped, leaves nothing behind: checked after every test. */

const MB = 1_000_000;
const JWT_SECRET = 'a-secret-of-a-test-that-is-long-enough';

let cluster: Cluster;
let ann: Person;
let bob: Person;
let before: string[];

const uploadDir = () => join(cluster.dataDir, '../uploads');
const kept = () => filesIn(uploadDir()).sort();

beforeAll(async () => {
  cluster = await startCluster({ workers: 2, env: { JWT_SECRET } });
  [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
  await uploaded(cluster.url, ann.token, 'file', { name: 'a.pdf', bytes: pdf() });
  before = kept();
  expect(before).toHaveLength(1);
});
afterAll(() => cluster.stop());
afterEach(async () => {
  await expect.poll(kept).toEqual(before);
});

const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
const gif = Buffer.from('GIF89a/*<script>alert(1)</script>');
const zip = Buffer.from('504b0506000000000000000000000000000000000000', 'hex');

describe('is refused', () => {
  test.each<[string, Partial<Sent> & { text?: string }, number, string]>([
    ['an HTML page', { name: 'a.html', text: '<!doctype html><script>1</script>' }, 415, 'UNSUPPORTED_MEDIA'],
    ['one called a text', { name: 'a.txt.html', text: 'hello' }, 415, 'UNSUPPORTED_MEDIA'],
    ['an SVG', { name: 'a.svg', text: svg }, 415, 'UNSUPPORTED_MEDIA'],
    ['one called a picture', { name: 'a.png', text: svg, type: 'image/png' }, 415, 'UNSUPPORTED_MEDIA'],
    ['a polyglot', { name: 'a.gif', bytes: gif, type: 'image/gif' }, 415, 'UNSUPPORTED_MEDIA'],
    ['a program', { name: 'a.exe', bytes: Buffer.from('MZ\u0090\0\u0003\0\0\0') }, 415, 'UNSUPPORTED_MEDIA'],
    ['no file that is known', { name: 'a.bin', bytes: randomBytes(100) }, 415, 'UNSUPPORTED_MEDIA'],
    ['another extension', { name: 'a.jpg', bytes: pdf(), type: 'image/jpeg' }, 415, 'UNSUPPORTED_MEDIA'],
    ['an archive called a document', { name: 'a.pdf', bytes: zip }, 415, 'UNSUPPORTED_MEDIA'],
    ['half a picture', { name: 'a.png', bytes: largePng(9, 9).subarray(0, 60) }, 415, 'UNSUPPORTED_MEDIA'],
    ['a decompression bomb', { name: 'a.png', bytes: largePng(30_000, 30_000) }, 413, 'TOO_LARGE'],
    ['11 MB', { name: 'a.pdf', bytes: pdf(Buffer.alloc(11 * MB)) }, 413, 'TOO_LARGE'],
    ['a path', { name: '../../a.pdf', bytes: pdf() }, 400, 'BAD_INPUT'],
    ['a path of Windows', { name: '..\\a.pdf', bytes: pdf() }, 400, 'BAD_INPUT'],
    ['an absolute path', { name: '/etc/cron.d/a.pdf', bytes: pdf() }, 400, 'BAD_INPUT'],
    ['a long name', { name: `${'a'.repeat(300)}.pdf`, bytes: pdf() }, 400, 'BAD_INPUT'],
    ['an empty file', { name: 'a.pdf', bytes: Buffer.alloc(0) }, 400, 'BAD_INPUT'],
    ['another field', { name: 'a.pdf', bytes: pdf(), field: 'files' }, 400, 'BAD_INPUT'],
  ])('%s', async (_, { text = '', ...sent }, status, code) => {
    const given = { name: '', bytes: Buffer.from(text), ...sent };
    const answer = await upload(cluster.url, ann.token, 'file', given);
    expect(answer).toMatchObject({ status, body: refusal(code) });
  });

  test.each<[string, Partial<Sent>]>([
    ['a picture', { bytes: largePng(9, 9) }],
    ['a text', { bytes: Buffer.from('hello') }],
    ['noise', { bytes: randomBytes(5_000) }],
    ['the beginning of one', { bytes: Buffer.from('1a45dfa3a34286810142f7810142f2810442', 'hex') }],
  ])('%s as a voice note', async (_, sent) => {
    const answer = await upload(cluster.url, ann.token, 'voice', {
      name: 'a.webm',
      bytes: Buffer.alloc(0),
      ...sent,
    });
    expect(answer).toMatchObject({ status: 415, body: refusal('UNSUPPORTED_MEDIA') });
  });

  test('301 s of sound, of which 299 s are taken', async () => {
    const long = { name: 'long.wav', bytes: wav(301) };
    expect(await upload(cluster.url, ann.token, 'voice', long)).toMatchObject({
      status: 413,
      body: refusal('TOO_LARGE'),
    });
    const given = await uploaded(cluster.url, ann.token, 'voice', { name: 'a.wav', bytes: wav(299) });
    expect(given).toMatchObject({ mimeType: 'audio/wav', durationMs: 299_000 });
    expect(given.waveform).toHaveLength(64);
    await dataOf(apiOf(cluster, ann.token).delete(`/api/upload/${given.id}`));
  });

  test('whoever has no token, before anything is read', async () => {
    const sent = { name: 'a.pdf', bytes: pdf() };
    for (const token of [undefined, 'forged']) {
      const answer = await upload(cluster.url, token, 'file', sent);
      expect(answer).toMatchObject({ status: 401, body: refusal('UNAUTHENTICATED') });
    }
  });

  test('what is no form', async () => {
    const api = apiOf(cluster, ann.token);
    for (const body of [undefined, { file: 'x' }]) {
      expect(await api.post('/api/upload/file', body)).toMatchObject({
        status: 400,
        body: refusal('BAD_INPUT'),
      });
    }
  });

  test('a stranger’s link, and an expired one', async () => {
    const [{ url }] = [await uploaded(cluster.url, ann.token, 'file', { name: 'b.pdf', bytes: pdf() })];
    const [path] = url.split('?') as [string];
    const then = createSignedUrls(
      [urlSecretOf(JWT_SECRET)],
      { now: () => Date.now() - 7_200_001 },
      3_600_000,
    );
    const now = createSignedUrls([urlSecretOf(JWT_SECRET)], { now: () => Date.now() }, 3_600_000);
    expect(await statusOf(cluster.url, now.sign(path).url)).toBe(200);
    expect(await statusOf(cluster.url, then.sign(path).url)).toBe(404);
    expect(await statusOf(cluster.url, path, bob.token)).toBe(404);
    expect(await statusOf(cluster.url, now.sign(`${path}/thumbnail`).url)).toBe(404);
    await apiOf(cluster, ann.token).delete(`/api${path.replace('uploads', 'upload')}`);
  });
});

describe('is stopped', () => {
  /** A request whose body ends in the middle. */
  async function stopped(kind: 'file' | 'voice', bytes: Buffer): Promise<void> {
    const head = `--x\r\nContent-Disposition: form-data; name="${kind}"; filename="a.pdf"\r\n\r\n`;
    const call = request(`${cluster.url}/api/upload/${kind}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ann.token}`,
        'content-type': 'multipart/form-data; boundary=x',
        'content-length': String(5 * MB),
      },
    });
    call.on('error', () => {});
    call.write(head);
    call.write(bytes);
    // It has arrived: there is a file.
    await expect.poll(() => kept().length).toBe(before.length + 1);
    call.destroy();
  }

  test.each(['file', 'voice'] as const)('a %s', async (kind) => {
    await stopped(kind, pdf(randomBytes(2 * MB)));
  });
});

test('is in use no more when its message, or its conversation, is gone: whoever ended it', async () => {
  const { id } = await uploaded(cluster.url, ann.token, 'file', { name: 'a.pdf', bytes: pdf() });
  const db = openReader(cluster.dataDir);
  const uses = () =>
    db.get<{ n: number }>('SELECT count(*) AS n FROM upload_uses WHERE upload_id = ?', id)!.n;
  const post = async () => {
    const chatId = String(await groupOf(cluster, ann, []));
    const said = await ann.raw('chat:message', { chatId, type: 'file', content: id });
    expect(said).toMatchObject({ success: true });
    return { chatId, messageId: (said as unknown as { id: string }).id };
  };
  const places = [await post(), await post(), await post()] as const;
  expect(uses()).toBe(3);
  const api = apiOf(cluster, ann.token);
  expect(await ann.raw('chat:delete', { messageId: places[0].messageId })).toEqual({ success: true });
  expect(uses()).toBe(2);
  await dataOf(api.delete(`/api/v1/channels/${places[1].chatId}`));
  expect(uses()).toBe(1);
  // The last one to leave takes it along.
  await dataOf(api.post(`/api/v1/channels/${places[2].chatId}/leave`));
  expect(uses()).toBe(0);
  db.close();
  await dataOf(api.delete(`/api/upload/${id}`));
});

describe('picture and sound', () => {
  test('an avatar is for everybody who is shown the profile, as long as it is one', async () => {
    const { default: sharp } = await import('sharp');
    const picture = (colour: string) =>
      sharp({ create: { width: 900, height: 600, channels: 3, background: colour } })
        .withExif({ IFD3: { GPSLatitude: '52/1 31/1 0/1' } })
        .jpeg()
        .toBuffer();
    const api = apiOf(cluster, bob.token);
    const change = (avatar: unknown) =>
      fetch(`${cluster.url}/api/users/me`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${bob.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ avatar }),
      }).then(async (answer) => ({ status: answer.status, body: (await answer.json()) as never }));
    const give = async (colour: string) =>
      uploaded(cluster.url, bob.token, 'file', { name: 'me.JPG', bytes: await picture(colour) });

    const first = await give('red');
    expect(first).toMatchObject({ mimeType: 'image/jpeg', width: 900, height: 600 });
    const shown = await fetched(cluster.url, first.url);
    expect(shown.bytes.includes('Exif')).toBe(false);
    expect(shown.bytes.length).toBe(first.size);
    expect(shown.headers.get('content-disposition')).toBe('inline; filename=me.JPG');
    const small = await sharp((await fetched(cluster.url, first.thumbnailUrl!)).bytes).metadata();
    expect(small).toMatchObject({ format: 'webp', width: 320, height: 213 });

    const path = `/uploads/${first.id}`;
    expect(await statusOf(cluster.url, path)).toBe(404);
    expect(await change(first.url)).toMatchObject({
      status: 200,
      body: { data: { user: { avatar: path } } },
    });
    expect(await statusOf(cluster.url, path)).toBe(200);
    expect(await api.delete(`/api/upload/${first.id}`)).toMatchObject({
      status: 409,
      body: refusal('CONFLICT'),
    });

    const others = await uploaded(cluster.url, ann.token, 'file', {
      name: 'x.jpg',
      bytes: await picture('blue'),
    });
    expect(await change(others.url)).toMatchObject({ status: 404, body: refusal('NOT_FOUND') });
    const letter = await uploaded(cluster.url, bob.token, 'file', { name: 'x.pdf', bytes: pdf() });
    expect(await change(letter.url)).toMatchObject({ status: 400, body: refusal('BAD_INPUT') });
    expect(await statusOf(cluster.url, path)).toBe(200);

    const second = await give('green');
    await change(second.id);
    expect(await statusOf(cluster.url, path)).toBe(404);
    expect(await change(null)).toMatchObject({ body: { data: { user: { avatar: null } } } });
    expect(await statusOf(cluster.url, `/uploads/${second.id}`)).toBe(404);

    for (const { id } of [first, second, letter]) await dataOf(api.delete(`/api/upload/${id}`));
    await dataOf(apiOf(cluster, ann.token).delete(`/api/upload/${others.id}`));
  });
});

test('ten an hour from one address, whoever they are of', async () => {
  const strict = await startCluster({ workers: 2, env: { RATE_LIMIT_UPLOAD_MAX: '10' } });
  try {
    const people = (await strict.strangers(2)) as [Person, Person];
    const answers = [];
    for (let n = 0; n < 11; n++) {
      answers.push(
        await upload(n % 2 ? strict.url : strict.httpUrl, people[n % 2]!.token, n % 3 ? 'file' : 'voice', {
          name: 'a.pdf',
          bytes: pdf(),
        }),
      );
    }
    expect(answers.map(({ status }) => status)).toEqual([
      ...[415, 201, 201, 415, 201, 201, 415, 201, 201, 415],
      429,
    ]);
    expect(answers.at(-1)!.headers.get('retry-after')).toMatch(/^\d+$/);
  } finally {
    await strict.stop();
  }
});

describe('40 of 2 MB at once', () => {
  const FILES = 40;
  const sha1 = (bytes: Uint8Array) => createHash('sha1').update(bytes).digest('hex');
  /** Its highest so far, in bytes. */
  const peakOf = (pid: number) =>
    Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) * 1_024;

  test.each(['httpUrl', 'url'] as const)('arrive whole over %s', async (port) => {
    const primary = cluster.process.pid!;
    // From here on: what it held before counts no more.
    writeFileSync(`/proc/${primary}/clear_refs`, '5');
    const peakBefore = peakOf(primary);
    const files = Array.from({ length: FILES }, () => pdf(randomBytes(2 * MB)));
    const given = await Promise.all(
      files.map((bytes) => uploaded(cluster[port], ann.token, 'file', { name: 'a.pdf', bytes })),
    );
    const back = await Promise.all(given.map(async ({ url }) => (await fetched(cluster[port], url)).bytes));
    expect(back.map(sha1)).toEqual(files.map(sha1));
    // Nothing of it passes the primary there.
    if (port === 'httpUrl') expect(peakOf(primary) - peakBefore).toBeLessThan(10 * MB);
    await Promise.all(given.map(({ id }) => dataOf(apiOf(cluster, ann.token).delete(`/api/upload/${id}`))));
  });
});
