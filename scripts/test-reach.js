/** Which suites a change can reach, for `npm test -- --changed`. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, extname, join, relative } from 'node:path';
import { filesIn } from './files.js';
import { ROOT } from './paths.js';

/** They decide how every suite runs. */
const EVERYTHING = [/^package(-lock)?\.json$/, /^tsconfig\.json$/, /^vitest\.config\.ts$/, /^scripts\/test/];
/** What is made of other files, and of which. */
const MADE_OF = new Map([['dist/web', 'web']]);
const CODE = new Set(['.ts', '.tsx', '.js']);

/** Paths of what git calls changed, added, removed or new. */
export function uncommitted() {
  const flags = ['status', '--porcelain', '-z', '--no-renames', '--untracked-files=all'];
  const lines = execFileSync('git', flags, { cwd: ROOT, encoding: 'utf8' }).split('\0');
  return lines.filter(Boolean).map((line) => line.slice(3));
}

/**
 * The test files from which imports, and paths in quotes, lead to one of these. Suites start the server as a program: a path in
 * quotes counts like an import, and the path of a folder like all that is in it.
 *
 * @param {string[]} changed paths from the root
 * @returns {string[]} paths from the root
 */
export function suitesReachedBy(changed) {
  const suites = filesIn(join(ROOT, 'test'))
    .map((file) => relative(ROOT, file))
    .filter((file) => file.endsWith('.test.ts'));
  if (changed.some((file) => EVERYTHING.some((pattern) => pattern.test(file)))) return suites;
  return suites.filter((suite) => leadsTo(changed, suite));
}

function leadsTo(targets, from) {
  const seen = new Set([from]);
  for (const path of seen) {
    // A folder is not what it was when something in it is gone.
    if (targets.some((target) => target === path || target.startsWith(`${path}/`))) return true;
    for (const next of namedBy(path)) seen.add(next);
  }
  return false;
}

const named = new Map();
function namedBy(path) {
  if (!named.has(path)) named.set(path, [...pathsIn(path)]);
  return named.get(path);
}

/** What a file imports or names, what is in a folder. */
function* pathsIn(path) {
  const file = join(ROOT, path);
  if (!existsSync(file)) return;
  if (statSync(file).isDirectory()) {
    for (const inner of filesIn(file)) yield relative(ROOT, inner);
    return;
  }
  if (!CODE.has(extname(path))) return;
  const source = readFileSync(file, 'utf8');
  // join(root, 'src', 'main.ts'), join(import.meta.dirname, '..', 'src')
  for (const [, from, parts] of source.matchAll(/\((root|import\.meta\.dirname)((?:,\s*'[\w./-]+')+)/gi)) {
    yield* existing(join(/root/i.test(from) ? '' : dirname(path), ...parts.split(/[,'\s]+/)));
  }
  for (const [, quoted] of source.matchAll(
    /['"`](?:\$\{root\}\/?)?((?:\.\.?\/)*\w[\w-]*[./][\w./-]*)['"`]/g,
  )) {
    const besideIt = join(dirname(path), quoted);
    // What was removed is still imported.
    if (/^\.\.?\/.*\.tsx?$/.test(quoted)) yield besideIt;
    else yield* [...existing(besideIt), ...existing(join(quoted))];
  }
}

function* existing(path) {
  if (MADE_OF.has(path)) yield MADE_OF.get(path);
  else if (!/^[./]/.test(path) && existsSync(join(ROOT, path))) yield path;
}
