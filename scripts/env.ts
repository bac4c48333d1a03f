/** `npm run env`: writes .env.example and README's table of variables anew from config/schema.ts. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envExample, withEnvTable } from '../config/document.ts';

const root = join(import.meta.dirname, '..');
const readme = join(root, 'README.md');

writeFileSync(join(root, '.env.example'), envExample());
console.log('.env.example is written.');
if (existsSync(readme)) {
  writeFileSync(readme, withEnvTable(readFileSync(readme, 'utf8')));
  console.log('README.md is written.');
} else {
  console.error('README.md does not exist: its table is not written.');
  process.exitCode = 1;
}
