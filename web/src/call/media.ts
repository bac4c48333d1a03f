import type { MediaProblem } from '../match/state.ts';

export class MediaError extends Error {
  readonly problem: MediaProblem;

  constructor(problem: MediaProblem) {
    super(`no camera or microphone: ${problem}`);
    this.problem = problem;
  }
}

const PROBLEM: Readonly<Record<string, MediaProblem>> = {
  NotAllowedError: 'refused',
  SecurityError: 'refused',
  NotFoundError: 'missing',
  OverconstrainedError: 'missing',
  NotReadableError: 'busy',
  AbortError: 'busy',
};

/** Microphone, and camera for video. @throws MediaError */
export async function openMedia(kind: 'audio' | 'video'): Promise<MediaStream> {
  // Browsers hide the devices from pages that came over plain http from another machine.
  if (!window.isSecureContext || !('mediaDevices' in navigator)) throw new MediaError('insecure');
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: true, noiseSuppression: true },
      video: kind === 'video' && { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: 'user' },
    });
  } catch (error) {
    throw new MediaError(PROBLEM[(error as DOMException).name] ?? 'failed');
  }
}

export function closeMedia(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
