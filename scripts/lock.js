import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 1_000;
const ABANDONED_AFTER_MS = 15_000;

/**
 * Does the work while no other process does, or not at all when `isDone` turns true while it waits.
 * The lock is a file that its holder touches: one whose holder died, also by kill -9, is taken over.
 *
 * @param {string} file
 * @param {() => boolean} isDone asked again once the lock is held
 * @param {() => Promise<void>} work
 */
export async function withLock(file, isDone, work) {
  const mine = `${hostname()} ${process.pid} ${Date.now()}`;
  for (let saidSo = false; !take(file, mine); await sleep(200)) {
    if (!saidSo) console.log('Another process sets up this folder: waiting for it…');
    saidSo = true;
  }
  const release = () => {
    if (contentOf(file) === mine) rmSync(file);
  };
  const touching = setInterval(() => touch(file), TOUCH_EVERY_MS);
  process.on('exit', release);
  try {
    if (!isDone()) await work();
  } finally {
    clearInterval(touching);
    process.off('exit', release);
    release();
  }
}

function take(file, mine) {
  try {
    writeFileSync(file, mine, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return removeAbandoned(file) && take(file, mine);
    console.error(`Something must be installed or built, and this folder cannot be written (${error.code}).`);
    process.exit(1);
  }
}

/** True when there is nothing in the way any more. */
function removeAbandoned(file) {
  const holder = contentOf(file);
  if (holder === undefined) return true;
  if (!isAbandoned(file, holder)) return false;
  // Two that see the same dead holder must not remove each other's new lock: renaming succeeds for one of
  // them, and the one that finds itself with another lock than it judged puts it back.
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
    if (contentOf(aside) !== holder) {
      renameSync(aside, file);
      return false;
    }
    rmSync(aside);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  return true;
}

function isAbandoned(file, holder) {
  const [host, pid] = holder.split(' ');
  if (host === hostname() && pid && !isAlive(Number(pid))) return true;
  const touchedAt = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return Date.now() - touchedAt > ABANDONED_AFTER_MS;
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function contentOf(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function touch(file) {
  try {
    utimesSync(file, new Date(), new Date());
  } catch (error) {
    // Taken over, because this process was stopped for long: its work goes on, nothing is lost but time.
    if (error.code !== 'ENOENT') throw error;
  }
}
