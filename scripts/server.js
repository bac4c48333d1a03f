import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { NODE, ROOT } from './paths.js';

/** A terminal's Ctrl-C arrives twice, from the terminal and from npm: within this time it is one. */
const SAME_SIGNAL_MS = 300;
const PARENT_CHECK_MS = 1_000;

/**
 * Starts src/main.ts on Node 24, in a session of its own: a terminal signals whole process groups, and the server
 * must hear of a stop once. The IPC channel tells it when this process dies without a word, so that
 * nobody is orphaned.
 *
 * @param {Record<string, string | undefined>} env
 */
export function startServer(env) {
  const child = spawn(NODE, [join(ROOT, 'src', 'main.ts')], {
    cwd: process.cwd(),
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...env, REALTIME_CHAT_BOOTSTRAP: '1' },
  });
  child.once('error', (error) => {
    console.error(`The server could not be started: ${error.message}`);
    process.exit(1);
  });
  relayMessages(child);
  return child;
}

/** A process manager's channel (PM2: `ready`, `shutdown`) reaches through to the server. */
function relayMessages(child) {
  const toServer = (message) => child.connected && child.send(message, ignore);
  child.on('message', (message) => process.connected && process.send(message, ignore));
  process.on('message', toServer);
  child.once('exit', () => process.off('message', toServer));
}

/** A channel that closed meanwhile is no error: the exit that follows says all. */
function ignore() {}

/**
 * Calls back with the signal to pass on, once for each time somebody meant one. A terminal that was closed
 * (SIGHUP), and an npm that was killed, mean SIGTERM.
 *
 * @param {(signal: 'SIGINT' | 'SIGTERM') => void} stop
 */
export function onStop(stop) {
  let lastAt = -Infinity;
  const once = (signal) => {
    const now = performance.now();
    if (now - lastAt < SAME_SIGNAL_MS) return;
    lastAt = now;
    stop(signal);
  };
  process.on('SIGINT', () => once('SIGINT'));
  process.on('SIGTERM', () => once('SIGTERM'));
  process.on('SIGHUP', () => once('SIGTERM'));
  watchNpm(() => once('SIGTERM'));
}

/** `kill -9` of npm tells its children nothing, but they get another parent. */
function watchNpm(gone) {
  if (!process.env['npm_lifecycle_event']) return;
  const parent = process.ppid;
  const watching = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watching);
    gone();
  }, PARENT_CHECK_MS);
  watching.unref();
}

/** Ends this process as the server ended: with its code, or by its signal. */
export function endLike(code, signal) {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}
