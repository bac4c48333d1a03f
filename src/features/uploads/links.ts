import type { SignedUrls } from '../../kernel/signed-urls.ts';
import type { Uploaded } from './contract.ts';
import type { Upload } from './uploads.ts';

/** Where the bytes are. Signed it works for everybody, unsigned for whoever may see it. */
export const pathOf = (id: string): string => `/uploads/${id}`;
export const thumbnailPathOf = (id: string): string => `${pathOf(id)}/thumbnail`;

/** The id in what a client sends on: an upload's answer, its URL in whatever form, or its id. Null when it names none. */
export function idIn(content: unknown): string | null {
  if (typeof content === 'string') {
    return /^(?:.*\/uploads\/)?([A-Za-z0-9_-]{22})(?:[/?#].*)?$/s.exec(content)?.[1] ?? null;
  }
  const { id, url } = (content ?? {}) as { id?: unknown; url?: unknown };
  return idIn(typeof id === 'string' ? id : typeof url === 'string' ? url : '');
}

/** As whoever may see it is shown it, with URLs that work from now on. */
export function shown(
  upload: Pick<Upload, 'id' | 'name' | 'mimeType' | 'size' | 'dimensions' | 'sound'>,
  urls: Pick<SignedUrls, 'sign'>,
): Uploaded {
  const { id, name, mimeType, size, dimensions, sound } = upload;
  const { url, expiresAt } = urls.sign(pathOf(id));
  return {
    id,
    url,
    expiresAt: new Date(expiresAt).toISOString(),
    name,
    mimeType,
    size,
    ...(dimensions && { ...dimensions, thumbnailUrl: urls.sign(thumbnailPathOf(id)).url }),
    ...(sound && { durationMs: sound.durationMs, waveform: [...sound.waveform] }),
  };
}
