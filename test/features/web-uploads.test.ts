import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ApiError, dataOf } from '../../web/src/net/api.ts';
import { createQueue } from '../../web/src/talk/queue.ts';
import type { Pending } from '../../web/src/talk/state.ts';
import {
  barsOf,
  fitted,
  isPicture,
  isSound,
  uploadedIn,
  type Uploaded,
} from '../../web/src/uploads/attached.ts';
import { createLinks, newest } from '../../web/src/uploads/links.ts';
import { levelOf, typeFor } from '../../web/src/uploads/sound.ts';
import { keyOf, reduce, type Item, type Target, type TrayEvent } from '../../web/src/uploads/tray.ts';
import { createUploads, MOST_ITEMS } from '../../web/src/uploads/uploads.ts';
import { bytesWords, clockWords, whyNot } from '../../web/src/uploads/words.ts';

const ID = 'AAAAAAAAAAAAAAAAAAAAAA';
const START = Date.parse('2026-03-05T10:00:00.000Z');
const HOUR_MS = 3_600_000;

const uploaded = (more: Partial<Uploaded> = {}): Uploaded => ({
  id: ID,
  url: `/uploads/${ID}?expires=1&signature=a-b_c`,
  expiresAt: new Date(START + HOUR_MS).toISOString(),
  name: 'notes.txt',
  mimeType: 'text/plain',
  size: 12,
  ...more,
});
const picture = {
  width: 640,
  height: 480,
  thumbnailUrl: `/uploads/${ID}/thumbnail?expires=1&signature=x`,
};

const failure = (code: string, status: number, retryAfterMs: number | null = null) =>
  new ApiError(code, `It is ${code}`, status, {}, retryAfterMs);

beforeEach(() => void vi.useFakeTimers({ now: START }));
afterEach(() => vi.useRealTimers());

describe('the page: what a partner sends as an upload', () => {
  it('takes a file, a picture and a voice note', () => {
    expect(uploadedIn(uploaded())).toEqual(uploaded());
    const drawn = uploadedIn(uploaded(picture))!;
    expect(isPicture(drawn)).toBe(true);
    const heard = uploadedIn(uploaded({ durationMs: 3_000, waveform: [0, 50, 100] }))!;
    expect(isSound(heard)).toBe(true);
  });

  it('takes nothing that leads elsewhere', () => {
    for (const url of [
      'https://example.org/uploads/x',
      '//example.org/uploads/x',
      'javascript:alert(1)',
      '/uploads/',
      `/uploads/${ID}#<`,
      '/api/auth/logout',
      7,
    ])
      expect(uploadedIn({ ...uploaded(), url }), String(url)).toBeNull();
    for (const content of [null, 'text', 5, [], {}, { ...uploaded(), id: '../x' }])
      expect(uploadedIn(content)).toBeNull();
    expect(uploadedIn({ ...uploaded(picture), thumbnailUrl: 'https://example.org/x' })).not.toHaveProperty(
      'thumbnailUrl',
    );
  });

  it('leaves out what makes no sense', () => {
    const strange = uploadedIn({
      ...uploaded(picture),
      name: 7,
      size: -1,
      width: Infinity,
      durationMs: Number.NaN,
      waveform: 'x',
    });
    expect(strange).toEqual({
      ...uploaded({ name: 'File', size: 0 }),
    });
    const loud = uploadedIn({
      ...uploaded(),
      durationMs: 5,
      waveform: [-3, 300, 'x', ...Array(100).fill(1)],
    });
    expect(loud!.waveform).toHaveLength(64);
    expect(loud!.waveform!.slice(0, 4)).toEqual([0, 100, 0, 1]);
  });
});

describe('the page: what is on its way', () => {
  const key = keyOf({ is: 'chat', id: '7' });
  const item = (id: string, more: Partial<Item> = {}): Item => ({
    id,
    kind: 'file',
    name: `${id}.txt`,
    size: 1,
    preview: null,
    durationMs: null,
    caption: '',
    step: { at: 'chosen' },
    ...more,
  });
  const after = (...events: TrayEvent[]) => events.reduce(reduce, {});

  it('gives the words to the first that was chosen, and releases only those', () => {
    const failed = item('a', { step: { at: 'failed', why: 'no', again: true }, caption: 'old' });
    const trays = after(
      { type: 'added', key, items: [failed, item('b'), item('c')] },
      { type: 'released', key, caption: 'Look' },
    );
    expect(trays[key]).toMatchObject([
      { caption: 'old', step: { at: 'failed' } },
      { caption: 'Look', step: { at: 'waiting' } },
      { caption: '', step: { at: 'waiting' } },
    ]);
  });

  it('leaves nothing behind, and ignores what is gone', () => {
    const trays = after({ type: 'added', key, items: [item('a')] }, { type: 'gone', key, id: 'a' });
    expect(trays).toEqual({});
    const late: TrayEvent[] = [
      { type: 'step', key, id: 'a', step: { at: 'sending', share: 1 } },
      { type: 'gone', key, id: 'a' },
      { type: 'released', key, caption: 'x' },
      { type: 'cleared', key },
    ];
    for (const event of late) expect(reduce(trays, event)).toBe(trays);
  });
});

