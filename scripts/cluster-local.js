/**
 * `npm run cluster:local`: three nodes, Redis, MongoDB and Nginx on this machine, for trying things out. Their data are in a
 * temporary folder that goes with them. `--nodes 1`: one node on its embedded backends, behind Nginx.
 * Kill what you like: what ends is said, the rest goes on.
 */
import { randomBytes } from 'node:crypto';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fail, prepare } from './bootstrap.js';
import { NODE, ROOT } from './paths.js';
import { onStop } from './server.js';

const MOST_NODES = 3;
const PLAIN_OFFSET = 1000;
const START_MS = 60_000;
const KILL_AFTER_MS = 15_000;
const SELF = fileURLToPath(import.meta.url);

if (process.argv[2] === '--mind') await mind(process.argv.slice(3));
else await main();

async function main() {
  const { nodes, port, firstPort } = options();
  await prepare({ page: true });
  const shared = nodes > 1;
  const programs = findPrograms({ shared });
  await checkPorts({ nodes, port, firstPort });

  const home = mkdtempSync(join(tmpdir(), 'realtime-chat-local-'));
  // Nginx's workers may be somebody else.
  chmodSync(home, 0o755);
  const parts = createParts(() => rmSync(home, { recursive: true, force: true }));
  try {
    const backends = shared ? await startBackends(parts, programs, home) : {};
    await startNodes(parts, { nodes, firstPort, home, backends });
    await startNginx(parts, { program: programs.nginx, nodes, port, firstPort, home });
    sayWhere({ nodes, port, firstPort, backends, home });
    parts.isUp();
  } catch (error) {
    console.error(`\n${error.message}`);
    await parts.stop(1);
  }
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        nodes: { type: 'string', default: String(MOST_NODES) },
        port: { type: 'string', default: '8080' },
        'first-port': { type: 'string', default: '3001' },
      },
    });
    const nodes = Number(values.nodes);
    if (![1, 2, MOST_NODES].includes(nodes)) fail(`--nodes: 1, 2 or 3 (got "${values.nodes}")`);
    return { nodes, port: Number(values.port), firstPort: Number(values['first-port']) };
  } catch (error) {
    return fail(
      `${error.message}\nnpm run cluster:local -- [--nodes 1|2|3] [--port 8080] [--first-port 3001]`,
    );
  }
}

/** Paths of what is needed and not given by REDIS_URL and MONGODB_URI; ends with a list of what is missing. */
function findPrograms({ shared }) {
  const nginx = onPath('nginx');
  const redis = shared && !process.env['REDIS_URL'] ? onPath('redis-server') : 'unused';
  const missing = [
    !nginx && 'nginx is missing: sudo apt-get install nginx',
    !redis && 'redis-server is missing: sudo apt-get install redis-server, or set REDIS_URL',
  ].filter(Boolean);
  const mongo = shared && !process.env['MONGODB_URI'] ? findMongod() : { program: 'unused' };
  if (mongo.missing) missing.push(`mongod is missing (${mongo.missing}), or set MONGODB_URI`);
  if (missing.length > 0) fail(missing.join('\n'));
  return { nginx, redis, mongod: mongo.program };
}

/** Debian keeps nginx where only root's PATH looks. */
function onPath(program) {
  const folders = [
    ...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean),
    '/usr/sbin',
    '/usr/local/sbin',
  ];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** The one of the tests: from the PATH, or fetched once. */
