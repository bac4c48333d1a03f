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

/**
 * A microphone that can be closed on its own. During a call it is the call's: some browsers silence the call when a page opens the
 * device a second time. Not muted, whatever the call is. @throws MediaError
 */
export async function openMicrophone(calling: MediaStream | null): Promise<MediaStream> {
  const [track] = calling?.getAudioTracks() ?? [];
  if (track?.readyState !== 'live') return openMedia('audio');
  const copy = track.clone();
  copy.enabled = true;
  return new MediaStream([copy]);
}
