/**
 * `npm run dev`: the server with one worker, started again when its files change; the page is built again when
 * its files do. `--cluster`: as many workers as WORKERS says, or one per core.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { prepare } from './bootstrap.js';
import { filesIn } from './files.js';
import { buildPage, pageIsStale, pageSources } from './page.js';
import { ROOT } from './paths.js';
import { endLike, onStop, startServer } from './server.js';

/** Looking at times, instead of asking the kernel for changes, works on every platform and mounted folder. */
const LOOK_EVERY_MS = 500;
const KILL_AFTER_MS = 5_000;

const env = { ...process.env };
env['DRAIN_TIMEOUT_MS'] ||= '1000';
if (!process.argv.includes('--cluster')) env['WORKERS'] ||= '1';

let server;
let stopping = false;
let restarting = false;

await prepare({ page: true, tools: true });
start();
onStop((signal) => {
  stopping = true;
  if (server) server.kill(signal);
  else process.exit(0);
});
watch(serverFiles, restart);
watch(pageSources, rebuild);

function start() {
  server = startServer(env);
  server.once('exit', (code, signal) => {
    server = undefined;
    if (stopping) endLike(code, signal);
    else if (restarting) start();
    else console.log('The server has ended. Waiting for a change…');
    restarting = false;
  });
}

function restart() {
  if (!server) return start();
  if (restarting) return undefined;
  restarting = true;
  console.log('Files have changed: restarting…');
  const old = server;
  old.kill('SIGTERM');
  const killing = setTimeout(() => old.kill('SIGKILL'), Number(env['DRAIN_TIMEOUT_MS']) + KILL_AFTER_MS);
  old.once('exit', () => clearTimeout(killing));
  return undefined;
}

async function rebuild() {
  if (!pageIsStale()) return;
  console.log('Building the page…');
  const code = await buildPage();
  console.log(
    code === 0 ? 'The page is built: reload it.' : 'The page could not be built; the reason is above.',
  );
}

function serverFiles() {
  return [...filesIn(join(ROOT, 'src')), ...filesIn(join(ROOT, 'config')), join(ROOT, '.env')];
}

/** Calls `changed` after files came, went or were written, and waits for it before it looks again. */
function watch(files, changed) {
  let before = stateOf(files());
  const look = async () => {
    const now = stateOf(files());
    if (now !== before) {
      before = now;
      await changed();
    }
    if (!stopping) setTimeout(look, LOOK_EVERY_MS);
  };
  setTimeout(look, LOOK_EVERY_MS);
}

function stateOf(files) {
  return files
    .map((file) => `${file} ${statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 'none'}`)
    .join('\n');
}