function findMongod() {
  console.log('Looking for a mongod (the first time it may be fetched, 42 MB)…');
  const script =
    "import { findMongod } from './test/harness/mongod.ts'; console.log(JSON.stringify(await findMongod()));";
  const { stdout, stderr } = spawnSync(NODE, ['--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1));
  } catch {
    return { missing: stderr.trim().split('\n').at(-1) };
  }
}

async function checkPorts({ nodes, port, firstPort }) {
  const wanted = [{ port, what: 'Nginx' }];
  for (let i = 0; i < nodes; i++) {
    wanted.push({ port: firstPort + i, what: `node n${i + 1}` });
    wanted.push({ port: firstPort + i + PLAIN_OFFSET, what: `node n${i + 1}, plain port` });
  }
  const taken = [];
  for (const each of wanted) if (!(await isFree(each.port))) taken.push(each);
  if (taken.length === 0) return;
  const lines = taken.map((each) => `Port ${each.port} is in use (wanted for ${each.what}).`);
  lines.push(
    'Stop what listens there (ss -ltnp), or choose others: npm run cluster:local -- --port 8090 --first-port 3101',
  );
  fail(lines.join('\n'));
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function startBackends(parts, programs, home) {
  const { REDIS_URL, MONGODB_URI } = process.env;
  const backends = { REDIS_URL, MONGODB_URI };
  if (!REDIS_URL) {
    const port = await freePort();
    const flags = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', home];
    const redis = parts.start('redis', [programs.redis, ...flags.map(String)], { quiet: true });
    await redis.until(() => listens(port));
    backends.REDIS_URL = `redis://127.0.0.1:${port}`;
  }
  if (!MONGODB_URI) {
    const port = await freePort();
    const data = join(home, 'mongo');
    mkdirSync(data);
    const flags = [
      '--port',
      port,
      '--bind_ip',
      '127.0.0.1',
      '--dbpath',
      data,
      '--wiredTigerCacheSizeGB',
      '0.25',
      '--quiet',
    ];
    const mongo = parts.start('mongo', [programs.mongod, ...flags.map(String)], { quiet: true });
    await mongo.until(() => listens(port));
    backends.MONGODB_URI = `mongodb://127.0.0.1:${port}/realtime_chat`;
  }
  return backends;
}

async function startNodes(parts, { nodes, firstPort, home, backends }) {
  // Shared, as several nodes need it; each would make its own otherwise.
  const JWT_SECRET = process.env['JWT_SECRET'] || randomBytes(32).toString('hex');
  const WORKERS = process.env['WORKERS'] || String(Math.max(1, Math.floor(availableParallelism() / nodes)));
  const started = [];
  for (let i = 0; i < nodes; i++) {
    const NODE_ID = `n${i + 1}`;
    const PORT = firstPort + i;
    const folder = join(home, NODE_ID);
    mkdirSync(folder);
    const env = {
      ...{ NODE_ENV: 'development', JWT_SECRET, WORKERS, NODE_ID, HOST: '127.0.0.1' },
      ...{ PORT: String(PORT), HTTP_PORT: String(PORT + PLAIN_OFFSET) },
      ...{ REDIS_URL: '', MONGODB_URI: '', ...backends },
      ...{ DATA_DIR: join(folder, 'data'), LOG_DIR: join(folder, 'logs'), UPLOAD_DIR: join(home, 'uploads') },
    };
    // In a folder of its own, so that an .env here, which may be a production's, is not read.
    started.push({ PORT, part: parts.startNode(NODE_ID, { env, cwd: folder }) });
  }
  await Promise.all(started.map(({ PORT, part }) => part.until(() => isReady(PORT))));
}

async function startNginx(parts, { program, nodes, port, firstPort, home }) {
  const site = readFileSync(join(ROOT, 'nginx.conf'), 'utf8')
    .replace('listen 80;', `listen ${port};`)
    .replace(/^.*listen \[::\]:80;.*$/m, '')
    .replaceAll(/^.*127\.0\.0\.1:([34])00([123]) max_fails=3.*$/gm, (line, thousands, number) =>
      Number(number) <= nodes ? line : '',
    )
    .replaceAll(/127\.0\.0\.1:([34])00([123])\b/g, (_, thousands, number) => {
      return `127.0.0.1:${firstPort + Number(number) - 1 + (thousands === '4' ? PLAIN_OFFSET : 0)}`;
    });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(home, `nginx-${kind}`)};`,
  );
  const file = join(home, 'nginx.conf');
  writeFileSync(join(home, 'site.conf'), site);
  writeFileSync(
    file,
    `pid ${join(home, 'nginx.pid')};\nerror_log stderr;\nevents { worker_connections 4096; }\n` +
      `http {\naccess_log off;\n${temporary.join('\n')}\ninclude ${join(home, 'site.conf')};\n}\n`,
  );
  const nginx = parts.start('nginx', [program, '-c', file, '-e', 'stderr', '-g', 'daemon off;']);
  await nginx.until(() => isReady(port));
}

function sayWhere({ nodes, port, firstPort, backends, home }) {
  const list = Array.from({ length: nodes }, (_, i) => `n${i + 1} http://localhost:${firstPort + i}`);
  console.log(`
  ${nodes === 1 ? 'One node' : `${nodes} nodes`} behind Nginx: http://localhost:${port}

  nodes     ${list.join('   ')}
  redis     ${backends.REDIS_URL ?? 'none: one node keeps its state in memory'}
  mongodb   ${backends.MONGODB_URI ?? 'none: one node keeps its storage in SQLite'}
  data      ${home}, removed at the end

  Ctrl-C stops all of it. Kill one (kill -9), or stop one in order (kill): the others go on.
`);
}

/** What runs, in the order it was started; it stops in the opposite one. `clear` is called at the end. */
function createParts(clear) {
  const living = [];
  let up = false;
  let stopping;

  function add(name, child, { quiet = false } = {}) {
    const part = { name, child, exited: once(child, 'exit'), last: [] };
    living.push(part);
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        part.last = [...part.last.slice(-9), line];
        if (!quiet && line.trim() !== '') console.log(`${name.padEnd(5)} │ ${line}`);
      });
    }
    child.once('error', (error) => (part.last = [error.message]));
    child.once('exit', (code, signal) => {
      living.splice(living.indexOf(part), 1);
      if (!up || stopping) return;
      console.log(`${name.padEnd(5)} │ has ended (${signal ?? `code ${code}`})`);
      if (!living.some(({ name: other }) => /^n\d$/.test(other))) void stop(1);
    });
    return {
      /** Resolves when it is so, rejects when the program ends before or nothing happens. */
      async until(isSo) {
        const endsAt = performance.now() + START_MS;
        while (!(await isSo())) {
          if (stopping) return new Promise(() => {});
          if (!living.includes(part))
            throw new Error(`${name} ended before it was ready:\n${part.last.join('\n')}`);
          if (performance.now() > endsAt)
            throw new Error(`${name} was not ready within ${START_MS / 1000} s.`);
          await sleep(100);
        }
      },
    };
  }

  function stop(code) {
    stopping ??= (async () => {
      const stopped = (part) => {
        part.child.kill('SIGTERM');
        const killing = setTimeout(() => part.child.kill('SIGKILL'), KILL_AFTER_MS);
        return part.exited.finally(() => clearTimeout(killing));
      };
      const isNode = ({ name }) => /^n\d$/.test(name);
      // The nodes drain together, and need their backends for that.
      await Promise.all(living.filter(isNode).map(stopped));
      await Promise.all(living.map(stopped));
      clear();
      process.exit(code);
    })();
    return stopping;
  }

  let asked = false;
  onStop(() => {
    if (asked) {
      for (const { child } of living) child.kill('SIGKILL');
    } else console.log('\nStopping…');
    asked = true;
    void stop(up ? 0 : 1);
  });

  const stdio = ['ignore', 'pipe', 'pipe', 'ipc'];
  return {
    stop,
    isUp: () => (up = true),
    /** A program that would not notice our death: one of ours minds it. */
    start: (name, command, how) =>
      add(name, spawn(process.execPath, [SELF, '--mind', ...command], { detached: true, stdio }), how),
    /** A node ends by itself when its channel to here does. */
    startNode: (name, { env, cwd }) =>
      add(
        name,
        spawn(NODE, [join(ROOT, 'src', 'main.ts')], {
          cwd,
          detached: true,
          stdio,
          env: { ...process.env, ...env, REALTIME_CHAT_BOOTSTRAP: '1' },
        }),
      ),
  };
}

/** Runs a program that must not outlive the process which started this one, however that ends. */
async function mind([program, ...args]) {
  const child = spawn(program, args, { stdio: 'inherit' });
  const stop = () => {
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => {});
  process.on('disconnect', stop);
  child.once('error', (error) => {
    console.error(`${program}: ${error.message}`);
    process.exit(127);
  });
  const [code, signal] = await once(child, 'exit');
  process.exit(code ?? (signal === 'SIGTERM' ? 0 : 1));
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function isReady(port) {
  return fetch(`http://127.0.0.1:${port}/api/ready`).then(
    ({ ok }) => ok,
    () => false,
  );
}
