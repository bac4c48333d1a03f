/** Dockerfile and docker-compose.yml without Docker: what they name is there, and what they start works. */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { variables } from '../../config/schema.ts';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { ourSite, startNginx, withoutNginx, type Nginx } from '../harness/nginx.ts';
import { freePorts } from '../harness/ports.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');

interface Service {
  image: string;
  entrypoint?: string[];
  environment: Record<string, string>;
  volumes: string[];
  networks: Record<string, { ipv4_address: string }>;
  depends_on: Record<string, { condition: string }>;
  stop_grace_period: string;
}
interface Compose {
  services: Record<'nginx' | 'backend' | 'redis' | 'mongo', Service>;
  networks: { backend: { ipam: { config: { subnet: string; ip_range: string }[] } } };
}
const compose = parse(read('docker-compose.yml')) as Compose;
const { nginx: proxy, backend } = compose.services;
const [addresses] = compose.networks.backend.ipam.config;

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');
  const instructions = (name: string) => lines.filter((line) => line.startsWith(`${name} `));

  test('copies what exists and what .dockerignore lets through', () => {
    const sources = instructions('COPY')
      .filter((line) => !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1));
    expect(sources.length).toBeGreaterThan(5);
    const passed = read('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(passed).toContain(source);
    }
    expect(read('.dockerignore')).toMatch(/^\*$/m);
    expect([...passed].sort()).toEqual([...new Set(sources)].sort());
  });

  test('has a base with glibc and Node 24, and runs as nobody special', () => {
    const bases = instructions('FROM').map((line) => line.split(' ')[1]);
    expect(new Set(bases)).toEqual(new Set(['node:24-bookworm-slim', 'modules']));
    expect(instructions('USER')).toEqual(['USER node']);
    expect(instructions('EXPOSE')).toEqual(['EXPOSE 3001']);
    expect(lines.findIndex((line) => line.startsWith('USER'))).toBeLessThan(
      lines.findIndex((line) => line.startsWith('CMD')),
    );
  });

  test('the health check tells a server that answers from one that does not', async () => {
    const command = JSON.parse(/HEALTHCHECK[^[]*(\[.*\])/.exec(read('Dockerfile'))![1]!) as string[];
    let status = 200;
    const server = createServer((request, response) => {
      response.writeHead(request.url === '/api/health' ? status : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [program, ...args] = command;
    expect(program).toBe('node');
    const check = async () => {
      const child = spawn(process.execPath, args, { env: { PORT: String(port) }, stdio: 'ignore' });
      return ((await once(child, 'exit')) as [number])[0];
    };
    expect(await check()).toBe(0);
    status = 503;
    expect(await check()).toBe(1);
    server.close();
    server.closeAllConnections();
    expect(await check()).toBe(1);
  });

  test.each([
    ['address', 'n17'],
    ['n4', 'n4'],
    ['', ''],
  ])('start.sh with NODE_ID=%j starts the server as %j', (given, nodeId) => {
    const home = mkdtempSync(join(tmpdir(), 'realtime-chat-start-'));
    mkdirSync(join(home, 'node_modules/node/bin'), { recursive: true });
    executable(join(home, 'node_modules/node/bin/node'), 'echo "$NODE_ID $*"');
    executable(join(home, 'hostname'), 'echo "172.28.5.17 fe80::1"');
    const { stdout } = spawnSync('sh', [join(root, 'deploy/docker/start.sh')], {
      cwd: home,
      env: { PATH: `${home}:/usr/bin:/bin`, NODE_ID: given },
      encoding: 'utf8',
    });
    rmSync(home, { recursive: true });
    expect(stdout).toBe(`${nodeId} src/main.ts\n`);
    expect(existsSync(join(root, 'src/main.ts'))).toBe(true);
  });
});

describe('docker-compose.yml', () => {
  test('has the four services, each after what it needs', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['backend', 'mongo', 'nginx', 'redis']);
    const healthy = { condition: 'service_healthy' };
    expect(proxy.depends_on).toEqual({ backend: healthy });
    expect(backend.depends_on).toEqual({ redis: healthy, mongo: healthy });
  });

  test('mounts files that are there', () => {
    const mounted = proxy.volumes.map((volume) => volume.split(':')[0]!);
    expect(mounted).toHaveLength(3);
    for (const file of mounted) expect(existsSync(join(root, file)), file).toBe(true);
  });

  test('sets variables that the server knows, and demands a JWT_SECRET', () => {
    expect(Object.keys(backend.environment).filter((name) => !(name in variables))).toEqual([]);
    expect(backend.environment['JWT_SECRET']).toMatch(/^\$\{JWT_SECRET:\?/);
    expect(backend.environment['NODE_ENV']).toBe('production');
  });

  test('gives a drain its time', () => {
    const graceMs = Number(/^(\d+)s$/.exec(backend.stop_grace_period)?.[1]) * 1000;
    expect(graceMs).toBeGreaterThan(Number(variables.DRAIN_TIMEOUT_MS.default));
  });

  test('believes its own Nginx and nobody else, in a network that nodes.conf knows', () => {
    const address = proxy.networks['backend']!.ipv4_address;
    expect(backend.environment['TRUST_PROXY']).toBe(address);
    const prefix = addresses!.subnet.replace(/\.0\/24$/, '');
    expect(address.startsWith(`${prefix}.`)).toBe(true);
    expect(addresses!.ip_range).toBe(`${prefix}.128/25`);
    expect(Number(address.split('.')[3])).toBeLessThan(128);
    expect(read('deploy/docker/nodes.conf')).toContain(`${prefix}.$realtime_chat_host:3001`);
  });
});

/** Docker's network on this machine: 127.28.5.x for 172.28.5.x, and a name server that knows `backend`. */
describe.skipIf(withoutNginx)('deploy/docker/nginx.sh, before any number of nodes', () => {
  const hosts: string[] = [];
  const nodes = new Map<string, Cluster>();
  let names: UdpSocket;
  let nginx: Nginx;
  let ports: [number, number];

  async function startNode(last: number): Promise<void> {
    const host = `127.28.5.${last}`;
    const [PORT, HTTP_PORT] = ports.map(String) as [string, string];
    const env = { HOST: host, NODE_ID: `n${last}`, PORT, HTTP_PORT };
    nodes.set(env.NODE_ID, await startCluster({ workers: 1, env }));
    hosts.push(host);
  }

  /** Clients one after the other, long-polling; answers which nodes served them, for better or worse. */
  async function visits(count: number): Promise<Set<string>> {
    const seen = new Set<string>();
    for (let i = 0; i < count; i++) {
      const socket = io(nginx.url, { forceNew: true, transports: ['polling'], reconnection: false });
      socket.on('connect_error', (error) => seen.add(error.message));
      const greeting = new Promise<string>((resolve) => {
        socket.once('connected', ({ nodeId }: { nodeId: string }) => resolve(nodeId));
        socket.once('connect_error', (error) => resolve(error.message));
      });
      seen.add(await greeting);
      for (let ping = 0; ping < 3; ping++) await socket.timeout(5_000).emitWithAck('ping');
      socket.close();
    }
    return seen;
  }

  beforeAll(async () => {
    ports = (await freePorts(2)) as [number, number];
    await Promise.all([startNode(130), startNode(131)]);
    names = await startNames(() => hosts);
    const dns = (names.address() as AddressInfo).port;
    const edit = () =>
      composed()
        .replaceAll('172.28.5.', '127.28.5.')
        .replaceAll('127.0.0.11 ', `127.0.0.1:${dns} `)
        .replaceAll(':3001', `:${ports[0]}`)
        .replaceAll(':4001', `:${ports[1]}`);
    nginx = await startNginx({ nodes: [], edit });
  });
  afterAll(async () => {
    await nginx?.stop();
    names?.close();
    await Promise.all([...nodes.values()].map((node) => node.stop()));
  });

  test('takes everything but the nodes from nginx.conf, and nothing of that twice', () => {
    const site = ourSite.slice(ourSite.indexOf('# ── The site')).replaceAll(/^.*listen \[::\].*\n/gm, '');
    expect(composed().endsWith(site)).toBe(true);
    expect(composed().match(/map \$arg_sid/g)).toHaveLength(1);
    expect(composed()).not.toMatch(/^upstream /m);
  });

  test('sessions find their container again, newcomers all containers', async () => {
    expect(await visits(12)).toEqual(new Set(['n130', 'n131']));
    for (let i = 0; i < 4; i++) expect((await fetch(`${nginx.url}/api/ready`)).status).toBe(200);
  });

  test('another container takes part within seconds, without a reload', async () => {
    await startNode(132);
    await expect.poll(() => visits(6), { timeout: 20_000 }).toContain('n132');
  });

  test('a container that is gone costs nobody anything', async () => {
    await nodes.get('n130')!.stop();
    const seen = await visits(12);
    expect([...seen].filter((who) => !/^n13[12]$/.test(who))).toEqual([]);
    for (let i = 0; i < 12; i++) expect((await fetch(`${nginx.url}/api/ready`)).status).toBe(200);
  });
});

/** What nginx.sh writes in its container. */
function composed(): string {
  const home = mkdtempSync(join(tmpdir(), 'realtime-chat-compose-'));
  const written = join(home, 'default.conf');
  const script = read('deploy/docker/nginx.sh').replace('/etc/nginx/conf.d/default.conf', written);
  writeFileSync(join(home, 'nginx.sh'), script);
  for (const volume of proxy.volumes) {
    const [source, target] = volume.split(':') as [string, string];
    if (!target.endsWith('.sh')) writeFileSync(join(home, target.split('/').at(-1)!), read(source));
  }
  executable(join(home, 'nginx'), 'exit 0');
  const { status, stderr } = spawnSync('sh', [join(home, 'nginx.sh')], {
    env: { PATH: `${home}:/usr/bin:/bin` },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
  const text = readFileSync(written, 'utf8');
  rmSync(home, { recursive: true });
  return text;
}

function executable(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

/** A name server that answers every question with these addresses, and forgets at once. */
async function startNames(addressesNow: () => readonly string[]): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180, 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(addressesNow().length, 6);
    const answers = addressesNow().map((address) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...address.split('.').map(Number)]),
    );
    socket.send(Buffer.concat([header, question, ...answers]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}
