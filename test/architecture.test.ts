/** Who may import whom (DESIGN.md, rules of the house), read from the import lines of src/. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, posix, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** Paths are relative to src/, with forward slashes. */
interface SourceFile {
  path: string;
  /** Paths of our own modules as above; packages and Node's modules by name. */
  imports: string[];
  /** Without comments. */
  code: string;
}

interface Rule {
  name: string;
  reason: string;
  /** What is wrong with this file; empty when nothing is. */
  violations: (file: SourceFile) => string[];
  /** A file that breaks the rule, and one close to it that does not. */
  breaks: { path: string; text: string };
  keeps: { path: string; text: string };
}

const featureOf = (path: string) => /^features\/([^/]+)\//.exec(path)?.[1];
const isContract = (path: string) => /^(.+\.)?contract\.ts$/.test(basename(path));
const isService = (path: string) => basename(path) === 'service.ts';
const isBackend = (path: string) => /\.(sqlite|mongo|redis|copy)\.ts$/.test(path);
const isDriver = (path: string) => path.startsWith('drivers/');

/** Imports of a file for which `isForbidden` holds, as violations. */
function imports(isForbidden: (imported: string, file: SourceFile) => boolean): Rule['violations'] {
  return (file) => file.imports.filter((path) => isForbidden(path, file)).map((path) => `imports ${path}`);
}

/** Pieces of code that only the files for which `isAllowed` holds may have. */
function code(pattern: RegExp, isAllowed: (path: string) => boolean): Rule['violations'] {
  return (file) =>
    isAllowed(file.path) ? [] : (file.code.match(pattern) ?? []).map((found) => `says ${found}`);
}

/** The files that put the parts together: they may know any of them. */
const COMPOSES = [
  'admin/commands.ts',
  'app.ts',
  'backends.ts',
  'features/index.ts',
  'mongo-stores.ts',
  'sqlite-stores.ts',
  'storage-copy.ts',
  'storage-thread.ts',
];
const CHOOSES_BACKENDS = [
  'backends.ts',
  'mongo-stores.ts',
  'sqlite-stores.ts',
  'storage-copy.ts',
  'storage-thread.ts',
];

const TRANSPORTS_AND_STORES = /^(express|socket\.io|mongoose|ioredis|node:fs)([/-]|$)/;
const BROWSER_SAFE = ['zod', 'kernel/schemas.ts'];