describe('the page: uploading', () => {
  const chat: Target = { is: 'chat', id: '7' };
  const match: Target = { is: 'match', id: 'm1' };
  const file = (name: string, type = 'text/plain') => new File(['x'], name, { type });

  /** A server whose answers are given by hand. */
  function desk() {
    const posts: {
      name: string;
      signal: AbortSignal;
      share(share: number): void;
      done(more?: Partial<Uploaded>): void;
      fail(error: ApiError): void;
    }[] = [];
    const delivered: unknown[] = [];
    const discarded: string[] = [];
    const shown = new Set<string>();
    const world = { there: true };
    let ids = 0;
    const uploads = createUploads({
      post: ({ name, signal, onShare }) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(failure('UNREACHABLE', 0)));
          posts.push({
            name,
            signal,
            share: onShare,
            done: (more) => resolve(uploaded({ name, ...more })),
            fail: reject,
          });
        }),
      discard: (id) => void discarded.push(id),
      deliver(to, { kind, upload }, caption) {
        if (world.there) delivered.push([keyOf(to), kind, upload.name, caption]);
        return world.there;
      },
      newId: () => `item-${++ids}`,
      previews: {
        make({ name, type }) {
          if (!type.startsWith('image/')) return null;
          shown.add(name);
          return name;
        },
        drop: (preview) => void shown.delete(preview),
      },
    });
    const steps = (to: Target = chat) => (uploads.store.get()[keyOf(to)] ?? []).map(({ step }) => step.at);
    return { uploads, posts, delivered, discarded, shown, world, steps };
  }
  const settle = () => vi.advanceTimersByTimeAsync(0);

  it('sends several one after the other, in their order, with the words at the first', async () => {
    const { uploads, posts, delivered, shown, steps } = desk();
    expect(uploads.choose(chat, [file('a.png', 'image/png'), file('b.txt')])).toBeNull();
    expect([steps(), posts.length, shown.size]).toEqual([['chosen', 'chosen'], 0, 1]);
    uploads.release(chat, 'Look');
    expect(steps()).toEqual(['sending', 'waiting']);
    posts[0]!.share(0.5);
    expect(uploads.store.get()[keyOf(chat)]![0]!.step).toEqual({ at: 'sending', share: 0.5 });
    posts[0]!.done();
    await settle();
    expect([steps(), shown.size]).toEqual([['sending'], 0]);
    posts[1]!.done();
    await settle();
    expect(delivered).toEqual([
      ['chat 7', 'file', 'a.png', 'Look'],
      ['chat 7', 'file', 'b.txt', ''],
    ]);
    expect(uploads.store.get()).toEqual({});
  });

  it('lets one conversation not wait for another', () => {
    const { uploads, posts } = desk();
    uploads.choose(chat, [file('a.txt')]);
    uploads.release(chat, '');
    uploads.sendVoice(match, { blob: new Blob(['x']), name: 'voice-note.webm', durationMs: 3_000 });
    expect(posts.map(({ name }) => name)).toEqual(['a.txt', 'voice-note.webm']);
  });

  it('cancels what is being sent, goes on with the next, and leaves nothing', async () => {
    const { uploads, posts, delivered, discarded, steps } = desk();
    uploads.choose(chat, [file('a.txt'), file('b.txt')]);
    uploads.release(chat, '');
    uploads.remove(chat, 'item-1');
    expect(posts[0]!.signal.aborted).toBe(true);
    await settle();
    expect([steps(), posts.length]).toEqual([['sending'], 2]);
    posts[1]!.done();
    await settle();
    expect(delivered).toEqual([['chat 7', 'file', 'b.txt', '']]);
    expect(discarded).toEqual([]);
  });

  it('removes from the server what was cancelled in the last moment, or has nobody to go to', async () => {
    const { uploads, posts, delivered, discarded, world } = desk();
    uploads.choose(chat, [file('a.txt'), file('b.txt')]);
    uploads.release(chat, '');
    posts[0]!.done();
    uploads.remove(chat, 'item-1');
    await settle();
    expect(discarded).toEqual([ID]);
    world.there = false;
    posts[1]!.done();
    await settle();
    expect([delivered, discarded.length]).toEqual([[], 2]);
  });

  it('keeps what was on its way when the connection went, and tries again when told to', async () => {
    const { uploads, posts, delivered, steps } = desk();
    uploads.choose(chat, [file('a.txt')]);
    uploads.release(chat, 'Look');
    posts[0]!.fail(failure('UNREACHABLE', 0));
    await settle();
    expect(uploads.store.get()[keyOf(chat)]).toMatchObject([{ step: { at: 'failed', again: true } }]);
    uploads.retry(chat, 'item-1');
    expect(steps()).toEqual(['sending']);
    posts[1]!.done();
    await settle();
    expect(delivered).toEqual([['chat 7', 'file', 'a.txt', 'Look']]);
  });

  it('goes on after one that is not taken', async () => {
    const { uploads, posts, steps } = desk();
    uploads.choose(chat, [file('a.exe'), file('b.txt')]);
    uploads.release(chat, '');
    posts[0]!.fail(failure('UNSUPPORTED_MEDIA', 415));
    await settle();
    expect(steps()).toEqual(['failed', 'sending']);
  });

  it('ends everything of a match that is over', async () => {
    const { uploads, posts, delivered, shown } = desk();
    uploads.choose(match, [file('a.png', 'image/png'), file('b.png', 'image/png')]);
    uploads.release(match, '');
    uploads.clear(match);
    await settle();
    expect([posts.length, posts[0]!.signal.aborted, delivered, shown.size]).toEqual([1, true, [], 0]);
    expect(uploads.store.get()).toEqual({});
  });

  it('takes ten at a time, under names that the server takes', () => {
    const { uploads } = desk();
    const many = Array.from({ length: MOST_ITEMS + 1 }, (_, at) => file(`${at}.txt`));
    expect(uploads.choose(chat, many)).toContain('At most 10');
    uploads.choose(match, [file(`${'x'.repeat(300)}.pdf`)]);
    const [{ name }] = uploads.store.get()[keyOf(match)] as [Item];
    expect([name.length, name.slice(-5)]).toEqual([200, 'x.pdf']);
  });
});

