import type { ApiError } from '../net/api.ts';

/** What uploads are called and why they failed. */

const decimal = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });

/** 1 536 → "2 KB" */
export function bytesWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${decimal.format(bytes / 1024 / 1024)} MB`;
}

/** 63 000 → "1:03" */
export function clockWords(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** 75 000 → "2 minutes" */
function waitWords(ms: number): string {
  const minutes = Math.ceil(ms / 60_000);
  if (minutes <= 1) return 'a minute';
  return minutes < 60 ? `${minutes} minutes` : 'an hour';
}

/** `again`: the same file may be taken later. */
export function whyNot({
  code,
  message,
  retryAfterMs,
}: Pick<ApiError, 'code' | 'message' | 'retryAfterMs'>): {
  why: string;
  again: boolean;
} {
  switch (code) {
    case 'RATE_LIMITED':
      return {
        why: `That was as many files as you can send in an hour. Please wait ${waitWords(retryAfterMs ?? 3_600_000)}.`,
        again: true,
      };
    case 'UNREACHABLE':
      return { why: 'The connection was lost on the way.', again: true };
    case 'UNAVAILABLE':
    case 'INTERNAL':
      return { why: sentence(message), again: true };
    default:
      return { why: sentence(message), again: false };
  }
}

const sentence = (message: string): string => (/[.!?]$/.test(message) ? message : `${message}.`);
