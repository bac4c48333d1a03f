/** The plain JavaScript that runs before and around the server, in folders made for the purpose. */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

interface LockFile {
  packages: Record<
    string,
    { version?: string; resolved?: string; optionalDependencies?: Record<string, string> }
  >;
}
const lockFile = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as LockFile;
const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  dependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};

describe('package-lock.json', () => {
  it('lets npm run the install script of exactly the node that package.json names', () => {
    const node = lockFile.packages['node_modules/node'];
    expect(manifest.dependencies['node']).toBe(node?.version);
    expect(manifest.allowScripts).toEqual({ [`node@${node?.version}`]: true });
    // Without its address npm does not believe the version, and skips the script.
    expect(node?.resolved).toMatch(/^https:\/\/registry\.npmjs\.org\//);
  });

  it('names the packages of every platform, or npm ci refuses', () => {
    const names = new Set(Object.keys(lockFile.packages).map((path) => path.split('node_modules/').at(-1)));
    const optional = Object.values(lockFile.packages).flatMap((entry) =>
      Object.keys(entry.optionalDependencies ?? {}),
    );
    expect(optional.filter((name) => !names.has(name))).toEqual([]);
  });
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'scripts-test-'));
  cpSync(join(ROOT, 'scripts'), join(folder, 'scripts'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('withLock', () => {
  const program = (isDone: string) => `
    import { appendFileSync, existsSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { withLock } from './scripts/lock.js';
    await withLock('lock', () => ${isDone}, async () => {
      appendFileSync('log', 'begin\\n');
      await sleep(100);
      appendFileSync('log', 'end\\n');
    });`;

  async function runTogether(count: number, isDone: string): Promise<string[]> {
    writeFileSync(join(folder, 'work.mjs'), program(isDone));
    const children = Array.from({ length: count }, () =>
      spawn(process.execPath, ['work.mjs'], { cwd: folder }),
    );
    const exits = (await Promise.all(children.map((child) => once(child, 'exit')))) as [number][];
    expect(exits.map(([code]) => code)).toEqual(Array.from({ length: count }, () => 0));
    expect(existsSync(join(folder, 'lock'))).toBe(false);
    return readFileSync(join(folder, 'log'), 'utf8').trim().split('\n');
  }

  it('lets one process work at a time', async () => {
    expect(await runTogether(3, 'false')).toEqual(['begin', 'end', 'begin', 'end', 'begin', 'end']);
  });

  it('does not repeat what another process has done meanwhile', async () => {
    expect(await runTogether(3, `existsSync('log')`)).toEqual(['begin', 'end']);
  });

  it('takes over from a holder that was killed', async () => {
    writeFileSync(join(folder, 'lock'), `${hostname()} 4194305 0`);
    expect(await runTogether(2, 'false')).toEqual(['begin', 'end', 'begin', 'end']);
  });
});

describe('npm start', () => {
  const server = `
    import { appendFileSync } from 'node:fs';
    const said = (what: string) => appendFileSync('said', what + ' ');
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGUSR2'] as const) process.on(signal, () => said(signal));
    process.on('disconnect', () => { said('disconnect'); process.exit(0); });
    process.on('message', (message: unknown) => {
      said(String(message));
      if (message === 'exit') process.exit(7);
      if (message === 'die') process.kill(process.pid, 'SIGKILL');
    });
    process.send?.('ready');`;

  let bootstrap: ChildProcess;

  /** As if npm ci had been there. */
  beforeEach(async () => {
    for (const path of ['src', 'node_modules/node/bin']) mkdirSync(join(folder, path), { recursive: true });
    for (const path of ['package-lock.json', 'node_modules/.package-lock.json']) {
      writeFileSync(join(folder, path), '{"packages":{}}');
    }
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    symlinkSync(process.execPath, join(folder, 'node_modules/node/bin/node'));
    writeFileSync(join(folder, 'src/main.ts'), server);
    bootstrap = fork('scripts/start.js', { cwd: folder, env: { PATH: process.env['PATH'] } });
    await once(bootstrap, 'message');
  });
  afterEach(async () => {
    if (bootstrap.exitCode !== null || bootstrap.signalCode !== null) return;
    bootstrap.send('exit');
    await ended();
  });

  const said = () => {
    const file = join(folder, 'said');
    return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  };

  async function ended(): Promise<unknown[]> {
    return once(bootstrap, 'exit');
  }

  it('ends with the server’s exit code, and passes a process manager’s messages on', async () => {
    bootstrap.send('shutdown');
    bootstrap.send('exit');
    expect(await ended()).toEqual([7, null]);
    expect(said()).toBe('shutdown exit');
  });

  it('ends by the server’s signal', async () => {
    bootstrap.send('die');
    expect(await ended()).toEqual([null, 'SIGKILL']);
  });

  it('takes signals that come together for one, and a later one for another', async () => {
    bootstrap.kill('SIGINT');
    bootstrap.kill('SIGTERM');
    await expect.poll(said).toMatch(/^SIG(INT|TERM)$/);
    await sleep(350);
    bootstrap.kill('SIGTERM');
    await expect.poll(said).toMatch(/^SIG(INT|TERM) SIGTERM$/);
  });

  it('passes on the signal for a rolling restart', async () => {
    bootstrap.kill('SIGUSR2');
    await expect.poll(said).toBe('SIGUSR2');
  });

  it('orphans nobody when it is killed', async () => {
    bootstrap.kill('SIGKILL');
    await ended();
    await expect.poll(said, { timeout: 5_000 }).toBe('disconnect');
  });

  it('writes nothing when all is there', () => {
    expect(existsSync(join(folder, '.bootstrap.lock'))).toBe(false);
    expect(existsSync(join(folder, 'dist'))).toBe(false);
  });
});