describe('the page: addresses that expire', () => {
  function desk() {
    const asked: { id: string; answer(upload: Uploaded): void; fail(error: ApiError): void }[] = [];
    const links = createLinks({
      ask: (id) => new Promise((resolve, reject) => asked.push({ id, answer: resolve, fail: reject })),
      now: () => Date.now(),
    });
    const best = (upload: Uploaded) => newest(upload, links.store.get()[upload.id]);
    return { links, asked, best, settle: () => vi.advanceTimersByTimeAsync(0) };
  }
  const renewed = uploaded({
    url: `/uploads/${ID}?expires=2`,
    expiresAt: new Date(START + 3 * HOUR_MS).toISOString(),
  });

  it('asks once for however many fail, and goes on with the new one', async () => {
    const { links, asked, best, settle } = desk();
    expect(best(uploaded())).toMatchObject({ attempt: 0, gone: false });
    for (let n = 0; n < 3; n++) links.failed(uploaded(), 0);
    expect(asked).toHaveLength(1);
    asked[0]!.answer(renewed);
    await settle();
    expect(best(uploaded())).toEqual({ upload: renewed, attempt: 1, gone: false });
    // The last of those that had the old one.
    links.failed(uploaded(), 0);
    expect([asked.length, best(uploaded()).gone]).toEqual([1, false]);
  });

  it('says that it is gone when the new one fails at once too, but not hours later', async () => {
    const { links, asked, best, settle } = desk();
    links.failed(uploaded(), 0);
    asked[0]!.answer(renewed);
    await settle();
    vi.setSystemTime(START + 4 * HOUR_MS);
    links.failed(renewed, 1);
    expect([asked.length, best(uploaded()).gone]).toEqual([2, false]);
    asked[1]!.answer(uploaded({ expiresAt: new Date(START + 6 * HOUR_MS).toISOString() }));
    await settle();
    links.failed(best(uploaded()).upload, 2);
    expect([asked.length, best(uploaded()).gone]).toEqual([2, true]);
  });

  it('is gone for whoever may not see it, and tried again after a break', async () => {
    const refused = desk();
    refused.links.failed(uploaded(), 0);
    refused.asked[0]!.fail(failure('NOT_FOUND', 404));
    await refused.settle();
    expect(refused.best(uploaded()).gone).toBe(true);

    const { links, asked, best, settle } = desk();
    links.failed(uploaded(), 0);
    asked[0]!.fail(failure('UNREACHABLE', 0));
    await settle();
    expect(best(uploaded())).toMatchObject({ attempt: 0, gone: false });
    links.again();
    // From the same address: the server signs for an hour at a time.
    asked[1]!.answer(uploaded());
    await settle();
    expect(best(uploaded())).toMatchObject({ attempt: 1, gone: false });
    links.again();
    expect(asked).toHaveLength(2);
  });

  it('renews before use only what has expired', async () => {
    const { links, asked } = desk();
    expect(await links.usable(uploaded())).toEqual(uploaded());
    vi.setSystemTime(START + 2 * HOUR_MS);
    const usable = links.usable(uploaded());
    asked[0]!.answer(renewed);
    expect(await usable).toEqual(renewed);
    expect(await links.usable(uploaded())).toEqual(renewed);
    expect(asked).toHaveLength(1);
  });

  it('prefers what a message brings when that lasts longer', async () => {
    const { links, asked, best, settle } = desk();
    links.failed(uploaded(), 0);
    asked[0]!.answer(uploaded());
    await settle();
    expect(best(renewed).upload).toBe(renewed);
  });
});

