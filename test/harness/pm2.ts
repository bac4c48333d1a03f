import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND_MS = 90_000;

const pm2 = process.env['TEST_PM2'] || join(root, 'node_modules', 'pm2', 'bin', 'pm2');
/** Why suites that need PM2 are skipped; undefined where they are not. */
export const withoutPm2: string | undefined = existsSync(pm2)
  ? undefined
  : 'PM2 is missing (npm install, or set TEST_PM2 to its bin/pm2)';

/** The Node of this machine, as an administrator has it, and ours. PM2 is started by either. */
export function nodes(): string[] {
  const folders = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder && !folder.includes('/node_modules/'));
  const others = [...folders, '/usr/local/bin', '/usr/bin'].map((folder) => join(folder, 'node'));
  const machines = others.find((path) => path !== process.execPath && isProgram(path));
  return machines ? [process.execPath, machines] : [process.execPath];
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Pm2Process {
  readonly id: number;
  readonly pid: number;
  readonly name: string;
  readonly status: string;
  readonly restarts: number;
  readonly killTimeoutMs: number;
}

export interface Pm2 {
  /** The folder that PM2 is used in: ours by links, with an .env and data of its own. */
  readonly folder: string;
  /** `pm2 <args>` there. Rejects when it fails; answers what it printed. */
  run(...args: string[]): Promise<string>;
  list(): Promise<Pm2Process[]>;
  /** What the daemon wrote: starts, stops, exit codes. */
  log(): string;
  /** Ends the daemon and all that it runs. */
  stop(): Promise<void>;
}

export interface Pm2Options {
  /** The Node that runs PM2. */
  readonly node: string;
  readonly dotenv: Record<string, string>;
  /** The first port of the load-balanced nodes, instead of 3001. */
  readonly firstPort?: number;
  /** What runs instead of the server. */
  readonly mainFile?: string;
}

/** A PM2 of its own, with its own PM2_HOME, in a folder that looks like ours after `npm install` and `npm run build`. */
export function preparePm2({ node, dotenv, firstPort, mainFile }: Pm2Options): Pm2 {
  const home = mkdtempSync(join(tmpdir(), 'realtime-chat-pm2-'));
  const folder = join(home, 'app');
  mkdirSync(folder);
  const linked = [
    'config',
    'node_modules',
    'package.json',
    ...(mainFile === undefined ? ['src', 'dist'] : []),
  ];
  for (const name of linked) symlinkSync(join(root, name), join(folder, name));
  for (const name of ['ecosystem.config.js', 'deploy'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  if (mainFile !== undefined) {
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src', 'main.ts'), mainFile);
  }
  if (firstPort !== undefined) {
    const file = join(folder, 'deploy', 'pm2-port.js');
    writeFileSync(file, readFileSync(file, 'utf8').replace('3001;', `${firstPort};`));
  }
  writeFileSync(
    join(folder, '.env'),
    Object.entries(dotenv)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(''),
  );
  const env = { PATH: `${dirname(node)}:/usr/bin:/bin`, HOME: home, PM2_HOME: join(home, 'pm2') };

  function run(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      execFile(node, [pm2, ...args], { cwd: folder, env, timeout: COMMAND_MS }, (error, stdout, stderr) => {
        if (error) reject(new Error(`pm2 ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error }));
        else resolve(stdout + stderr);
      });
    });
  }

  return {
    folder,
    run,
    async list() {
      const json = /^\[.*\]$/m.exec(await run('jlist'))?.[0] ?? '[]';
      type RawEnv = { status: string; restart_time: number; kill_timeout: number };
      type Raw = { pm_id: number; pid: number; name: string; pm2_env: RawEnv };
      return (JSON.parse(json) as Raw[]).map(({ pm_id: id, pid, name, pm2_env }) => ({
        id,
        pid,
        name,
        status: pm2_env.status,
        restarts: pm2_env.restart_time,
        killTimeoutMs: pm2_env.kill_timeout,
      }));
    },
    log: () => readFileSync(join(home, 'pm2', 'pm2.log'), 'utf8'),
    async stop() {
      await run('kill');
      rmSync(home, { recursive: true, force: true });
    },
  };
}
