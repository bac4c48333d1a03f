import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server } from 'socket.io';
import { io as connectTo, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createOutbox, type Outbox } from '../../src/kernel/outbox.ts';
import { roomOf } from '../../src/kernel/rooms.ts';
import { createSocketServer, sessionId } from '../../src/kernel/sockets.ts';

const PAGE = 'https://page.example';

describe('session ids', () => {
  it('have exactly 20 characters that the dispatcher looks for, the node’s name in front', () => {
    const names = ['n', '7', 'n1', 'n99', 'abc', 'node1', 'a1b2c3', 'zzzzzz', '000000'];
    const made = new Set<string>();
    for (const name of names) {
      for (let n = 0; n < 2_000; n++) {
        const id = sessionId(name);
        expect(id).toMatch(/^[A-Za-z0-9_-]{20}$/);
        expect(/^([a-z0-9]{1,6})-/.exec(id)?.[1]).toBe(name);
        made.add(id);
      }
    }
    expect(made.size).toBe(names.length * 2_000);
  });

  it('cannot be guessed: at least 78 bits of chance stand behind the name', () => {
    const [one, other] = [sessionId('abcdef'), sessionId('abcdef')];
    expect(one.slice(7)).toHaveLength(13);
    const differing = [...one.slice(7)].filter((letter, n) => letter !== other[7 + n]);
    expect(differing.length).toBeGreaterThan(5);
  });
});

