import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { AppError, type ErrorCode } from '../../kernel/errors.ts';
import type { Media, Sound } from './media.ts';
import { turns } from './turns.ts';

/** What the thread is asked. */
export interface Job {
  readonly path: string;
  readonly maxSeconds: number;
}

/** What the thread says: `ready` once, then one of the others for each job. */
export type Answer =
  | { readonly is: 'ready' }
  | { readonly is: 'sound'; readonly sound: Sound }
  | { readonly is: 'refused'; readonly code: ErrorCode; readonly message: string }
  /** Not the file's fault. */
  | { readonly is: 'failed'; readonly error: unknown };

export interface SoundsOptions {
  /** For one file. Whatever takes longer is refused. */
  readonly limitMs: number;
  /** The thread ends after so long without a file. */
  readonly idleMs: number;
  /** Files that wait for another one. */
  readonly maxWaiting: number;
  /** What runs as the thread. */
  readonly thread: URL;
}

const START_MS = 30_000;
/** Of the thread's heap alone: what it decodes lies outside. */
const MAX_HEAP_MB = 128;

const unheard = () => new AppError('UNSUPPORTED_MEDIA', 'This sound cannot be read.');
const closing = () => new AppError('UNAVAILABLE', 'The server is shutting down.');

/** Listens to one file at a time, in a thread that dies with a file that it cannot cope with. */
export function sounds(options: Partial<SoundsOptions>): Pick<Media, 'listen' | 'close'> {
  const {
    limitMs = 10_000,
    idleMs = 30_000,
    maxWaiting = 32,
    thread: entry = new URL('./sound-thread.ts', import.meta.url),
  } = options;
  const inTurn = turns(maxWaiting);
  let thread: Worker | null = null;
  let idle: NodeJS.Timeout | undefined;
  let closed = false;

  async function running(): Promise<Worker> {
    if (thread) return thread;
    const started = new Worker(entry, {
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MB },
    });
    thread = started;
    // Its death is seen by whoever waits for an answer.
    started.on('error', () => {});
    started.once('exit', () => {
      if (thread === started) thread = null;
    });
    if ((await nextAnswer(started, START_MS))?.is === 'ready') return started;
    await started.terminate();
    throw closed ? closing() : new Error('the thread that listens does not start');
  }

  async function ask(job: Job): Promise<Answer> {
    const asked = await running();
    asked.ref();
    const answer = nextAnswer(asked, limitMs);
    asked.postMessage(job);
    const given = await answer;
    if (!given) {
      await asked.terminate();
      throw closed ? closing() : unheard();
    }
    asked.unref();
    idle = setTimeout(() => {
      thread = null;
      void asked.terminate();
    }, idleMs).unref();
    return given;
  }

  return {
    listen: (path, maxSeconds) =>
      inTurn(async () => {
        await stat(path);
        if (closed) throw closing();
        clearTimeout(idle);
        const answer = await ask({ path, maxSeconds });
        if (answer.is === 'sound') return answer.sound;
        if (answer.is === 'refused') throw new AppError(answer.code, answer.message);
        throw answer.is === 'failed' ? answer.error : new Error(`the thread that listens says ${answer.is}`);
      }),
    async close() {
      closed = true;
      clearTimeout(idle);
      await thread?.terminate();
    },
  };
}

/** Null when the thread ends first, or says nothing for so long. */
async function nextAnswer(thread: Worker, waitMs: number): Promise<Answer | null> {
  const { promise, resolve } = Promise.withResolvers<Answer | null>();
  const none = () => resolve(null);
  const timer = setTimeout(none, waitMs);
  thread.once('message', resolve).once('exit', none);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    thread.off('message', resolve).off('exit', none);
  }
}
