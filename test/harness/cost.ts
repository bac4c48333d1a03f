/** For vitest, as one of its `setupFiles`: what each test file costs, for the list that `npm test` ends with. */
import { readFileSync } from 'node:fs';
import { afterAll } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Of the process that ran the file and of those that it started and saw end. */
    cpuMs?: number;
  }
}

const TICK_MS = 10;

/** proc(5): utime, stime, cutime and cstime are the fields 14 to 17; the name before them may have blanks. */
function cpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ');
  return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks) * TICK_MS, 0);
}

// The first hook of a file is the last one to run.
afterAll(({}, { meta }) => {
  if (process.platform === 'linux') meta.cpuMs = cpuMs();
});
