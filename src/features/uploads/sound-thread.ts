/** Entry of the thread that listens to voice notes (`sounds`). */
import { parentPort } from 'node:worker_threads';
import { AppError } from '../../kernel/errors.ts';
import { listenTo } from './sound.ts';
import type { Answer, Job } from './sounds.ts';

if (!parentPort) throw new Error('sound-thread.ts runs in a thread: use sounds');
const port = parentPort;
const say = (answer: Answer) => port.postMessage(answer);

// The decoders tell the console about every packet that is broken.
console.error = console.warn = console.log = console.info = () => {};

// What a parser left running may fail when its file has its answer, and another is listened to.
process.on('unhandledRejection', () => {});

async function answerTo({ path, maxSeconds }: Job): Promise<Answer> {
  try {
    return { is: 'sound', sound: await listenTo(path, maxSeconds) };
  } catch (error) {
    if (error instanceof AppError) return { is: 'refused', code: error.code, message: error.message };
    // The file system's: every other is what a parser threw over the file.
    if (error instanceof Error && 'syscall' in error) return { is: 'failed', error };
    return { is: 'refused', code: 'UNSUPPORTED_MEDIA', message: 'This sound cannot be read.' };
  }
}

port.on('message', (job: Job) => void answerTo(job).then(say));
say({ is: 'ready' });