describe('the socket server', () => {
  let http: HttpServer;
  let plain: HttpServer;
  let io: Server;
  let draining: boolean;
  const clients: Socket[] = [];
  const portOf = (server: HttpServer) => (server.address() as AddressInfo).port;

  beforeEach(async () => {
    draining = false;
    http = createServer();
    plain = createServer((incoming, response) => void http.emit('request', incoming, response));
    plain.on('upgrade', (...args) => void http.emit('upgrade', ...args));
    io = createSocketServer(http, {
      ...{
        nodeId: 'n1',
        origins: [PAGE],
        corsCredentials: true,
        pingIntervalMs: 25_000,
        pingTimeoutMs: 60_000,
      },
      ...{ maxHttpBufferBytes: 1_000_000, plainPort: () => portOf(plain), draining: () => draining },
    });
    for (const server of [http, plain]) {
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
    }
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    plain.close();
    await io.close();
  });

  async function ask(path: string, headers: Record<string, string> = {}, port = portOf(http), body?: string) {
    const sent = request({ port, path, headers, method: body === undefined ? 'GET' : 'POST' });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [
      {
        statusCode: number;
        headers: IncomingHttpHeaders;
        setEncoding(to: string): void;
      } & AsyncIterable<string>,
    ];
    response.setEncoding('utf8');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, headers: response.headers, body: text };
  }
  const newSession = '/socket.io/?EIO=4&transport=polling';

  function client(headers: Record<string, string> = {}, transport = 'websocket'): Promise<Socket> {
    const socket = connectTo(`http://127.0.0.1:${portOf(http)}`, {
      ...{ forceNew: true, reconnection: false, transports: [transport], extraHeaders: headers },
    });
    clients.push(socket);
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(socket));
      socket.once('connect_error', reject);
    });
  }

  it('names its sessions after the node', async () => {
    const { status, body } = await ask(newSession);
    expect(status).toBe(200);
    expect((JSON.parse(body.slice(1)) as { sid: string }).sid).toMatch(/^n1-[A-Za-z0-9_-]{17}$/);
    await client();
    expect(
      [...io.sockets.sockets.values()].map(({ conn }) => (conn as unknown as { id: string }).id),
    ).toEqual([expect.stringMatching(/^n1-.{17}$/)]);
  });

  it('takes pages of its own and listed origins, over every transport, and no others', async () => {
    const own = `http://127.0.0.1:${portOf(http)}`;
    for (const transport of ['websocket', 'polling']) {
      await client({}, transport);
      await client({ origin: own }, transport);
      await client({ origin: PAGE }, transport);
      await expect(client({ origin: 'https://evil.example' }, transport)).rejects.toThrow();
      await expect(client({ origin: 'null' }, transport)).rejects.toThrow();
    }
    expect((await ask(newSession, { origin: PAGE })).headers['access-control-allow-origin']).toBe(PAGE);
    expect((await ask(newSession, { origin: 'https://evil.example' })).status).toBe(403);
  });

  it('says on the plain port that it is not there', async () => {
    const { status, body } = await ask(newSession, {}, portOf(plain));
    expect(status).toBe(403);
    expect(body).toContain('PORT');
    const socket = connectTo(`http://127.0.0.1:${portOf(plain)}`, {
      reconnection: false,
      transports: ['websocket'],
    });
    clients.push(socket);
    await once(socket as never, 'connect_error');
  });

  it('while it drains, sends newcomers elsewhere and lets open sessions go on', async () => {
    const { body } = await ask(newSession);
    const { sid } = JSON.parse(body.slice(1)) as { sid: string };
    draining = true;
    const refused = await ask(newSession);
    expect(refused.status).toBe(503);
    expect(refused.headers['retry-after']).toBe('1');
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'UNAVAILABLE' });
    await expect(client()).rejects.toThrow();

    const going = await ask(`${newSession}&sid=${sid}`, {}, portOf(http), '40');
    expect([going.status, going.body]).toEqual([200, 'ok']);
  });

  it('gives its answers the headers of the others', async () => {
    const { headers } = await ask(newSession);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toContain("default-src 'self'");
  });

  it('serves no client script and takes no packet above its limit', async () => {
    expect((await ask('/socket.io/socket.io.js')).status).not.toBe(200);
    const socket = await client();
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.emit('x', 'y'.repeat(1_000_001));
    await gone;
  });

  describe('the outbox', () => {
    let up: boolean;
    let outbox: Outbox;
    beforeEach(() => {
      up = true;
      outbox = createOutbox(io.of('/'), () => up);
    });

    /** A client in these rooms, and what it hears. */
    async function member(...rooms: [Parameters<typeof roomOf>[0], string][]) {
      const socket = await client();
      const heard: unknown[] = [];
      socket.onAny((event: string, body: unknown) => heard.push([event, body]));
      void io.sockets.sockets.get(socket.id!)!.join(rooms.map(([kind, id]) => roomOf(kind, id)));
      return { socket, heard, settled: () => settled(socket) };
    }
    /** What was pushed before has arrived. */
    async function settled(socket: Socket) {
      const mark = new Promise((resolve) => socket.once('mark', resolve));
      io.to(socket.id!).emit('mark');
      await mark;
    }

    it('pushes to a room, to several once, to none nobody', async () => {
      const ann = await member(['user', 'ann'], ['chat', '1']);
      const bob = await member(['chat', '1']);
      outbox.push(roomOf('user', 'ann'), 'hello', { n: 1 });
      outbox.push([roomOf('user', 'ann'), roomOf('chat', '1')], 'hello', { n: 2 });
      outbox.push([], 'hello', { n: 3 });
      await Promise.all([ann.settled(), bob.settled()]);
      const hellos = (heard: unknown[]) => heard.filter((each) => (each as [string])[0] === 'hello');
      expect(hellos(ann.heard)).toEqual([
        ['hello', { n: 1 }],
        ['hello', { n: 2 }],
      ]);
      expect(hellos(bob.heard)).toEqual([['hello', { n: 2 }]]);
    });

    it('ends everybody in a room, for good', async () => {
      const ann = await member(['session', 's1']);
      const bob = await member(['session', 's2']);
      const reason = new Promise((resolve) => ann.socket.once('disconnect', resolve));
      outbox.endAll(roomOf('session', 's1'));
      expect(await reason).toBe('io server disconnect');
      await bob.settled();
      expect(bob.socket.connected).toBe(true);
    });

    it('says whether it reaches anybody', () => {
      expect(outbox.isUp()).toBe(true);
      up = false;
      expect(outbox.isUp()).toBe(false);
    });
  });
});
