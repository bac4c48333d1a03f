import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const MINUTE_MS = 60_000;

/** Suites on clusters, on nodes and in browsers mostly wait: more of them than there are cores keep these busy. */
const SIDE_BY_SIDE = Math.max(2, availableParallelism()) + 1;

/**
 * What has more of the machine than the others, after them, and why. In pairs: what measures time limits of production, in which
 * nothing but the fault may make a server slow.
 */
const IN_PAIRS = {
  'test/nodes/mongo-faults.test.ts': 'UNAVAILABLE comes within 2 s, writes go on within 15 s',
  'test/nodes/faults.test.ts': 'how soon who is away is gone, and who returns is served',
  'test/nodes/cut-off.test.ts': 'how soon a node that is cut off is given up, and back',
  'test/nodes/mongo-primary.test.ts': 'elections of a replica set, under load of its own',
  'test/nodes/message-failover.test.ts': 'elections of a replica set',
};
const ALONE = {
  'test/nodes/talk-faults.test.ts':
    'its outages end before a worker looks for itself, every 5 s, what was not delivered',
  'test/contracts/mongo-races.test.ts':
    'its races load the shared mongod so much that others would run into its time limits',
};
const later = [...Object.keys(IN_PAIRS), ...Object.keys(ALONE)];

/** What takes long begins first, so that nothing long is left for the end; within one of them, larger files first. */
const FOLDERS = ['nodes', 'forked', 'documents', 'contracts', 'features', 'kernel'];
/** Two windows in a call take a core for themselves: so many other files begin between two of such. */
const APART = 8;

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const folderOf = ({ moduleId }: TestSpecification) =>
      relative(import.meta.dirname, moduleId).split('/')[1]!;
    const sizeOf = ({ moduleId }: TestSpecification) => statSync(moduleId).size;
    const orderOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    const rankOf = (file: TestSpecification) => FOLDERS.indexOf(folderOf(file));
    const sorted = files.toSorted(
      (a, b) => orderOf(a) - orderOf(b) || rankOf(a) - rankOf(b) || sizeOf(b) - sizeOf(a),
    );
    const inBrowsers = sorted.filter((file) => folderOf(file) === 'browser');
    const others = sorted.filter((file) => folderOf(file) !== 'browser');
    for (const [index, file] of inBrowsers.entries()) others.splice(index * APART, 0, file);
    return others;
  }
}

const common = {
  setupFiles: 'test/harness/cost.ts',
  // For what hangs: what has to happen in time has a limit of its own.
  testTimeout: MINUTE_MS,
  hookTimeout: 2 * MINUTE_MS,
  expect: { poll: { timeout: 10_000 } },
};

export default defineConfig({
  test: {
    globalSetup: 'test/harness/services.ts',
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // Needs no cluster, no browser and, where npm test says --quick, no database server.
        test: {
          ...common,
          name: 'quick',
          include: ['test/*.test.ts', 'test/{contracts,features,kernel}/**/*.test.ts'],
          exclude: later,
          maxWorkers: SIDE_BY_SIDE,
        },
      },
      {
        test: {
          ...common,
          name: 'servers',
          include: ['test/{documents,forked,browser,nodes}/**/*.test.ts'],
          exclude: later,
          maxWorkers: SIDE_BY_SIDE,
        },
      },
      {
        test: {
          ...common,
          name: 'in pairs',
          include: Object.keys(IN_PAIRS),
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: Object.keys(ALONE),
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: { include: ['src/**/*.ts', 'config/**/*.ts'], reporter: ['text-summary', 'html'] },
  },
});
