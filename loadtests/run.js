/**
 * `node loadtests/run.js <arguments of artillery run>`: installs Artillery into this folder when it is not there, and runs
 * artillery-config.yml with it on the Node that the server uses.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fail, prepare } from '../scripts/bootstrap.js';
import { withLock } from '../scripts/lock.js';
import { NODE, ROOT } from '../scripts/paths.js';
import { run } from '../scripts/run-child.js';

const FOLDER = join(ROOT, 'loadtests');
const ARTILLERY = join(FOLDER, 'node_modules', 'artillery');
const env = { ...process.env, ARTILLERY_DISABLE_TELEMETRY: 'true', PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD: '1' };

await prepare();
if (!isInstalled()) await withLock(join(FOLDER, '.bootstrap.lock'), isInstalled, install);
const config = join(FOLDER, 'artillery-config.yml');
process.exit(
  await run(NODE, [join(ARTILLERY, 'bin', 'run'), 'run', ...process.argv.slice(2), config], { env }),
);

function isInstalled() {
  const file = join(ARTILLERY, 'package.json');
  if (!existsSync(file)) return false;
  const { packages } = readJson(join(FOLDER, 'package-lock.json'));
  return readJson(file).version === packages['node_modules/artillery'].version;
}

async function install() {
  console.log('Installing Artillery (470 MB, about 30 s)…');
  // None of its install scripts is needed: they fetch browsers and compile.
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const code = await run('npm', ['ci', ...flags], { cwd: FOLDER, env });
  if (code !== 0) fail(`Installing Artillery failed (npm ci ended with ${code}).`);
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}
