import { TestRunner, type RunnerTestCase } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    measured?: Record<string, string>;
  }
}

/** A row of the table that `npm test` prints at its end. For use within a test. */
export function measured(what: string, figure: string): void {
  const { meta } = TestRunner.getCurrentTest<RunnerTestCase>();
  meta.measured = { ...meta.measured, [what]: figure };
}
