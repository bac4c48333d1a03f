import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;
/** They load a database of their own so much that others beside them would run into its time limits. */
const ALONE = [
  'test/contracts/mongo*.test.ts',
  'test/contracts/stores.test.ts',
  'test/contracts/match-pool.redis.test.ts',
];

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/*.test.ts', 'test/{contracts,features,kernel}/**/*.test.ts'],
          exclude: ALONE,
          testTimeout: 10_000,
          hookTimeout: 30_000,
          maxWorkers: Math.max(2, availableParallelism() - 1),
          sequence: { groupOrder: 1 },
        },
      },
      {
        // Each file starts a cluster, browsers or both: one at a time, after the fast ones.
        test: {
          name: 'slow',
          include: ['test/{documents,forked,browser,nodes}/**/*.test.ts', ...ALONE],
          testTimeout: 30_000,
          hookTimeout: MINUTE_MS,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    coverage: { include: ['src/**/*.ts', 'config/**/*.ts'], reporter: ['text-summary', 'html'] },
  },
});
