/** A vitest reporter that writes one JSON file, named by TEST_REPORT, for scripts/test.js to count. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * @typedef {object} Report
 * @property {number} passed
 * @property {string[]} failed one name for each failed test, and for each file that failed outside its tests
 * @property {{ name: string, file: string, reason?: string }[]} skipped also todo
 * @property {number} unhandled errors that belong to no test
 * @property {Record<string, string>} measured what tests found out (test/harness/measured.ts)
 * @property {{ file: string, wallMs: number, cpuMs?: number }[]} costs of each file, with its hooks (test/harness/cost.ts)
 */
export default class TestReport {
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {Report} */
    const report = {
      passed: 0,
      failed: [],
      skipped: [],
      unhandled: unhandledErrors.length,
      measured: {},
      costs: [],
    };
    for (const module of modules) this.add(module, report);
    const file = process.env['TEST_REPORT'];
    if (file) writeFileSync(file, JSON.stringify(report));
  }

  add(module, report) {
    const file = relative(process.cwd(), module.moduleId);
    const { duration, setupDuration, collectDuration } = module.diagnostic();
    const wallMs = duration + setupDuration + collectDuration;
    report.costs.push({ file, wallMs, cpuMs: module.meta().cpuMs });
    const tests = [...module.children.allTests()];
    for (const test of tests) {
      const name = `${file} > ${test.fullName}`;
      const { state, note } = test.result();
      Object.assign(report.measured, test.meta().measured);
      if (state === 'passed') report.passed += 1;
      else if (state === 'skipped') report.skipped.push({ name, file, reason: note });
      else report.failed.push(name);
    }
    // A file that cannot be loaded, or a hook that threw, may leave no failed test behind.
    const broken = [module, ...module.children.allSuites()].filter((task) => task.errors().length > 0);
    for (const task of broken) report.failed.push(`${file}: ${task.fullName ?? 'outside its tests'}`);
    if (tests.length === 0 && broken.length === 0) report.failed.push(`${file}: has no tests`);
  }
}
