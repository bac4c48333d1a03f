import { rm } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Media, Picture } from './media.ts';
import { turns } from './turns.ts';

/** For one picture: a large animation takes some. */
const DRAWING_SECONDS = 20;

const LOADERS = ['Jpeg', 'Png', 'Nsgif', 'Webp', 'Heif'].map((format) => `VipsForeignLoad${format}File`);

/** What each is drawn as; no other is drawn. */
const OUTPUTS: Record<string, (image: Sharp) => Sharp> = {
  jpeg: (image) => image.jpeg({ quality: 85 }),
  png: (image) => image.png(),
  // Its few colours are dithered already.
  gif: (image) => image.gif({ effort: 1, dither: 0 }),
  webp: (image) => image.webp({ quality: 85, effort: 2 }),
  heif: (image) => image.webp({ quality: 85, effort: 2 }),
};

/** Draws one picture at a time, in Node's pool of threads: password hashes and files need the others. */
export function pictures(maxWaiting: number): Pick<Media, 'redraw'> {
  sharp.concurrency(1);
  sharp.cache(false);
  // SVG, PDF, TIFF and what else libvips can read never reach their parsers, whatever a file claims to be.
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: LOADERS });
  const inTurn = turns(maxWaiting);

  return {
    redraw: (path, to) =>
      inTurn(async () => {
        try {
          return await draw(path, to);
        } catch (error) {
          await Promise.all([rm(to.whole, { force: true }), rm(to.thumbnail, { force: true })]);
          throw refusalOf(error);
        }
      }),
  };
}

async function draw(path: string, to: { whole: string; thumbnail: string }): Promise<Picture> {
  const reading = { limitInputPixels: limits.imagePixels, sequentialRead: true, failOn: 'error' } as const;
  const { format, width, height, pages = 1 } = await sharp(path, reading).metadata();
  const output = OUTPUTS[format];
  if (!output) throw new AppError('UNSUPPORTED_MEDIA', 'This picture cannot be read.');
  // The pages of AVIF are pictures of their own, of which the first is meant.
  const animated = pages > 1 && format !== 'heif';
  if (animated && pages * width * height > limits.imagePixels) throw tooLarge();

  // What moves is not turned: libvips cannot, and no camera writes it.
  const image = sharp(path, { ...reading, animated });
  const whole = await output(animated ? image : image.autoOrient())
    .timeout({ seconds: DRAWING_SECONDS })
    .toFile(to.whole);
  await sharp(to.whole, reading)
    .resize({
      width: limits.thumbnailPixels,
      height: limits.thumbnailPixels,
      fit: 'inside',
      withoutEnlargement: true,
    })
    .webp({ effort: 2 })
    .timeout({ seconds: DRAWING_SECONDS })
    .toFile(to.thumbnail);
  return {
    mimeType: `image/${whole.format}`,
    size: whole.size,
    width: whole.width,
    height: whole.pageHeight ?? whole.height,
  };
}

const OURS = /^Input file is missing|^system error: /m;

const tooLarge = () =>
  new AppError(
    'TOO_LARGE',
    `A picture may have ${limits.imagePixels / 1_000_000} million pixels, in all of its frames.`,
  );

/** libvips says in words alone what is wrong, be it with the picture or, at the end, with our disk. */
function refusalOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof AppError) return error;
  const { message } = error;
  // Drawing that was stopped fails to write, too.
  if (!message.startsWith('timeout') && OURS.test(message)) return error;
  if (message.includes('exceeds pixel limit')) return tooLarge();
  return new AppError('UNSUPPORTED_MEDIA', 'This picture cannot be read.');
}
