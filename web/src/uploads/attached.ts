import type { Uploaded } from '../../../src/features/uploads/contract.ts';

export type { Uploaded };

/** An upload as it stands in a message. */
export interface Attached {
  readonly kind: 'file' | 'voice';
  readonly upload: Uploaded;
}

/** Only addresses of uploads on this very server are shown or followed. */
const ADDRESS = /^\/uploads\/[\w-][\w/.-]*(\?[\w=&.%~-]*)?$/;

export const isUploadAddress = (url: unknown): url is string => typeof url === 'string' && ADDRESS.test(url);

const text = (value: unknown): value is string => typeof value === 'string';
const positive = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value > 0;

/** What another client sent as an upload; null when it is none. Whatever makes no sense in it is left out. */
export function uploadedIn(content: unknown): Uploaded | null {
  if (typeof content !== 'object' || content === null) return null;
  const { id, url, expiresAt, name, mimeType, size, ...more } = content as Record<string, unknown>;
  if (!text(id) || !/^[\w-]{22}$/.test(id) || !isUploadAddress(url)) return null;
  if (!text(expiresAt) || Number.isNaN(Date.parse(expiresAt))) return null;
  const { width, height, thumbnailUrl, durationMs, waveform } = more;
  const isPicture = positive(width) && positive(height) && isUploadAddress(thumbnailUrl);
  return {
    id,
    url,
    expiresAt,
    name: text(name) && name ? name.slice(0, 200) : 'File',
    mimeType: text(mimeType) ? mimeType : '',
    size: positive(size) ? size : 0,
    ...(isPicture && { width, height, thumbnailUrl }),
    ...(positive(durationMs) && { durationMs, waveform: loudness(waveform) }),
  };
}

const loudness = (waveform: unknown): number[] =>
  Array.isArray(waveform)
    ? waveform.slice(0, 64).map((part) => (positive(part) ? Math.min(part, 100) : 0))
    : [];

export type Picture = Uploaded & { width: number; height: number; thumbnailUrl: string };
export type Sound = Uploaded & { durationMs: number; waveform: number[] };

export const isPicture = (upload: Uploaded): upload is Picture =>
  upload.thumbnailUrl !== undefined && upload.width !== undefined && upload.height !== undefined;

export const isSound = (upload: Uploaded): upload is Sound =>
  upload.durationMs !== undefined && upload.waveform !== undefined;

/** The largest size of the same shape within a square; nothing is made larger than it is. */
export function fitted(width: number, height: number, side: number): { width: number; height: number } {
  const scale = Math.min(1, side / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}

/** So many bars out of a waveform of any length: each the loudest of its part. */
export function barsOf(waveform: readonly number[], count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => {
    const from = Math.floor((at * waveform.length) / count);
    const to = Math.max(from + 1, Math.floor(((at + 1) * waveform.length) / count));
    return Math.max(0, ...waveform.slice(from, to));
  });
}
