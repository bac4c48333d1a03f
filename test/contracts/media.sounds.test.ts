import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { nativeMedia } from '../../src/features/uploads/media.native.ts';
import type { Media } from '../../src/features/uploads/media.ts';
import { bytesOf, fixture, folder, refused, wav } from './media-stage.ts';
import { seededRandom } from './seeded-random.ts';

const media = nativeMedia();
const files = folder();
afterAll(async () => {
  await media.close();
  files.remove();
});

const heard = (bytes: Uint8Array, maxSeconds = 60) => media.listen(files.write(bytes), maxSeconds);
const unheard = (bytes: Uint8Array) => refused(heard(bytes), 'UNSUPPORTED_MEDIA');

/** 440 Hz, at 8 kHz: from 0 to 1 how loud, for so long. */
function tone(...parts: (readonly [level: number, seconds: number])[]): number[] {
  return parts.flatMap(([level, seconds]) =>
    Array.from({ length: seconds * 8_000 }, (_, n) => level * Math.sin((n * 440 * 2 * Math.PI) / 8_000)),
  );
}
const pcm16 = (samples: readonly number[]) => Buffer.from(Int16Array.from(samples, (x) => x * 32_767).buffer);

/** Everything that records or encodes sound here, with what it makes of 3 s. */
const SOUNDS = [
  ['chromium-opus.webm', 'audio/webm', 2_999],
  ['chromium-opus.m4a', 'audio/mp4', 3_000],
  ['opus.ogg', 'audio/ogg', 3_014],
  ['vorbis.ogg', 'audio/ogg', 3_000],
  ['aac.m4a', 'audio/mp4', 3_000],
  ['aac-fragmented.m4a', 'audio/mp4', 3_023],
  ['cover.m4a', 'audio/mp4', 3_000],
  ['cbr.mp3', 'audio/mpeg', 3_030],
  ['vbr.mp3', 'audio/mpeg', 3_030],
  ['cover.mp3', 'audio/mpeg', 3_030],
  ['pcm.wav', 'audio/wav', 3_000],
] as const;

