import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const MINUTE_MS = 60_000;

/** Suites on clusters, on nodes and in browsers mostly wait: more of them than there are cores keep these busy. */
const SIDE_BY_SIDE = 2 * Math.max(2, availableParallelism());

/** What has the machine for itself, after everything else, and why. */
const ALONE = {
  'test/contracts/mongo-races.test.ts':
    'its races load a mongod so much that others would run into its time limits',
};

/** What takes long begins first, so that nothing long is left for the end; within one of them, larger files first. */
const FOLDERS = ['browser', 'nodes', 'forked', 'documents', 'contracts', 'features', 'kernel'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ project, moduleId }: TestSpecification) => {
      const [, folder = ''] = relative(import.meta.dirname, moduleId).split('/');
      const { groupOrder } = project.config.sequence;
      const index = FOLDERS.indexOf(folder);
      return [groupOrder, index === -1 ? FOLDERS.length : index, -statSync(moduleId).size];
    };
    const ranked = files.map((file) => ({ file, ranks: rank(file) }));
    ranked.sort(({ ranks: a }, { ranks: b }) => {
      const different = a.findIndex((value, index) => value !== b[index]);
      return different === -1 ? 0 : a[different]! - b[different]!;
    });
    return ranked.map(({ file }) => file);
  }
}

const common = {
  setupFiles: 'test/harness/cost.ts',
  testTimeout: 30_000,
  hookTimeout: MINUTE_MS,
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
          exclude: Object.keys(ALONE),
          maxWorkers: SIDE_BY_SIDE,
        },
      },
      {
        test: {
          ...common,
          name: 'servers',
          include: ['test/{documents,forked,browser,nodes}/**/*.test.ts'],
          exclude: Object.keys(ALONE),
          maxWorkers: SIDE_BY_SIDE,
        },
      },
      {
        test: {
          ...common,
          name: 'alone',
          include: Object.keys(ALONE),
          maxWorkers: 1,
          sequence: { groupOrder: 1 },
        },
      },
    ],
    coverage: { include: ['src/**/*.ts', 'config/**/*.ts'], reporter: ['text-summary', 'html'] },
  },
});
