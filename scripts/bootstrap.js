/**
 * Set-up that every npm script does first. Plain JavaScript over Node's own modules: it runs on the
 * machine's Node (20 or newer), before anything is installed. It writes nothing when all is there.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { withLock } from './lock.js';
import { buildPage, pageIsStale } from './page.js';
import { run } from './run-child.js';
import { NODE, ROOT } from './paths.js';

/** Says why it cannot go on, in one line, and ends the process with 1. */
export function fail(message) {
  console.error(message);
  process.exit(1);
}

/**
 * Installs dependencies when they are not those of the lock file, builds the page when it is stale, and makes
 * sure that Node 24 is there. Several processes may call it at once in one folder: one works, the others wait.
 *
 * @param {{ page?: boolean, tools?: boolean }} needs `page`: the browser client; `tools`: the dev dependencies
 */
export async function prepare({ page = false, tools = false } = {}) {
  const buildsPage = () => page && pageIsStale();
  const isReady = () => !buildsPage() && dependenciesAreCurrent({ tools });
  if (!isReady()) {
    await withLock(join(ROOT, '.bootstrap.lock'), isReady, async () => {
      if (!dependenciesAreCurrent({ tools: tools || buildsPage() })) await install();
      checkNode();
      if (buildsPage()) await build();
    });
  }
  checkNode();
}

/** Builds the page even when it is current; everything else as `prepare`. */
export async function prepareAndBuild() {
  await prepare({ tools: true });
  await withLock(
    join(ROOT, '.bootstrap.lock'),
    () => false,
    () => build({ verbose: true }),
  );
}

async function build(options) {
  console.log('Building the page…');
  const result = await buildPage(options);
  if (result !== 0) fail(`Building the page failed (vite ended with ${result}); the reason is above.`);
}

/**
 * Whether node_modules holds what package-lock.json names, judged by versions and hashes: times of files say
 * nothing after a clone, a copy or a restored cache. What this platform does not need may be missing, and
 * so may dev dependencies, unless `tools`.
 */
export function dependenciesAreCurrent({ tools }) {
  const installed = packagesOf(join(ROOT, 'node_modules', '.package-lock.json'));
  const wanted = packagesOf(join(ROOT, 'package-lock.json')) ?? {};
  if (installed === undefined || !existsSync(NODE)) return false;
  return Object.entries(wanted).every(([path, entry]) => {
    const found = installed[path];
    if (found) return found.version === entry.version && found.integrity === entry.integrity;
    return path === '' || entry.optional || entry.devOptional || entry.peer || (entry.dev && !tools);
  });
}

function packagesOf(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : undefined;
}

async function install() {
  const first = existsSync(join(ROOT, 'node_modules')) ? 'they differ from package-lock.json' : 'first start';
  console.log(`Installing dependencies (${first}, about 30 s)…`);
  // The machine's Node may be older than what single packages ask for; they run on Node 24, so no warnings.
  const flags = ['--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await run('npm', ['ci', ...flags], { cwd: ROOT });
  if (code !== 0) {
    fail(`Installing dependencies failed (npm ci ended with ${code}). The reason is above; then try again.`);
  }
}

function checkNode() {
  if (!existsSync(NODE)) {
    fail(
      `Node 24 is missing (${NODE}): npm did not run the install script of the package "node". Set ignore-scripts ` +
        'to false (npm config get ignore-scripts), delete node_modules and try again.',
    );
  }
  const { stdout, error } = spawnSync(NODE, ['--version'], { encoding: 'utf8' });
  if (error || Number(/^v(\d+)/.exec(stdout)?.[1] ?? 0) < 24) {
    const found = error ? error.message : `it says ${stdout.trim() || 'nothing'}`;
    fail(
      `${NODE} is not a Node 24 that runs here (${found}); glibc is needed (no Alpine). Delete node_modules and try again.`,
    );
  }
}
