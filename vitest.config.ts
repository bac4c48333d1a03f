import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const MINUTE_MS = 60_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['test/*.test.ts', 'test/{contracts,features,kernel}/**/*.test.ts'],
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
          include: ['test/{documents,forked,browser}/**/*.test.ts'],
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
