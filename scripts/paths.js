import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Node 24, which the npm package `node` brings: everything but the set-up runs on it. */
export const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
