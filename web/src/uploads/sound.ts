/** What is recorded and how loud it is. Pure. */

/** In the order of preference; what the server takes and browsers make. */
const TYPES = [
  { mimeType: 'audio/webm;codecs=opus', extension: 'webm' },
  { mimeType: 'audio/mp4', extension: 'm4a' },
  { mimeType: 'audio/ogg;codecs=opus', extension: 'ogg' },
] as const;

export const typeFor = (isSupported: (mimeType: string) => boolean) =>
  TYPES.find(({ mimeType }) => isSupported(mimeType));

/** Of samples between -1 and 1: 0 at -60 dB and below, 1 at full loudness. */
export function levelOf(samples: Float32Array): number {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const loud = Math.sqrt(sum / Math.max(1, samples.length));
  return Math.min(1, Math.max(0, 1 + Math.log10(Math.max(loud, 1e-6)) / 3));
}

export type SoundType = (typeof TYPES)[number];