describe('a sound', () => {
  it.each(SOUNDS)('of %s is %s of %i ms, loud for its first third', async (name, mimeType, durationMs) => {
    const sound = await media.listen(fixture(name), 60);
    expect(sound).toMatchObject({ mimeType, durationMs });
    expect(sound.waveform).toHaveLength(64);
    expect(Math.max(...sound.waveform)).toBe(100);
    expect(sound.waveform.every((level) => Number.isInteger(level) && level >= 0)).toBe(true);
    expect(Math.min(...sound.waveform.slice(1, 19))).toBeGreaterThan(50);
    expect(Math.max(...sound.waveform.slice(24))).toBeLessThan(5);
  });

  it('is as long as its packets, whatever the header says', async () => {
    const patched = (name: string, after: string, at: number, bytes: string) => {
      const file = bytesOf(name);
      file.write(bytes, file.indexOf(after) + after.length + at, 'hex');
      return file;
    };
    // Of the whole, of the track, and of each packet in it: 1/44100 s.
    for (const [box, at] of [
      ['mvhd', 16],
      ['mdhd', 16],
    ] as const) {
      expect((await heard(patched('aac.m4a', box, at, '00000001'))).durationMs).toBe(3_000);
    }
    const hurried = await heard(patched('aac.m4a', 'stts', 12, '00000001'));
    expect(hurried.durationMs).toBeGreaterThanOrEqual(3_000);
    expect(hurried.durationMs).toBeLessThan(3_100);
    // Frames in all.
    expect((await heard(patched('vbr.mp3', 'Xing', 4, '00ffffff'))).durationMs).toBe(3_030);
    const data = pcm16(tone([1, 1]));
    expect((await heard(wav({ data, dataSize: 0xffff_ffff }))).durationMs).toBe(1_000);
    expect((await heard(wav({ data, dataSize: 3_600 * 16_000 }))).durationMs).toBe(1_000);
  });

  it('is measured as far as it goes when it is cut off', async () => {
    for (const name of ['chromium-opus.webm', 'cbr.mp3', 'pcm.wav']) {
      const whole = bytesOf(name);
      const { durationMs } = await heard(whole.subarray(0, whole.length / 2));
      expect(durationMs).toBeGreaterThan(300);
      expect(durationMs).toBeLessThan(2_500);
    }
  });

  it('has the shape that one hears', async () => {
    const { waveform, durationMs } = await heard(wav({ data: pcm16(tone([0, 1], [0.25, 1], [0.5, 2])) }));
    expect(durationMs).toBe(4_000);
    expect(waveform.slice(0, 15).every((level) => level === 0)).toBe(true);
    expect(waveform.slice(17, 31).every((level) => level > 45 && level < 55)).toBe(true);
    expect(waveform.slice(33, 63).every((level) => level > 95)).toBe(true);
  });

  it('is as loud in every kind of WAV', async () => {
    const samples = tone([1, 0.5], [0, 0.5]);
    const written = (bytes: number, write: (data: Buffer, value: number, at: number) => unknown) => {
      const data = Buffer.alloc(samples.length * bytes);
      samples.forEach((sample, n) => write(data, sample, n * bytes));
      return data;
    };
    for (const [format, bits, data] of [
      [1, 8, written(1, (to, x, at) => to.writeUInt8(Math.round(128 + x * 127), at))],
      [1, 16, written(2, (to, x, at) => to.writeInt16LE(Math.round(x * 32_767), at))],
      [1, 24, written(3, (to, x, at) => to.writeIntLE(Math.round(x * 8_388_607), at, 3))],
      [1, 32, written(4, (to, x, at) => to.writeInt32LE(Math.round(x * 2_147_483_647), at))],
      [3, 32, written(4, (to, x, at) => to.writeFloatLE(x, at))],
      [3, 64, written(8, (to, x, at) => to.writeDoubleLE(x, at))],
      // The loudest and the softest of A-law and µ-law.
      [6, 8, written(1, (to, x, at) => to.writeUInt8(x === 0 ? 0xd5 : 0xaa, at))],
      [7, 8, written(1, (to, x, at) => to.writeUInt8(x === 0 ? 0xff : 0x80, at))],
    ] as const) {
      const { waveform, durationMs } = await heard(wav({ format, bits, data }));
      expect(durationMs).toBe(1_000);
      expect(Math.min(...waveform.slice(1, 31))).toBeGreaterThan(90);
      expect(Math.max(...waveform.slice(32))).toBeLessThan(2);
    }
    const stereo = pcm16(tone([1, 1]).flatMap((sample) => [sample, 0]));
    expect((await heard(wav({ channels: 2, data: stereo }))).durationMs).toBe(1_000);
  });

  it('of silence has no loudness, and of next to nothing some', async () => {
    expect((await heard(wav({ data: Buffer.alloc(16_000) }))).waveform).toEqual(Array(64).fill(0));
    const short = await heard(wav({ data: pcm16(tone([1, 0.01])) }));
    expect(short.durationMs).toBe(10);
    expect(short.waveform).toHaveLength(64);
    const mad = Buffer.from(Float32Array.from([NaN, Infinity, -1e38, 0.5]).buffer);
    const { waveform } = await heard(wav({ format: 3, bits: 32, data: Buffer.concat(Array(500).fill(mad)) }));
    expect(Math.max(...waveform)).toBe(100);
  });

  it('may be as long as the limit, and little more', async () => {
    const lasting = (seconds: number) => heard(wav({ data: Buffer.alloc(seconds * 16_000) }), 3);
    expect((await lasting(3)).durationMs).toBe(3_000);
    expect((await lasting(3.04)).durationMs).toBe(3_040);
    await refused(lasting(3.06), 'TOO_LARGE');
    await refused(lasting(300), 'TOO_LARGE');
    for (const [name] of SOUNDS) await refused(media.listen(fixture(name), 2), 'TOO_LARGE');
  });
});

