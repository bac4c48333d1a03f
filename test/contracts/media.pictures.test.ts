import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nativeMedia } from '../../src/features/uploads/media.native.ts';
import type { Media } from '../../src/features/uploads/media.ts';
import { png } from '../harness/uploads.ts';
import { folder, refused } from './media-stage.ts';
import { seededRandom } from './seeded-random.ts';

const files = folder();
let media: Media;
beforeAll(() => void (media = nativeMedia()));
afterAll(async () => {
  await media.close();
  files.remove();
});

/** Red on the left, blue on the right. */
function twoColours(width = 600, height = 400): Sharp {
  const right = { create: { width: width / 2, height, channels: 3, background: 'blue' } } as const;
  return sharp({ create: { width, height, channels: 3, background: 'red' } }).composite([
    { input: right, left: width / 2, top: 0 },
  ]);
}

async function saved(picture: Sharp): Promise<string> {
  const path = files.fresh();
  await picture.toFile(path);
  return path;
}

/** `frames` many of these pixels, each of one colour. */
async function animation(format: 'gif' | 'webp', frames: number, width: number, height: number) {
  const colours = Array.from({ length: frames }, (_, n) => ({ r: (n * 40) % 256, g: n % 256, b: 0 }));
  const pages = await Promise.all(
    colours.map((background) => saved(sharp({ create: { width, height, channels: 3, background } }).png())),
  );
  return saved(
    sharp(pages, { join: { animated: true }, limitInputPixels: false }).toFormat(format, { effort: 1 }),
  );
}

async function redrawn(path: string) {
  const to = { whole: files.fresh(), thumbnail: files.fresh() };
  const picture = await media.redraw(path, to);
  return {
    picture,
    path: to.whole,
    bytes: readFileSync(to.whole),
    whole: await sharp(to.whole).metadata(),
    thumbnail: await sharp(to.thumbnail).metadata(),
  };
}

async function unpainted(
  content: string | Buffer,
  code: 'UNSUPPORTED_MEDIA' | 'TOO_LARGE' = 'UNSUPPORTED_MEDIA',
) {
  const to = { whole: files.fresh(), thumbnail: files.fresh() };
  const path = typeof content === 'string' ? content : files.write(content);
  await refused(media.redraw(path, to), code);
  expect([existsSync(to.whole), existsSync(to.thumbnail)]).toEqual([false, false]);
}

describe('a picture is drawn anew', () => {
  it.each([
    ['jpeg', 'jpeg'],
    ['png', 'png'],
    ['gif', 'gif'],
    ['webp', 'webp'],
    ['avif', 'webp'],
  ] as const)('from %s as %s, with a small one', async (from, as) => {
    const { picture, whole, thumbnail, bytes } = await redrawn(await saved(twoColours().toFormat(from)));
    expect(picture).toEqual({ mimeType: `image/${as}`, size: bytes.length, width: 600, height: 400 });
    expect(whole).toMatchObject({ format: as, width: 600, height: 400 });
    expect(thumbnail).toMatchObject({ format: 'webp', width: 320, height: 213 });
  });

  it('upright, and without what came with it', async () => {
    const source = await saved(
      twoColours()
        .jpeg()
        .withExif({
          IFD0: { Copyright: 'ann the photographer' },
          IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
        })
        .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"><a>ann the author</a></x:xmpmeta>')
        .withMetadata({ orientation: 6, icc: 'p3' }),
    );
    expect(await sharp(source).metadata()).toMatchObject({ orientation: 6, width: 600, hasProfile: true });
    expect(readFileSync(source).includes('ann the photographer')).toBe(true);

    const { picture, whole, bytes, thumbnail, path } = await redrawn(source);
    expect(picture).toMatchObject({ width: 400, height: 600 });
    expect(thumbnail).toMatchObject({ width: 213, height: 320 });
    for (const { exif, xmp, icc, orientation } of [whole, thumbnail]) {
      expect([exif, xmp, icc, orientation]).toEqual([undefined, undefined, undefined, undefined]);
    }
    expect(bytes.includes('ann')).toBe(false);
    // What was left is at the top now.
    const { data } = await sharp(path).raw().toBuffer({ resolveWithObject: true });
    expect([data[0]! > 200, data[2]! < 60]).toEqual([true, true]);
  });

  it('without what was hung on to its end', async () => {
    const source = await saved(twoColours().png());
    writeFileSync(source, '<script>alert(1)</script>', { flag: 'a' });
    expect((await redrawn(source)).bytes.includes('script')).toBe(false);
  });

  it.each(['gif', 'webp'] as const)(
    'moving as it was (%s), with a small one of its beginning',
    async (format) => {
      const { picture, whole, thumbnail } = await redrawn(await animation(format, 5, 60, 40));
      expect(picture).toMatchObject({ mimeType: `image/${format}`, width: 60, height: 40 });
      expect(whole).toMatchObject({ format, pages: 5 });
      expect(thumbnail).toMatchObject({ width: 60, height: 40 });
      expect(thumbnail.pages ?? 1).toBe(1);
    },
  );

  it('with what shines through', async () => {
    const glass = {
      create: { width: 10, height: 10, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0.5 } },
    } as const;
    const { whole, thumbnail } = await redrawn(await saved(sharp(glass).png()));
    expect([whole.hasAlpha, thumbnail.hasAlpha]).toEqual([true, true]);
  });
});

