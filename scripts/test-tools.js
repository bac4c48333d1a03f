/** Programs that single suites need: what each is called, where it comes from, and getting it. */
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, isAbsolute, join, relative } from 'node:path';
import { filesIn } from './files.js';
import { ROOT } from './paths.js';
import { run } from './run-child.js';

/**
 * A suite that needs a tool finds its path in `TEST_<TOOL>`, and skips itself when that is unset.
 * Who sets that variable before chooses the program.
 */
export const TEST_TOOLS = [
  {
    tool: 'chromium',
    binaries: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    aptPackage: 'chromium',
    neededBy: ['test/browser'],
  },
  {
    tool: 'redis-server',
    binaries: ['redis-server'],
    aptPackage: 'redis-server',
    neededBy: ['test/nodes', 'test/contracts'],
  },
  { tool: 'nginx', binaries: ['nginx', '/usr/sbin/nginx'], aptPackage: 'nginx', neededBy: ['test/nodes'] },
];

/**
 * Finds the tools that the chosen test files need. On Debian and Ubuntu root installs what is missing; others
 * are told what to install.
 *
 * @param {string[]} filters parts of paths, as given to vitest; none means all files
 * @returns {Promise<{ env: Record<string, string>, missing: typeof TEST_TOOLS }>}
 */
export async function provideTestTools(filters) {
  const needed = TEST_TOOLS.filter(({ neededBy }) => neededBy.some((folder) => hasFiles(folder, filters)));
  const absent = needed.filter((row) => find(row) === undefined);
  if (absent.length > 0 && mayInstall()) await install(absent.map(({ aptPackage }) => aptPackage));

  const missing = needed.filter((row) => find(row) === undefined);
  for (const { tool, aptPackage, neededBy } of missing) {
    console.log(
      `${tool} is missing, so ${neededBy.join(' and ')} skip tests. To run it: sudo apt-get install ${aptPackage}`,
    );
  }
  const found = needed.filter((row) => !missing.includes(row));
  return { env: Object.fromEntries(found.map((row) => [variableOf(row), find(row)])), missing };
}

function variableOf({ tool }) {
  return `TEST_${tool.toUpperCase().replaceAll('-', '_')}`;
}

function find(row) {
  const chosen = process.env[variableOf(row)];
  if (chosen) return chosen;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  const places = row.binaries.flatMap((binary) =>
    isAbsolute(binary) ? [binary] : folders.map((folder) => join(folder, binary)),
  );
  return places.find(isProgram);
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasFiles(folder, filters) {
  const tests = filesIn(join(ROOT, folder))
    .map((file) => relative(ROOT, file))
    .filter((file) => /\.test\.tsx?$/.test(file));
  return tests.some((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)));
}

function mayInstall() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

async function install(packages) {
  console.log(`Installing ${packages.join(', ')} with apt-get…`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const aptGet = (...args) => run('apt-get', ['-qq', '-o', 'Dpkg::Use-Pty=0', ...args], { env });
  // An update that fails in part leaves lists that may do: the installation is what counts.
  await aptGet('update');
  const code = await aptGet('install', '-y', '--no-install-recommends', ...packages);
  if (code !== 0) console.log(`apt-get ended with ${code}.`);
}
