/**
 * `npm test`: type check, lint and all suites. `npm test -- test/features` runs the suites whose path has that in it,
 * without the two checks. Ends with one line `N passed, N failed, N skipped`; a failure, and with CI=true a skip,
 * makes the exit code 1.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepare } from './bootstrap.js';
import { NODE, ROOT } from './paths.js';
import { run } from './run-child.js';
import { provideTestTools } from './test-tools.js';
import { TOOLS } from './tools.js';

const CHECKS = {
  'type check': [
    [TOOLS.tsc, '--project', '.'],
    [TOOLS.tsc, '--project', 'web'],
  ],
  lint: [
    [TOOLS.eslint, '.'],
    [TOOLS.prettier, '--check', '--log-level', 'warn', '.'],
  ],
};

const filters = process.argv.slice(2);
const isCI = process.env['CI'] === 'true';

let isConcluded = false;
process.on('exit', () => {
  // The set-up failed or was interrupted: what follows never ran.
  if (!isConcluded) console.log('0 passed, 1 failed, 0 skipped');
});

process.chdir(ROOT);
await prepare({ page: true, tools: true });
const { env, missing } = await provideTestTools(filters);

const total = { passed: 0, failed: [], skipped: [], measured: {} };
if (filters.length === 0) {
  for (const [name, commands] of Object.entries(CHECKS)) await check(name, commands);
}
await runSuites();
conclude();

async function check(name, commands) {
  console.log(`\n── ${name}`);
  let passed = true;
  for (const command of commands) passed = (await run(NODE, command)) === 0 && passed;
  if (passed) total.passed += 1;
  else total.failed.push(name);
}

async function runSuites() {
  console.log('\n── suites');
  const folder = mkdtempSync(join(tmpdir(), 'realtime-chat-test-'));
  const file = join(folder, 'report.json');
  const reporters = ['--reporter=default', `--reporter=${join(ROOT, 'scripts', 'test-report.js')}`];
  const code = await run(NODE, [TOOLS.vitest, 'run', ...reporters, ...filters], {
    env: { ...process.env, ...env, TEST_REPORT: file },
  });
  const report = readReport(file);
  rmSync(folder, { recursive: true });

  total.passed += report.passed;
  total.failed.push(...report.failed);
  total.skipped.push(...report.skipped);
  total.measured = report.measured;
  if (report.unhandled > 0) total.failed.push(`${report.unhandled} errors outside all tests`);
  const nothingRan = report.passed + report.failed.length + report.skipped.length === 0;
  if (nothingRan) total.failed.push('no test was run');
  else if (code !== 0 && total.failed.length === 0) total.failed.push(`vitest ended with ${code}`);
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: ['vitest ended without a report'], skipped: [], unhandled: 0, measured: {} };
  }
}

function conclude() {
  console.log('');
  if (Object.keys(total.measured).length > 0) console.table(total.measured);
  for (const { name, file, reason } of total.skipped)
    console.log(`skipped: ${name} (${reason ?? whySkipped(file)})`);
  for (const name of total.failed) console.log(`failed: ${name}`);
  const skipsCount = isCI && total.skipped.length > 0;
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
