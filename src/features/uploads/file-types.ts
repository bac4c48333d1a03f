import { createReadStream } from 'node:fs';
import { fileTypeFromFile } from 'file-type';
import { AppError } from '../../kernel/errors.ts';
import type { FileType } from './media.ts';

interface Taken {
  readonly mimeType: string;
  readonly extensions: readonly string[];
  readonly isImage?: true;
}

const WORD = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const EXCEL = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const POWERPOINT = 'application/vnd.openxmlformats-officedocument.presentationml.presentation';
const OPEN_DOCUMENT = 'application/vnd.oasis.opendocument';

const png: Taken = { mimeType: 'image/png', extensions: ['png', 'apng'], isImage: true };
const ogg: Taken = { mimeType: 'audio/ogg', extensions: ['ogg', 'oga', 'opus'] };
// Sound alone in these containers is not told apart from video.
const webm: Taken = { mimeType: 'video/webm', extensions: ['webm', 'weba'] };
const mp4: Taken = { mimeType: 'video/mp4', extensions: ['mp4', 'm4v', 'm4a'] };

/** What file-type calls it → what is taken as that. */
const TAKEN = new Map<string, Taken>([
  ['image/jpeg', { mimeType: 'image/jpeg', extensions: ['jpg', 'jpeg', 'jfif'], isImage: true }],
  ['image/png', png],
  ['image/apng', png],
  ['image/gif', { mimeType: 'image/gif', extensions: ['gif'], isImage: true }],
  ['image/webp', { mimeType: 'image/webp', extensions: ['webp'], isImage: true }],
  ['image/avif', { mimeType: 'image/avif', extensions: ['avif'], isImage: true }],
  ['video/mp4', mp4],
  ['video/x-m4v', mp4],
  ['video/webm', webm],
  ['video/quicktime', { mimeType: 'video/quicktime', extensions: ['mov', 'qt'] }],
  ['audio/mpeg', { mimeType: 'audio/mpeg', extensions: ['mp3'] }],
  ['audio/ogg', ogg],
  ['audio/ogg; codecs=opus', ogg],
  ['audio/x-m4a', { mimeType: 'audio/mp4', extensions: ['m4a', 'mp4'] }],
  ['audio/wav', { mimeType: 'audio/wav', extensions: ['wav'] }],
  ['audio/flac', { mimeType: 'audio/flac', extensions: ['flac'] }],
  ['application/pdf', { mimeType: 'application/pdf', extensions: ['pdf'] }],
  ['application/zip', { mimeType: 'application/zip', extensions: ['zip'] }],
  [WORD, { mimeType: WORD, extensions: ['docx'] }],
  [EXCEL, { mimeType: EXCEL, extensions: ['xlsx'] }],
  [POWERPOINT, { mimeType: POWERPOINT, extensions: ['pptx'] }],
  [`${OPEN_DOCUMENT}.text`, { mimeType: `${OPEN_DOCUMENT}.text`, extensions: ['odt'] }],
  [`${OPEN_DOCUMENT}.spreadsheet`, { mimeType: `${OPEN_DOCUMENT}.spreadsheet`, extensions: ['ods'] }],
  [`${OPEN_DOCUMENT}.presentation`, { mimeType: `${OPEN_DOCUMENT}.presentation`, extensions: ['odp'] }],
]);

const text: Taken = { mimeType: 'text/plain', extensions: ['txt', 'md', 'csv', 'log', 'json'] };

/** How long the detection of one file may go on reading. */
const DETECTION_MS = 5_000;

/** As `Media` promises it. */
export async function typeOf(path: string, name: string): Promise<FileType> {
  const extension = extensionOf(name);
  const fits = (type: Taken) => extension === '' || type.extensions.includes(extension);

  const taken = TAKEN.get((await foundIn(path)) ?? '');
  if (taken && fits(taken)) return { mimeType: taken.mimeType, isImage: taken.isImage ?? false };
  // Whatever was found: "BMW" begins like a bitmap.
  if (fits(text) && (await isPlainText(path))) return { mimeType: text.mimeType, isImage: false };
  throw new AppError(
    'UNSUPPORTED_MEDIA',
    taken
      ? `This is ${taken.mimeType}, which a name in .${extension} does not fit.`
      : 'This type of file is not taken.',
  );
}

async function foundIn(path: string): Promise<string | undefined> {
  try {
    return (await fileTypeFromFile(path, { signal: AbortSignal.timeout(DETECTION_MS) }))?.mime;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) throw error;
    return undefined;
  }
}

/** In lower case; empty when there is none. Dots and spaces at the end go, as they do on Windows. */
function extensionOf(name: string): string {
  const kept = name.replace(/[. ]+$/, '');
  const dot = kept.lastIndexOf('.');
  return dot === -1 ? '' : kept.slice(dot + 1).toLowerCase();
}

// All but tab, newline, carriage return.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
/** How every document of HTML, SVG and XML begins: more than these, and they are no loss. */
const MARKUP = /^\s*<[a-z!?/]/i;

async function isPlainText(path: string): Promise<boolean> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  /** White space goes on for as long as it likes. */
  let hasBegun = false;
  let beginning = '';
  try {
    for await (const bytes of createReadStream(path)) {
      const part = decoder.decode(bytes as Buffer, { stream: true });
      if (CONTROL.test(part)) return false;
      if (hasBegun) continue;
      beginning = (beginning + part).trimStart();
      hasBegun = beginning.length > 1;
      if (MARKUP.test(beginning)) return false;
    }
    decoder.decode();
    return true;
  } catch (error) {
    if (error instanceof TypeError) return false;
    throw error;
  }
}
