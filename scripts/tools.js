import { join } from 'node:path';
import { ROOT } from './paths.js';

/** Programs among the dev dependencies: the JavaScript file of each. */
export const TOOLS = {
  eslint: inModules('eslint/bin/eslint.js'),
  prettier: inModules('prettier/bin/prettier.cjs'),
  tsc: inModules('typescript/bin/tsc'),
  vitest: inModules('vitest/vitest.mjs'),
};

function inModules(path) {
  return join(ROOT, 'node_modules', path);
}