const RULES: Rule[] = [
  {
    name: 'services know no transport and no store',
    reason: 'rules must run without them: in tests, and on another backend',
    violations: imports((path, file) => isService(file.path) && TRANSPORTS_AND_STORES.test(path)),
    breaks: { path: 'features/rtc/service.ts', text: `import type { Server } from 'socket.io';` },
    keeps: { path: 'features/rtc/feature.ts', text: `import type { Server } from 'socket.io';` },
  },
  {
    name: 'services get time and chance through the door',
    reason: 'take the clock and the ids from deps, so that tests can turn them',
    violations: code(/\bDate\.now\(\)|\bnew Date\(\)|\bMath\.random\(\)/g, (path) => !isService(path)),
    breaks: { path: 'features/rtc/service.ts', text: `export const now = () => Date.now();` },
    keeps: { path: 'features/rtc/service.ts', text: `/** Not Date.now(). */ export const at = new Date(0);` },
  },
  {
    name: 'features do not import each other',
    reason: 'they talk by facts, or by a port that deps carries; only a contract.ts is for everybody',
    violations: imports((path, file) => {
      const owner = featureOf(path);
      return (
        owner !== undefined &&
        owner !== featureOf(file.path) &&
        !isContract(path) &&
        !COMPOSES.includes(file.path)
      );
    }),
    breaks: { path: 'features/rtc/service.ts', text: `import { pairs } from '../matching/pairs.ts';` },
    keeps: { path: 'features/rtc/service.ts', text: `import type { Match } from '../matching/contract.ts';` },
  },
  {
    name: 'mechanism knows no feature',
    reason: 'kernel/, cluster/ and drivers/ serve every feature alike',
    violations: imports(
      (path, file) => /^(kernel|cluster|drivers)\//.test(file.path) && path.startsWith('features/'),
    ),
    breaks: { path: 'kernel/dispatch.ts', text: `import { contract } from '../features/rtc/contract.ts';` },
    keeps: { path: 'app.ts', text: `import { features } from './features/index.ts';` },
  },
  {
    name: 'backends are chosen in one place',
    reason:
      'backends.ts (for SQLite with its storage thread) alone knows implementations; others take the port',
    violations: imports((path, file) => {
      const isSibling = isBackend(file.path) && dirname(file.path) === dirname(path);
      return isBackend(path) && !CHOOSES_BACKENDS.includes(file.path) && !isSibling;
    }),
    breaks: { path: 'features/accounts/feature.ts', text: `import { sqlite } from './accounts.sqlite.ts';` },
    keeps: { path: 'backends.ts', text: `import { sqlite } from './features/accounts/accounts.sqlite.ts';` },
  },
  {
    name: 'drivers serve backends',
    reason: 'a database client is opened once, by backends.ts, and handed to the backend files',
    violations: imports((path, file) => {
      const mayUse = CHOOSES_BACKENDS.includes(file.path) || isBackend(file.path);
      return isDriver(path) && !mayUse && !isDriver(file.path);
    }),
    breaks: { path: 'worker.ts', text: `import { openSqlite } from './drivers/sqlite.ts';` },
    keeps: {
      path: 'features/rtc/calls.sqlite.ts',
      text: `import type { Sqlite } from '../../drivers/sqlite.ts';`,
    },
  },
  {
    name: 'contracts are safe in a browser',
    reason: 'the page imports them: zod, the kernel’s schemas and other contracts only',
    violations: imports((path, file) => {
      const isPublished = isContract(file.path) || BROWSER_SAFE.includes(file.path);
      return isPublished && !isContract(path) && !BROWSER_SAFE.includes(path);
    }),
    breaks: { path: 'features/rtc/contract.ts', text: `import { randomUUID } from 'node:crypto';` },
    keeps: { path: 'features/rtc/contract.ts', text: `import { z } from 'zod';` },
  },
  {
    name: 'the environment is read by config/',
    reason: 'take what you need from Config through deps; two apps must run in one process',
    violations: code(/\bprocess\.env\b/g, (path) => ['main.ts', 'admin.ts', 'migrate.ts'].includes(path)),
    breaks: { path: 'app.ts', text: `export const isTest = process.env['NODE_ENV'] === 'test';` },
    keeps: { path: 'main.ts', text: `export const fromNpm = process.env['REALTIME_CHAT_BOOTSTRAP'];` },
  },
  {
    name: 'files are named after one idea',
    reason: 'no utils, helpers or managers, and no index.ts inside a feature',
    violations: ({ path }) => {
      const isVague = /(^|[-.])(utils?|helpers?)[-.]|manager/i.test(basename(path));
      return isVague || /^features\/[^/]+\/(.+\/)?index\.ts$/.test(path) ? ['has such a name'] : [];
    },
    breaks: { path: 'kernel/socketManager.ts', text: '' },
    keeps: { path: 'features/index.ts', text: '' },
  },
];

function sourceFile(path: string, text: string): SourceFile {
  const found = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
  const local = (name: string) => posix.normalize(posix.join(posix.dirname(path), name));
  return {
    path,
    imports: found.map((name) => (name.startsWith('.') ? local(name) : name)),
    code: withoutComments(text),
  };
}

function withoutComments(text: string): string {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, false, ts.LanguageVariant.Standard, text);
  let result = '';
  for (let token = scanner.scan(); token !== ts.SyntaxKind.EndOfFileToken; token = scanner.scan()) {
    const isComment =
      token === ts.SyntaxKind.SingleLineCommentTrivia || token === ts.SyntaxKind.MultiLineCommentTrivia;
    if (!isComment) result += scanner.getTokenText();
  }
  return result;
}

const SRC = join(import.meta.dirname, '..', 'src');

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) =>
    sourceFile(relative(SRC, join(SRC, path)).replaceAll('\\', '/'), readFileSync(join(SRC, path), 'utf8')),
  );

describe.each(RULES)('$name', ({ reason, violations, breaks, keeps }) => {
  it('in src/', () => {
    const found = files.flatMap((file) =>
      violations(file).map((what) => `src/${file.path} ${what}: ${reason}`),
    );
    expect(found).toEqual([]);
  });

  it('catches a violation, and no more', () => {
    expect(violations(sourceFile(breaks.path, breaks.text))).not.toEqual([]);
    expect(violations(sourceFile(keeps.path, keeps.text))).toEqual([]);
  });
});

describe('reading imports', () => {
  it('finds every form of them, and none in comments and strings', () => {
    const text = `
      import a from './a.ts';
      import type { B } from '../kernel/b.ts';
      import './c.ts';
      export { d } from './d.ts';
      export * from 'zod';
      const e = await import('./e.ts');
      // import f from './f.ts';
      /** import g from './g.ts' */
      const h = "import h from './h.ts'";`;
    expect(sourceFile('cluster/x.ts', text).imports).toEqual([
      'cluster/a.ts',
      'kernel/b.ts',
      'cluster/c.ts',
      'cluster/d.ts',
      'zod',
      'cluster/e.ts',
    ]);
  });

  it('found the source', () => {
    expect(files.length).toBeGreaterThan(10);
  });
});
