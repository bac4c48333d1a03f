import type { ApiError } from '../net/api.ts';
import type { EndReason, Match, MediaProblem } from '../match/state.ts';
import type { SessionNews } from '../session/session.ts';

/** What the page says, by what happened. */

export const newsWords: Readonly<Record<SessionNews, string>> = {
  ended: 'Your session was ended, here or from another place. Please start again.',
  expired: 'Your guest pass has expired. Please start again.',
  'new-guest': 'Your guest pass was no longer valid, so you have a new name.',
};

export const mediaWords: Readonly<Record<MediaProblem, { title: string; help: string }>> = {
  refused: {
    title: 'Camera and microphone are blocked',
    help: 'Your browser said no. Allow them for this page, usually through the icon beside the address, then try again.',
  },
  missing: {
    title: 'No camera or microphone found',
    help: 'Plug one in and try again, or go on in text.',
  },
  busy: {
    title: 'Camera or microphone is in use',
    help: 'Another program or tab seems to hold it. Close that one and try again.',
  },
  insecure: {
    title: 'Calls need a secure address',
    help: 'Browsers share camera and microphone only with pages opened over https or on this very machine.',
  },
  failed: {
    title: 'Camera or microphone did not start',
    help: 'The browser gave no reason. Try again, or go on in text.',
  },
};

export const microphoneWords: Readonly<Record<MediaProblem | 'unsupported', string>> = {
  refused:
    'The microphone is blocked. Allow it for this page, usually through the icon beside the address, then try again.',
  missing: 'No microphone was found. Plug one in and try again.',
  busy: 'Another program or tab seems to hold the microphone. Close that one and try again.',
  insecure:
    'Browsers share the microphone only with pages opened over https or on this very machine, so nothing can be recorded here.',
  unsupported: 'This browser cannot record sound in a form that can be sent.',
  failed: 'The microphone did not start, and the browser gave no reason.',
};

export function endWords(why: EndReason, { partner }: Match): string {
  switch (why) {
    case 'left':
      return `${partner.name} has left.`;
    case 'skipped':
      return `${partner.name} moved on to somebody else.`;
    case 'disconnected':
      return `${partner.name} lost the connection and did not come back.`;
    case 'blocked':
      return `You blocked ${partner.name}. You will not meet again.`;
    case 'lost':
      return 'Your connection was away for too long, so this chat ended.';
  }
}

/** 75 000 → "1 min 15 s" */
export function duration(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const rest = seconds % 60;
  return rest === 0 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 60)} min ${rest} s`;
}

export function apiWords({ code, message, retryAfterMs }: ApiError): string {
  if (code === 'RATE_LIMITED') {
    return retryAfterMs === null
      ? 'Too many attempts. Please wait a few minutes.'
      : `Too many attempts. Please wait ${duration(retryAfterMs)}.`;
  }
  if (code === 'UNREACHABLE')
    return 'The server cannot be reached. Please check your connection and try again.';
  return message;
}
