/** The browser client: what it is made of, whether dist/web was made of that, and making it. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesIn } from './files.js';
import { NODE, ROOT } from './paths.js';
import { run } from './run-child.js';

const SOURCE = join(ROOT, 'web');
const OUTPUT = join(ROOT, 'dist', 'web');
/** Says of which sources the output was made. Beside the output, which is served to everybody. */
const STAMP = join(ROOT, 'dist', 'web.sources');
const VITE = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');

/** Whether there is a page to build and the built one was made of other sources. Writes nothing. */
export function pageIsStale() {
  if (!existsSync(SOURCE)) return false;
  const isBuilt = existsSync(STAMP) && existsSync(join(OUTPUT, 'index.html'));
  return !isBuilt || readFileSync(STAMP, 'utf8') !== fingerprint();
}

/** @returns {Promise<number>} vite's exit code */
export async function buildPage({ verbose = false } = {}) {
  if (!existsSync(SOURCE)) return 0;
  const sources = fingerprint();
  rmSync(STAMP, { force: true });
  const flags = verbose ? [] : ['--logLevel=warn'];
  // A NODE_ENV of the server's would put React's development build into the page.
  const env = { ...process.env, NODE_ENV: 'production' };
  const code = await run(NODE, [VITE, 'build', SOURCE, ...flags], { cwd: ROOT, env });
  if (code === 0) {
    mkdirSync(dirname(STAMP), { recursive: true });
    writeFileSync(STAMP, sources);
  }
  return code;
}

/** Every file that the page is made of: web/, the contract and what it imports, the dependencies. */
export function pageSources() {
  return [
    ...filesIn(SOURCE),
    ...importsOf(join(ROOT, 'src', 'contract.ts')),
    join(ROOT, 'package-lock.json'),
  ];
}

function fingerprint() {
  const hash = createHash('sha256');
  for (const file of pageSources().sort())
    hash.update(relative(ROOT, file)).update('\0').update(readFileSync(file));
  return hash.digest('hex');
}

/** A module and every module it reaches through relative imports. */
function importsOf(file, seen = new Set()) {
  if (seen.has(file) || !existsSync(file)) return seen;
  seen.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/\bfrom\s+['"](\.[^'"]+)['"]/g)) {
    importsOf(join(dirname(file), path), seen);
  }
  return seen;
}
