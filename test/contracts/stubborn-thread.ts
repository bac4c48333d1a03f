/** In the place of the thread that listens: what it does is the file's name, what it hears its own number. */
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, threadId } from 'node:worker_threads';
import type { Answer, Job } from '../../src/features/uploads/sounds.ts';

const say = (answer: Answer) => parentPort!.postMessage(answer);

async function obey({ path }: Job): Promise<void> {
  const order = basename(path);
  if (order === 'hang') for (;;);
  if (order === 'crash') throw new Error('a file that kills');
  if (order === 'fail') return say({ is: 'failed', error: new Error('a disk that fails') });
  if (order === 'linger') await sleep(100);
  say({ is: 'sound', sound: { mimeType: 'audio/wav', durationMs: threadId, waveform: [] } });
}

parentPort!.on('message', (job: Job) => void obey(job));
say({ is: 'ready' });