describe('the page: unsent uploads over a reload', () => {
  it('keeps the upload with its message, and no upload that is none', () => {
    const entries = new Map<string, string>();
    const shelf = {
      get length() {
        return entries.size;
      },
      key: (index: number) => [...entries.keys()][index] ?? null,
      getItem: (key: string) => entries.get(key) ?? null,
      setItem: (key: string, value: string) => void entries.set(key, value),
      removeItem: (key: string) => void entries.delete(key),
    };
    const queue = createQueue(shelf);
    const item: Pending = {
      tempId: 'a',
      chatId: '7',
      text: '',
      attached: { kind: 'voice', upload: uploaded({ durationMs: 3_000, waveform: [1] }) },
      at: START,
      delivery: 'waiting',
    };
    queue.put('1', item);
    expect(queue.read('1')).toEqual([item]);
    queue.put('1', { ...item, attached: { kind: 'file', upload: uploaded({ url: 'https://x' }) } });
    expect(queue.read('1')).toEqual([]);
  });
});

describe('the page: words and measures of uploads', () => {
  it('says how large and how long', () => {
    expect([0, 1_023, 1_536, 10 * 1024 * 1024].map(bytesWords)).toEqual(['0 B', '1023 B', '2 KB', '10 MB']);
    expect([0, 2_600, 63_000, 299_500].map(clockWords)).toEqual(['0:00', '0:03', '1:03', '5:00']);
  });

  it('says why not, and whether trying again helps', () => {
    expect(whyNot(failure('RATE_LIMITED', 429, 12 * 60_000 - 1))).toEqual({
      why: 'That was as many files as you can send in an hour. Please wait 12 minutes.',
      again: true,
    });
    expect(whyNot(failure('TOO_LARGE', 413))).toEqual({ why: 'It is TOO_LARGE.', again: false });
    expect(whyNot(failure('UNSUPPORTED_MEDIA', 415)).again).toBe(false);
    expect(whyNot(failure('UNREACHABLE', 0)).again).toBe(true);
    // Of a proxy in front, which knows no envelope.
    expect(() => dataOf(413, null, null)).toThrow(expect.objectContaining({ code: 'TOO_LARGE' }) as Error);
  });

  it('fits pictures into a square, and waveforms into bars', () => {
    expect(fitted(1_000, 500, 260)).toEqual({ width: 260, height: 130 });
    expect(fitted(20, 10, 260)).toEqual({ width: 20, height: 10 });
    expect(fitted(10_000, 1, 260)).toEqual({ width: 260, height: 1 });
    expect(barsOf([1, 5, 2, 9], 2)).toEqual([5, 9]);
    expect(barsOf([], 2)).toEqual([0, 0]);
    expect(barsOf([7], 3)).toEqual([7, 7, 7]);
  });

  it('measures loudness, and chooses what the browser can record', () => {
    expect(levelOf(new Float32Array(64))).toBe(0);
    expect(levelOf(new Float32Array(64).fill(1))).toBe(1);
    expect(levelOf(new Float32Array(64).fill(0.1))).toBeCloseTo(2 / 3);
    expect(typeFor(() => true)?.mimeType).toBe('audio/webm;codecs=opus');
    expect(typeFor((type) => type === 'audio/mp4')?.extension).toBe('m4a');
    expect(typeFor(() => false)).toBeUndefined();
  });
});