describe('a picture is refused', () => {
  it('above the limit of pixels, at once', async () => {
    const bomb = pngBomb(30_000);
    const started = performance.now();
    await unpainted(bomb, 'TOO_LARGE');
    expect(performance.now() - started).toBeLessThan(3_000);
  });

  it.each(['gif', 'webp'] as const)(
    'above the limit of pixels in all of its frames together (%s)',
    { timeout: 30_000 },
    async (format) => {
      await unpainted(await animation(format, 41, 1_000, 1_000), 'TOO_LARGE');
    },
  );

  it('of another format, whatever can be read', async () => {
    await unpainted(await saved(twoColours().tiff()));
    await unpainted(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'));
    await unpainted(Buffer.from('%PDF-1.4'));
    await unpainted(Buffer.from('GIF89a<script>alert(1)</script>'));
    await unpainted(Buffer.from('P6 1 1 255 abc'));
    await unpainted(Buffer.alloc(0));
  });

  it.each(['jpeg', 'png', 'gif', 'webp', 'avif'] as const)(
    'when it is cut off (%s), and never with a crash',
    { timeout: 30_000 },
    async (format) => {
      const whole = readFileSync(await saved(noise().toFormat(format)));
      for (const part of [0.1, 0.3, 0.5, 0.7, 0.9]) await unpainted(whole.subarray(0, whole.length * part));

      const random = seededRandom(7);
      for (let n = 0; n < 25; n += 1) {
        const broken = Buffer.from(whole);
        for (let flips = 0; flips < 4; flips += 1) {
          // Headers are the most delicate.
          broken[Math.floor(random() ** 3 * broken.length)] = Math.floor(random() * 256);
        }
        await redrawn(files.write(broken)).catch((error: unknown) => {
          expect(error).toMatchObject({
            name: 'AppError',
            code: expect.stringMatching(/UNSUPPORTED_MEDIA|TOO_LARGE/),
          });
        });
      }
    },
  );

  it('for a while when too many wait', async () => {
    const path = await saved(twoColours().png());
    const all = await Promise.allSettled(Array.from({ length: 40 }, () => redrawn(path)));
    const refusals = all.filter((one) => one.status === 'rejected').map(({ reason }) => reason as unknown);
    expect(refusals).toHaveLength(7);
    for (const reason of refusals) expect(reason).toMatchObject({ code: 'UNAVAILABLE' });
    await redrawn(path);
  });

  it('by no fault of its own when the disk is at fault', async () => {
    const path = await saved(twoColours().png());
    const nowhere = { whole: `${files.path}/no/such`, thumbnail: `${files.path}/no/folder` };
    const failure = await media.redraw(path, nowhere).catch((error: unknown) => error);
    expect(failure).not.toMatchObject({ name: 'AppError' });
    await expect(redrawn(files.fresh())).rejects.not.toMatchObject({ name: 'AppError' });
  });
});

function noise(): Sharp {
  const gaussian = { type: 'gaussian', mean: 128, sigma: 50 } as const;
  return sharp({ create: { width: 120, height: 120, channels: 3, background: 'red', noise: gaussian } });
}

/** Some hundred kilobytes that would be gigabytes. */
const pngBomb = (side: number) => png(side, side, Buffer.alloc((side / 8 + 1) * side));