describe('a sound is refused', () => {
  it('when it is not sound alone, or not one', async () => {
    for (const name of [
      'video.mp4',
      'video.webm',
      'video.mov',
      'two-tracks.webm',
      'flac.flac',
      'README.md',
    ]) {
      await refused(media.listen(fixture(name), 60), 'UNSUPPORTED_MEDIA');
    }
  });

  it('when there is nothing in it', async () => {
    await unheard(Buffer.alloc(0));
    await unheard(Buffer.alloc(10_000));
    await unheard(wav({ data: Buffer.alloc(0) }));
    await unheard(bytesOf('chromium-opus.webm').subarray(0, 200));
    const noOpus = bytesOf('chromium-opus.m4a');
    for (let at = noOpus.indexOf('mdat'); at !== -1; at = noOpus.indexOf('mdat', at + 4)) {
      noOpus.fill(0xff, at + 4, at - 4 + noOpus.readUInt32BE(at - 4));
    }
    await unheard(noOpus);
  });

  it('with sizes that no sound has', async () => {
    const data = Buffer.alloc(100_000);
    for (const rate of [0, 1, 4_000_000_000]) await unheard(wav({ rate, data }));
    for (const channels of [0, 33, 65_535]) await unheard(wav({ channels, data }));
    await unheard(wav({ bits: 12, data }));
    await unheard(wav({ format: 0x55, data }));
  });

  it.each(SOUNDS)('or heard, but never with a crash: %s with damages', { timeout: 60_000 }, async (name) => {
    const whole = bytesOf(name);
    const survived = (bytes: Uint8Array) =>
      heard(bytes).catch((error: unknown) => {
        expect(error).toMatchObject({
          name: 'AppError',
          code: expect.stringMatching(/UNSUPPORTED_MEDIA|TOO_LARGE/),
        });
      });
    const random = seededRandom(whole.length);
    for (let n = 0; n < 15; n += 1) await survived(whole.subarray(0, random() ** 2 * whole.length));
    for (let n = 0; n < 25; n += 1) {
      const damaged = Buffer.from(whole);
      for (let flips = 0; flips < 4; flips += 1) {
        // Headers are the most delicate.
        damaged[Math.floor(random() ** 3 * damaged.length)] = Math.floor(random() * 256);
      }
      await survived(damaged);
    }
    await media.listen(fixture(name), 60);
  });

  it('by no fault of its own when it is not there', async () => {
    await expect(media.listen(files.fresh(), 60)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('the thread that listens', () => {
  const thread = new URL('./stubborn-thread.ts', import.meta.url);
  let stubborn: Media;
  afterEach(() => stubborn.close());

  function told(order: 'answer' | 'linger' | 'hang' | 'crash' | 'fail') {
    writeFileSync(`${files.path}/${order}`, '');
    return stubborn.listen(`${files.path}/${order}`, 60);
  }
  const threadThatAnswers = async () => (await told('answer')).durationMs;

  it('is one for all files, until it has nothing to do', async () => {
    stubborn = nativeMedia({ thread, idleMs: 200 });
    const first = await threadThatAnswers();
    expect(await Promise.all([threadThatAnswers(), threadThatAnswers()])).toEqual([first, first]);
    await sleep(600);
    expect(await threadThatAnswers()).not.toBe(first);
  });

  it.each(['hang', 'crash'] as const)('is replaced by another when a file makes it %s', async (order) => {
    stubborn = nativeMedia({ thread, limitMs: 500 });
    const first = await threadThatAnswers();
    const refusal = refused(told(order), 'UNSUPPORTED_MEDIA');
    const next = await threadThatAnswers();
    await refusal;
    expect(next).not.toBe(first);
    expect(await threadThatAnswers()).toBe(next);
  });

  it('is replaced by another that listens', async () => {
    stubborn = nativeMedia({ limitMs: 2_000 });
    const refusal = refused(stubborn.listen(fixture('endless.webm'), 60), 'UNSUPPORTED_MEDIA');
    expect((await stubborn.listen(fixture('pcm.wav'), 60)).durationMs).toBe(3_000);
    await refusal;
  });

  it('says what fails on our side', async () => {
    stubborn = nativeMedia({ thread });
    await expect(told('fail')).rejects.toThrow('a disk that fails');
    await threadThatAnswers();
  });

  it('lets only so many wait', async () => {
    stubborn = nativeMedia({ thread, maxWaiting: 1 });
    const [one, other] = [told('linger'), told('linger')];
    await refused(told('answer'), 'UNAVAILABLE');
    await Promise.all([one, other]);
    await threadThatAnswers();
  });

  it('refuses what waits when it is closed', async () => {
    stubborn = nativeMedia({ thread });
    await threadThatAnswers();
    const waiting = [refused(told('hang'), 'UNAVAILABLE'), refused(told('answer'), 'UNAVAILABLE')];
    await sleep(50);
    await stubborn.close();
    await Promise.all(waiting);
    await refused(told('answer'), 'UNAVAILABLE');
  });
});
