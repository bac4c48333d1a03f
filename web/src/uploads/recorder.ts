import { MediaError, closeMedia } from '../call/media.ts';
import type { MediaProblem } from '../match/state.ts';
import { createStore, type Store } from '../store.ts';
import { levelOf, typeFor, type SoundType } from './sound.ts';
import type { Recorded } from './uploads.ts';

export type Recording =
  | { readonly at: 'off' }
  /** The browser asks for the microphone. */
  | { readonly at: 'asking' }
  | { readonly at: 'refused'; readonly problem: MediaProblem | 'unsupported' }
  /** `levels`: how loud it was, the newest last, each 0–1. `full`: it has stopped by itself. */
  | { readonly at: 'on'; readonly ms: number; readonly levels: readonly number[]; readonly full: boolean };

/** Records one voice note at a time. */
export interface Recorder {
  readonly store: Store<Recording>;
  start(): Promise<void>;
  /** Nothing is kept. */
  cancel(): void;
  /** Ends it and gives what was recorded; null when that is nothing. */
  finish(): Promise<Recorded | null>;
}

/** The server takes 300 s, and counts by what is in the file. */
export const MOST_MS = 299_500;
export const LEVELS = 48;
const TICK_MS = 80;
const SLICE_MS = 500;

/** A take from the microphone to the end of its file. */
interface Take {
  readonly stream: MediaStream;
  readonly recorder: MediaRecorder;
  readonly type: SoundType;
  readonly chunks: Blob[];
  readonly startedAt: number;
  readonly stopped: Promise<void>;
  close(): void;
}

export function createRecorder(microphone: () => Promise<MediaStream>): Recorder {
  const store = createStore<Recording>({ at: 'off' });
  let take: Take | null = null;
  /** Counts starts and cancels, so that a microphone granted too late is given back. */
  let turn = 0;

  function begin(stream: MediaStream, type: Take['type']): Take {
    const recorder = new MediaRecorder(stream, { mimeType: type.mimeType, audioBitsPerSecond: 32_000 });
    const chunks: Blob[] = [];
    const startedAt = performance.now();
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    void context.resume();
    const samples = new Float32Array(analyser.fftSize);

    function tick(): void {
      const state = store.get();
      if (state.at !== 'on' || state.full) return;
      const ms = Math.min(performance.now() - startedAt, MOST_MS);
      analyser.getFloatTimeDomainData(samples);
      store.set({ ...state, ms, levels: [...state.levels.slice(1), levelOf(samples)] });
      if (ms >= MOST_MS && recorder.state !== 'inactive') recorder.stop();
    }

    const timer = setInterval(tick, TICK_MS);
    const close = () => {
      clearInterval(timer);
      closeMedia(stream);
      if (context.state !== 'closed') void context.close();
    };
    const stopped = new Promise<void>((resolve) => {
      recorder.onstop = () => {
        // By itself too: at its longest, or when the microphone was pulled out.
        close();
        const state = store.get();
        if (state.at === 'on') store.set({ ...state, full: true });
        resolve();
      };
    });
    recorder.ondataavailable = ({ data }) => {
      if (data.size > 0) chunks.push(data);
      // A window in the back gets its timers late, but not these.
      tick();
    };
    recorder.start(SLICE_MS);
    return { stream, recorder, type, chunks, startedAt, stopped, close };
  }

  function cancel(): void {
    turn++;
    const ended = take;
    take = null;
    store.set({ at: 'off' });
    if (!ended) return;
    if (ended.recorder.state !== 'inactive') ended.recorder.stop();
    ended.close();
  }

  return {
    store,
    cancel,
    async start() {
      if (take || store.get().at === 'asking') return;
      const mine = ++turn;
      const type = 'MediaRecorder' in window && typeFor((name) => MediaRecorder.isTypeSupported(name));
      if (!type) return store.set({ at: 'refused', problem: 'unsupported' });
      store.set({ at: 'asking' });
      try {
        const stream = await microphone();
        if (mine !== turn) return closeMedia(stream);
        take = begin(stream, type);
        store.set({ at: 'on', ms: 0, levels: Array.from({ length: LEVELS }, () => 0), full: false });
      } catch (error) {
        if (mine === turn)
          store.set({ at: 'refused', problem: error instanceof MediaError ? error.problem : 'failed' });
      }
    },
    async finish() {
      const ended = take;
      const state = store.get();
      if (!ended || state.at !== 'on') return null;
      const durationMs = state.full ? state.ms : Math.min(performance.now() - ended.startedAt, MOST_MS);
      turn++;
      take = null;
      store.set({ at: 'off' });
      if (ended.recorder.state !== 'inactive') ended.recorder.stop();
      await ended.stopped;
      const { mimeType, extension } = ended.type;
      const blob = new Blob(ended.chunks, { type: mimeType.split(';')[0]! });
      return blob.size === 0 ? null : { blob, name: `voice-note.${extension}`, durationMs };
    },
  };
}
