import { expect, it } from 'vitest';

// Plain JavaScript, which the server's type check does not know.
const { suitesReachedBy } = (await import(new URL('../scripts/test-reach.js', import.meta.url).href)) as {
  suitesReachedBy(changed: readonly string[]): string[];
};

const facts = 'test/kernel/facts.test.ts';
const page = 'test/browser/meet.test.ts';
const cluster = 'test/forked/matching.test.ts';
const cutOff = 'test/nodes/cut-off.test.ts';

it.each([
  [
    'a module, by imports; the server, which is started as a program',
    'src/kernel/facts.ts',
    [facts, page, cluster],
    [],
  ],
  ['a helper of one suite', 'test/harness/link.ts', [cutOff], [facts, page, cluster]],
  ['a suite itself', facts, [facts], [page, cluster, cutOff]],
  ['what the page is built of', 'web/src/app.tsx', [page, cluster], [facts]],
  ['a file that suites read', 'nginx.conf', [cutOff], [facts]],
  ['a module that is gone', 'src/kernel/gone.ts', ['test/architecture.test.ts'], [facts]],
  ['the settings of all suites', 'vitest.config.ts', [facts, page, cluster, cutOff], []],
  ['nothing that a suite reads', 'no-such-file.txt', [], [facts, page, cluster, cutOff]],
])('--changed reaches %s', (_, changed, reached, others) => {
  const suites = suitesReachedBy([changed]);
  expect(suites).toEqual(expect.arrayContaining(reached));
  for (const other of others) expect(suites).not.toContain(other);
});
