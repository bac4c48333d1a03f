/**
 * `npm test`: type check, lint and all suites. `npm test -- test/features` runs the suites whose path has that in it, without the
 * two checks; `--changed` those that the uncommitted change can reach. `--quick`: the checks, and all that needs no cluster,
 * no database server and no browser. Ends with one line `N passed, N failed, N skipped`; a failure, and with CI=true a skip, makes
 * the exit code 1.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './bootstrap.js';
import { NODE, ROOT } from './paths.js';
import { captured, run } from './run-child.js';
import { suitesReachedBy, uncommitted } from './test-reach.js';
import { provideTestTools } from './test-tools.js';
import { TOOLS } from './tools.js';

const CHECKS = {
  'type check': [TOOLS.tsc, '--project', '.'],
  'type check of the page': [TOOLS.tsc, '--project', 'web'],
  lint: [TOOLS.eslint, '.'],
  format: [TOOLS.prettier, '--check', '--log-level', 'warn', '.'],
};
/** Why suites on servers say that they skip themselves. */
const LEFT_OUT = 'left out by --quick';
const SLOWEST = 20;
const TICKS_A_SECOND = 100;

let isConcluded = false;
process.on('exit', () => {
  // The set-up failed or was interrupted: what follows never ran.
  if (!isConcluded) console.log('0 passed, 1 failed, 0 skipped');
});

const args = process.argv.slice(2);
const isQuick = args.includes('--quick');
const isOfChange = args.includes('--changed');
const named = args.filter((arg) => !['--quick', '--changed'].includes(arg));
const filters = isOfChange ? [...named, ...suitesReached()] : named;
const isCI = process.env['CI'] === 'true';

process.chdir(ROOT);
await prepare({ page: true, tools: true });
const { env, missing } = isQuick ? { env: {}, missing: [] } : await provideTestTools(filters);

const total = { passed: 0, failed: [], skipped: [], measured: {}, costs: [] };
if (filters.length === 0) await runChecks();
await runSuites();
conclude();

function suitesReached() {
  const changed = uncommitted();
  const suites = suitesReachedBy(changed);
  console.log(`${suites.length} suites can be reached from ${changed.length} changed files.`);
  if (suites.length > 0) return suites;
  isConcluded = true;
  console.log('0 passed, 0 failed, 0 skipped');
  process.exit(0);
}

/** Beside each other; what they say comes when all have ended. */
async function runChecks() {
  const results = Object.entries(CHECKS).map(async ([name, command]) => [
    name,
    await captured(NODE, command),
  ]);
  for (const [name, { code, output }] of await Promise.all(results)) {
    console.log(`\n── ${name}${code === 0 ? ': passed' : ''}${output && `\n${output}`}`);
    if (code === 0) total.passed += 1;
    else total.failed.push(name);
  }
}

async function runSuites() {
  console.log('\n── suites');
  const folder = mkdtempSync(join(tmpdir(), 'realtime-chat-test-'));
  const file = join(folder, 'report.json');
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'scripts', 'test-report.js')}`];
  const projects = isQuick ? ['--project=quick'] : [];
  const startedAt = performance.now();
  const cpuBefore = cpuSeconds();
  const code = await run(NODE, [TOOLS.vitest, 'run', ...projects, ...reporters, ...filters], {
    env: {
      ...process.env,
      ...env,
      TEST_REPORT: file,
      // Half of what it takes to start a server is to compile it, always the same.
      NODE_COMPILE_CACHE: join(ROOT, 'node_modules', '.cache', 'compiled'),
      ...(isQuick && { TEST_LEFT_OUT: LEFT_OUT }),
    },
  });
  const report = readReport(file);
  rmSync(folder, { recursive: true });

  total.passed += report.passed;
  total.failed.push(...report.failed);
  total.skipped.push(...report.skipped);
  total.measured = report.measured;
  printCosts(report.costs, (performance.now() - startedAt) / 1_000, cpuSeconds() - cpuBefore);
  if (report.unhandled > 0) total.failed.push(`${report.unhandled} errors outside all tests`);
  const nothingRan = report.passed + report.failed.length + report.skipped.length === 0;
  if (nothingRan) total.failed.push('no test was run');
  else if (code !== 0 && total.failed.length === 0) total.failed.push(`vitest ended with ${code}`);
}

function printCosts(costs, wallSeconds, cpuSecondsUsed) {
  const seconds = (ms) => (ms === undefined ? '' : (ms / 1_000).toFixed(1));
  const slowest = costs.toSorted((a, b) => b.wallMs - a.wallMs).slice(0, SLOWEST);
  console.log('\nSlowest files');
  console.table(
    Object.fromEntries(
      slowest.map(({ file, wallMs, cpuMs }) => [file, { seconds: seconds(wallMs), CPU: seconds(cpuMs) }]),
    ),
  );
  const waited = costs.reduce((sum, { wallMs, cpuMs = 0 }) => sum + Math.max(wallMs - cpuMs, 0), 0) / 1_000;
  const available = wallSeconds * availableParallelism();
  console.log(
    `${costs.length} files in ${wallSeconds.toFixed(0)} s: they waited ${waited.toFixed(0)} s in sum, and used ` +
      `${cpuSecondsUsed.toFixed(0)} s of CPU of the ${available.toFixed(0)} s that there were.`,
  );
}

/** Of all processes that were started here and have ended: proc(5), cutime and cstime. */
function cpuSeconds() {
  if (process.platform !== 'linux') return NaN;
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / TICKS_A_SECOND;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    const failed = ['vitest ended without a report'];
    return { passed: 0, failed, skipped: [], unhandled: 0, measured: {}, costs: [] };
  }
}

function conclude() {
  console.log('');
  if (Object.keys(total.measured).length > 0) console.table(total.measured);
  if (isQuick) console.log(`${total.skipped.length} tests are left out: they need a database server.`);
  else {
    for (const { name, file, reason } of total.skipped)
      console.log(`skipped: ${name} (${reason ?? whySkipped(file)})`);
  }
  for (const name of total.failed) console.log(`failed: ${name}`);
  const skipsCount = isCI && !isQuick && total.skipped.length > 0;
  if (skipsCount) console.log('With CI=true a skipped test is a failure.');
  const { passed, failed, skipped } = total;
  isConcluded = true;
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`);
  process.exit(failed.length > 0 || skipsCount ? 1 : 0);
}

function whySkipped(file) {
  const row = missing.find(({ neededBy }) => neededBy.some((folder) => file.startsWith(folder)));
  return row ? `${row.tool} is missing` : 'no reason given';
}
