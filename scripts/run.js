/**
 * `node scripts/run.js <tool or file> …`: runs a development tool, or one of our TypeScript files, on Node 24.
 * In npm scripts instead of the tool's own command, which a fresh clone does not have.
 */
import { fail, prepare } from './bootstrap.js';
import { NODE } from './paths.js';
import { run } from './run-child.js';
import { TOOLS } from './tools.js';

const [program = '', ...args] = process.argv.slice(2);
const tool = TOOLS[program];
if (!tool && !program.endsWith('.ts'))
  fail(`${program}: neither one of ${Object.keys(TOOLS).join(', ')} nor a .ts file`);

await prepare({ tools: tool !== undefined });
process.exit(await run(NODE, [tool ?? program, ...args]));
