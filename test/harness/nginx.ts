import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from './ports.ts';

/** Path of the program, undefined where there is none. Debian keeps it where only root's PATH looks. */
export const nginxBinary: string | undefined = process.env['TEST_NGINX'] || onPath('nginx');
/** Why suites that need Nginx are skipped; undefined where they are not. */
export const withoutNginx: string | undefined =
  nginxBinary && existsSync('/etc/nginx/sites-available/default')
    ? undefined
    : "Debian's nginx is missing (apt-get install nginx, or set TEST_NGINX)";

function onPath(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), '/usr/sbin'];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

export const ourSite = readFileSync(fileURLToPath(new URL('../../nginx.conf', import.meta.url)), 'utf8');

const DEBIAN = '/etc/nginx';
const START_MS = 30_000;
const BASE_PORT = 3000;
const PLAIN_OFFSET = 1000;

/** Where a node listens: its sticky and its plain port. */
export interface NodePorts {
  readonly port: number;
  readonly httpPort: number;
}

export interface NginxOptions {
  /** The first is the node of ports 3001 and 4001 in nginx.conf, and so on. On what is left out nobody listens. */
  readonly nodes: readonly NodePorts[];
  /** Changes the site before it is installed. */
  readonly edit?: (site: string) => string;
}

export interface InstalledNginx {
  /** What `nginx -t` says. */
  readonly check: { readonly status: number | null; readonly output: string };
  readonly url: string;
  readonly httpsUrl: string;
  start(): Promise<Nginx>;
  remove(): void;
}

export interface Nginx {
  readonly url: string;
  readonly httpsUrl: string;
  errorLog(): string;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
}

/**
 * Debian's own configuration, its default site included, in a folder of its own, with our site installed as document B says.
 * Only folders, port numbers and the number of worker processes differ from what an administrator gets.
 */
export async function installNginx({ nodes, edit = (site) => site }: NginxOptions): Promise<InstalledNginx> {
  const home = mkdtempSync(join(tmpdir(), 'realtime-chat-nginx-'));
  // The worker processes run as another user.
  chmodSync(home, 0o755);
  const etc = join(home, 'etc');
  cpSync(DEBIAN, etc, { recursive: true, verbatimSymlinks: true });
  mkdirSync(join(home, 'log'));
  const [port, tlsPort, ...unused] = await freePorts(2 + 2 * 3);

  const moved = (text: string) =>
    withoutIpv6IfNone(text)
      .replaceAll(DEBIAN, etc)
      .replaceAll('/run/nginx.pid', join(home, 'nginx.pid'))
      .replaceAll('/var/log/nginx', join(home, 'log'))
      .replaceAll(/(listen\s+(?:\[::\]:)?)80\b/g, `$1${port}`)
      .replaceAll(/(listen\s+(?:\[::\]:)?)443\b/g, `$1${tlsPort}`)
      .replaceAll('worker_processes auto', 'worker_processes 2')
      .replaceAll('https://$host$', `https://$host:${tlsPort}$`);
  const rewrite = (file: string, change: (text: string) => string) =>
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  rewrite(join(etc, 'nginx.conf'), moved);
  rewrite(join(etc, 'sites-available/default'), moved);
  rmSync(join(etc, 'sites-enabled'), { recursive: true });
  mkdirSync(join(etc, 'sites-enabled'));
  symlinkSync(join(etc, 'sites-available/default'), join(etc, 'sites-enabled/default'));
  // Compiled-in paths that the test may not write to.
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `${kind}_temp_path ${join(home, kind)};`,
  );
  writeFileSync(join(etc, 'conf.d/temporary.conf'), temporary.join('\n'));

  const site = join(etc, 'sites-available/realtime-chat');
  writeFileSync(site, moved(withPorts(edit(ourSite), nodes, unused)));
  symlinkSync(site, join(etc, 'sites-enabled/realtime-chat'));

  const args = ['-c', join(etc, 'nginx.conf'), '-e', join(home, 'log/error.log')];
  const { status, stdout, stderr } = spawnSync(nginxBinary!, [...args, '-t'], { encoding: 'utf8' });
  const urls = { url: `http://localhost:${port}`, httpsUrl: `https://localhost:${tlsPort}` };
  const remove = () => rmSync(home, { recursive: true, force: true });

  return {
    ...urls,
    check: { status, output: stdout + stderr },
    remove,
    async start() {
      const child = spawn(nginxBinary!, [...args, '-g', 'daemon off;'], { stdio: 'ignore' });
      const exited = once(child, 'exit');
      const errorLog = () => readFileSync(join(home, 'log/error.log'), 'utf8');
      const isUp = await listens(port!, START_MS);
      if (!isUp) {
        child.kill('SIGKILL');
        throw new Error(`nginx does not listen:\n${stderr}\n${errorLog()}`);
      }
      return {
        ...urls,
        errorLog,
        async stop() {
          child.kill('SIGTERM');
          await exited;
          remove();
        },
      };
    },
  };
}

/** Installed, checked and started. */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const installed = await installNginx(options);
  if (installed.check.status !== 0) throw new Error(installed.check.output);
  return installed.start();
}

/** The ports of a running server, from its two addresses. */
export const portsOf = ({ url, httpUrl }: { url: string; httpUrl: string }): NodePorts => ({
  port: Number(new URL(url).port),
  httpPort: Number(new URL(httpUrl).port),
});

function withPorts(site: string, nodes: readonly NodePorts[], unused: number[]): string {
  return site.replaceAll(/(localhost|127\.0\.0\.1):([34])00([123])\b/g, (_, host, thousands, number) => {
    const index = Number(number) - 1;
    const isPlain = Number(thousands) * 1000 === BASE_PORT + PLAIN_OFFSET;
    const node = nodes[index];
    const port = isPlain ? node?.httpPort : node?.port;
    return `${host}:${port ?? unused[2 * index + Number(isPlain)]}`;
  });
}

/** Debian's default site listens on IPv6 too, which a container may not have. */
function withoutIpv6IfNone(text: string): string {
  return hasIpv6 ? text : text.replaceAll(/^.*listen\s+\[::\].*$/gm, '');
}
const hasIpv6 = await new Promise<boolean>((resolve) => {
  const server = createServer();
  server.once('error', () => resolve(false));
  server.listen(0, '::1', () => server.close(() => resolve(true)));
});

async function listens(port: number, withinMs: number): Promise<boolean> {
  const endsAt = performance.now() + withinMs;
  while (performance.now() < endsAt) {
    const socket = connect(port, '127.0.0.1');
    const connected = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (connected) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}
