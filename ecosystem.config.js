/**
 * PM2, after `npm install` and `npm run build`:
 *
 *   pm2 start ecosystem.config.js                                      one node on PORT (3001)
 *   pm2 start ecosystem.config.js --only realtime-chat-load-balanced   three, on 3001-3003; REDIS_URL and MONGODB_URI
 *                                                                      in .env
 *
 * Both run in production mode, with or without `--env production`, and want a JWT_SECRET in .env.
 * PM2 loads this file with the Node that PM2 runs on; the server runs on its own.
 */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseEnv } from 'node:util';

const ROOT = dirname(fileURLToPath(import.meta.url));
const LOAD_BALANCED_NODES = 3;
/** What PM2 waits longer than a drain takes, before it kills. */
const KILL_MARGIN_MS = 5_000;

const NODE = join(ROOT, 'node_modules', 'node', 'bin', 'node');
if (!existsSync(NODE)) throw new Error(`${NODE} is missing: run npm install in ${ROOT} first.`);
if (!existsSync(join(ROOT, 'dist', 'web', 'index.html')))
  console.warn('The page is not built, so none will be served: npm run build');

const env = { ...fileEnvironment(), ...process.env };

const node = {
  cwd: ROOT,
  script: 'src/main.ts',
  // By its path: PM2's own Node may be older, and cannot read TypeScript.
  interpreter: NODE,
  exec_mode: 'fork',
  // The primary says when its workers serve. It waits up to 30 s for Redis and MongoDB.
  wait_ready: true,
  listen_timeout: 60_000,
  // The primary alone is told to stop, drains its workers and ends by itself.
  treekill: false,
  kill_timeout: Number(env['DRAIN_TIMEOUT_MS'] || 10_000) + KILL_MARGIN_MS,
  // A configuration that cannot be used stays that: after ten starts that did not last, it is `errored`.
  min_uptime: 5_000,
  max_restarts: 10,
  restart_delay: 1_000,
  // Of the primary, which is all that PM2 sees: it needs about 150 MB.
  max_memory_restart: '1G',
  // PM2's own probe inside the server: not needed, /metrics has more.
  pmx: false,
};

/** @param {Record<string, string>} own */
function app(name, own, more = {}) {
  // Nginx is on the same machine, and nobody else needs these ports.
  const production = { NODE_ENV: 'production', HOST: '127.0.0.1', ...own };
  return { name, ...node, ...more, env: production, env_production: production };
}

export const apps = [app('realtime-chat-prod', {})];

// A plain start runs every app of this file, and two of these want the same port.
if (process.argv.some((argument) => /^--only(=|$)/.test(argument))) {
  const workers = Math.max(1, Math.floor(availableParallelism() / LOAD_BALANCED_NODES));
  apps.push(
    app(
      'realtime-chat-load-balanced',
      // Empty values undo what .env may say for one node: each takes its own from its PORT (n1 and 4001 on 3001).
      { HTTP_PORT: '', NODE_ID: '', WORKERS: env['WORKERS'] || String(workers) },
      {
        instances: LOAD_BALANCED_NODES,
        node_args: ['--import', String(new URL('deploy/pm2-port.js', import.meta.url))],
      },
    ),
  );
}

function fileEnvironment() {
  try {
    return parseEnv(readFileSync(join(ROOT, '.env'), 'utf8'));
  } catch {
    return {};
  }
}
