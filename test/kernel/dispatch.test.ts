import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Server } from 'socket.io';
import { io as connectTo, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Authenticator } from '../../src/kernel/auth.ts';
import type { Connection, Identity, UserIdentity } from '../../src/kernel/connection.ts';
import { createConnections, type ConnectionTable } from '../../src/kernel/connections.ts';
import { contractOf, request, type Failure } from '../../src/kernel/contract.ts';
import { dispatch, type DispatchDeps } from '../../src/kernel/dispatch.ts';
import { AppError } from '../../src/kernel/errors.ts';
import { bind, featureOf } from '../../src/kernel/feature.ts';
import { createIds } from '../../src/kernel/ids.ts';
import type { Limiter } from '../../src/kernel/limiter.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { optional } from '../../src/kernel/schemas.ts';
import { createSocketServer } from '../../src/kernel/sockets.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const WAIT_MS = 3_000;
const WINDOW_MS = 60_000;
const MAX_PENDING = 1_000;

type Ack = ({ success: true } & Record<string, unknown>) | Failure;

const userOf = (id: string): UserIdentity => ({
  ...{ kind: 'user', id, username: id, avatar: null, guest: false },
  ...{ status: 'online', sessionId: `s-${id}`, expiresAt: 0 },
});

const deskContract = contractOf({
  name: 'desk',
  requests: {
    note: request({ args: [z.string()], ack: z.object({ noted: z.string() }), access: 'anyone' }),
    slow: request({ args: [z.string()], ack: z.object({ noted: z.string() }), access: 'anyone' }),
    quiet: request({ args: [], access: 'anyone' }),
    form: request({
      args: [z.object({ name: z.string().min(2) }), optional(z.number())],
      ack: z.object({ heard: z.unknown() }),
      access: 'anyone',
    }),
    small: request({ args: [z.unknown()], access: 'anyone', maxSize: 50 }),
    fail: request({ args: [z.string()], access: 'anyone' }),
    unsayable: request({ args: [], ack: z.object({ big: z.unknown() }), access: 'anyone' }),
    secret: request({ args: [], ack: z.object({ user: z.string() }) }),
    login: request({ args: [z.string()], access: 'anyone' }),
    signal: request({ args: [], access: 'anyone', bucket: 'signal' }),
  },
});
const hallContract = contractOf({ name: 'hall' });

/** What handlers and hooks did, in order. */
type Note = (line: string) => void;
type Hook = 'connected' | 'identified' | 'disconnected';

interface Needs {
  readonly note: Note;
  readonly gate: () => Promise<void>;
  readonly onHook: (feature: string, hook: Hook) => void | Promise<void>;
}

function hooks(feature: string, { note, onHook }: Needs) {
  const say = async (hook: Hook, line: string) => {
    note(`${feature} ${line}`);
    await onHook(feature, hook);
  };
  return {
    connected: (connection: Connection) => say('connected', `sees ${connection.identity.username} come`),
    identified: (connection: Connection, before: Identity) =>
      say('identified', `sees ${before.username.slice(0, 5)} become ${connection.identity.username}`),
    disconnected: () => say('disconnected', 'sees them go'),
  };
}

const deskFeature = featureOf(deskContract)((needs: Needs) => ({
  requests: {
    note(_connection, text) {
      needs.note(text);
      return { noted: text };
    },
    async slow(_connection, text) {
      needs.note(`${text}…`);
      await needs.gate();
      needs.note(`…${text}`);
      return { noted: text };
    },
    quiet() {},
    form: (_connection, form, count) => ({ heard: [form, count ?? 'none'] }),
    small() {},
    fail(_connection, how) {
      if (how === 'app') throw new AppError('CONFLICT', 'Taken.', { name: 'is taken' });
      if (how === 'error') throw new Error('hunter2');
      if (how === 'text') throw 'hunter2'; // eslint-disable-line @typescript-eslint/only-throw-error
      if (how === 'nothing') throw undefined; // eslint-disable-line @typescript-eslint/only-throw-error
      return Promise.reject(new TypeError('hunter2'));
    },
    unsayable: () => ({ big: 1n }),
    secret: (connection) => ({ user: connection.identity.id }),
    login(connection, who) {
      connection.identify(userOf(who));
    },
    signal() {},
  },
  routes: {},
  ...hooks('desk', needs),
}));
const hallFeature = featureOf(hallContract)((needs: Needs) => ({
  requests: {},
  routes: {},
  ...hooks('hall', needs),
}));

const auth: Authenticator = {
  async verify(token) {
    if (token === 'ann' || token === 'bob') return userOf(token);
    if (token === 'away') throw new AppError('UNAVAILABLE', 'The storage is away.');
    if (token === 'broken') throw new Error('hunter2');
    throw new AppError('UNAUTHENTICATED', 'This token is not valid.');
  },
  subjectOfRefreshToken: () => undefined,
  isAdmin: async () => false,
};

describe('dispatch', () => {
  let http: HttpServer;
  let io: Server;
  let live: ConnectionTable;
  let url: string;
  let gate: PromiseWithResolvers<void>;
  let onHook: Needs['onHook'];
  let limiterFails: Error | undefined;
  const clock = fakeClock();
  const log: string[] = [];
  const errors: { text: string; error: unknown }[] = [];
  const hits: string[] = [];
  const clients: Socket[] = [];
  const max = { socket: Infinity, signal: Infinity };

  /** Counts in windows that the test ends by `hits.length = 0`. */
  const limiter: Limiter = {
    async hit(bucket, key) {
      if (limiterFails) throw limiterFails;
      const name = `${bucket} ${key}`;
      hits.push(name);
      const used = hits.filter((hit) => hit === name).length;
      const most = max[bucket as keyof typeof max];
      return { allowed: used <= most, remaining: Math.max(most - used, 0), resetMs: WINDOW_MS, used };
    },
    async refund() {},
  };

  beforeEach(async () => {
    for (const list of [log, errors, hits]) list.length = 0;
    max.socket = max.signal = Infinity;
    gate = Promise.withResolvers();
    onHook = () => {};
    limiterFails = undefined;
    live = createConnections(() => {});
    http = createServer();
    io = createSocketServer(http, {
      ...{ nodeId: 'n1', origins: [], corsCredentials: true, pingIntervalMs: 25_000, pingTimeoutMs: 60_000 },
      ...{ maxHttpBufferBytes: 1_000_000, plainPort: () => undefined, draining: () => false },
    });
    const limit = { max: 1, windowMs: WINDOW_MS };
    const deps: Omit<DispatchDeps, 'allowGuests'> = {
      auth,
      limiter,
      limits: {
        auth: limit,
        guest: limit,
        refresh: limit,
        api: limit,
        upload: limit,
        socket: limit,
        signal: limit,
      },
      ids: createIds(clock, 0),
      clock,
      logger: {
        ...silentLogger,
        error: (_, text, details) => void errors.push({ text, error: details?.['error'] }),
      },
      addressOf: () => '2001:db8:1:2::77',
    };
    const features = bind([deskFeature, hallFeature], {
      note: (line: string) => log.push(line),
      gate: () => gate.promise,
      onHook: (feature: string, hook: Hook) => onHook(feature, hook),
    });
    dispatch(io.of('/'), features, { ...deps, allowGuests: true }, live);
    dispatch(io.of('/members'), features, { ...deps, allowGuests: false }, live);
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    gate.resolve();
    for (const client of clients.splice(0)) client.close();
    await io.close();
    await live.empty();
  });

  function client(options: Partial<ManagerOptions & SocketOptions> = {}, namespace = '/'): Socket {
    const socket = connectTo(url + namespace, {
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
      ...options,
    });
    clients.push(socket);
    return socket;
  }
  async function connected(options: Partial<ManagerOptions & SocketOptions> = {}): Promise<Socket> {
    const socket = client(options);
    await happens(socket, 'connect');
    return socket;
  }
  const as = (token: string) => connected({ auth: { token } });

  /** The next event of this name; fails by name when none comes. */
  function happens<T = unknown>(socket: Socket, event: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${event}`)), WAIT_MS);
      socket.once(event, (body: T) => {
        clearTimeout(timer);
        resolve(body);
      });
    });
  }
  const ask = (socket: Socket, event: string, ...args: unknown[]): Promise<Ack> =>
    socket.timeout(WAIT_MS).emitWithAck(event, ...args) as Promise<Ack>;
  /** A Socket.IO packet as it stands, past the client's own checks. */
  const sendRaw = (socket: Socket, packet: string) =>
    (socket.io.engine as unknown as { write(data: string): void }).write(packet);
  const code = (code: string) => ({ success: false, error: { code } });
  const until = async (line: string) => {
    for (let n = 0; !log.includes(line) && n < 300; n++)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(log).toContain(line);
  };
  /** The server's view of a client. */
  const seenAs = (socket: Socket) => live.get(socket.id ?? '');

  describe('order', () => {
    it('later events wait for a slow one, of the same socket only', async () => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      const answers = Promise.all([
        ask(ann, 'slow', 'first'),
        ask(ann, 'note', 'second'),
        ask(ann, 'note', 'third'),
      ]);
      expect(await ask(bob, 'note', 'meanwhile')).toEqual({ success: true, noted: 'meanwhile' });
      await until('first…');
      expect(log).not.toContain('second');
      gate.resolve();
      expect(await answers).toMatchObject([{ noted: 'first' }, { noted: 'second' }, { noted: 'third' }]);
      expect(log.slice(-3)).toEqual(['…first', 'second', 'third']);
    });

    it('holds over failures', async () => {
      const ann = await as('ann');
      const outcomes: string[] = [];
      const noting = async (event: string, ...args: unknown[]) => {
        const { success } = await ask(ann, event, ...args);
        outcomes.push(`${event} ${success}`);
      };
      await Promise.all([noting('fail', 'error'), noting('unknown'), noting('note', 'x'), noting('note', 7)]);
      expect(outcomes).toEqual(['fail false', 'unknown false', 'note true', 'note false']);
    });

    it('nothing comes before the connection is set up', async () => {
      onHook = (_feature, hook) => (hook === 'connected' ? gate.promise : undefined);
      const ann = await as('ann');
      const answer = ask(ann, 'note', 'hello');
      await until('desk sees ann come');
      expect(log).not.toContain('hello');
      gate.resolve();
      await answer;
      expect(log).toEqual(['desk sees ann come', 'hall sees ann come', 'hello']);
    });

    it('an event that follows a sign-in in one tick is the new user’s', async () => {
      const guest = await connected();
      guest.emit('login', 'ann');
      expect(await ask(guest, 'secret')).toEqual({ success: true, user: 'ann' });
    });

    it('a handler that never ends keeps its own socket waiting, nobody else', async () => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      ann.emit('slow', 'for ever');
      await until('for ever…');
      expect(await ask(bob, 'quiet')).toEqual({ success: true });
      await expect(ann.timeout(50).emitWithAck('quiet')).rejects.toThrow();
    });
  });

  describe('answers', () => {
    it('go to the callback, with what the handler returned', async () => {
      const ann = await as('ann');
      expect(await ask(ann, 'note', 'x')).toEqual({ success: true, noted: 'x' });
      expect(await ask(ann, 'quiet')).toEqual({ success: true });
    });

    it('without a callback are none, and a failure is an error event', async () => {
      const ann = await as('ann');
      const events: string[] = [];
      ann.onAny((event: string) => events.push(event));
      ann.emit('note', 'x');
      ann.emit('fail', 'app');
      expect(await happens(ann, 'error')).toEqual({
        code: 'CONFLICT',
        message: 'Taken.',
        retryable: false,
        fields: { name: 'is taken' },
        event: 'fail',
      });
      await ask(ann, 'quiet');
      expect(events).toEqual(['error']);
    });

    it('with a callback come there only', async () => {
      const ann = await as('ann');
      const events: string[] = [];
      ann.onAny((event: string) => events.push(event));
      expect(await ask(ann, 'fail', 'app')).toEqual({
        success: false,
        message: 'Taken.',
        error: { code: 'CONFLICT', message: 'Taken.', retryable: false, fields: { name: 'is taken' } },
      });
      await ask(ann, 'quiet');
      expect(events).toEqual([]);
    });

    it('say nothing of what broke inside, which the log has in full', async () => {
      const ann = await as('ann');
      for (const how of ['error', 'text', 'nothing', 'reject']) {
        const answer = await ask(ann, 'fail', how);
        expect(answer).toMatchObject(code('INTERNAL'));
        expect(JSON.stringify(answer)).not.toContain('hunter2');
      }
      expect(errors.map(({ text }) => text)).toEqual(Array(4).fill('the event fail failed'));
      expect(errors.map(({ error }) => String(error))).toEqual([
        'Error: hunter2',
        'hunter2',
        'undefined',
        'TypeError: hunter2',
      ]);
      await ask(ann, 'fail', 'app');
      expect(errors).toHaveLength(4);
    });

    it('that cannot be written down are a failure', async () => {
      const ann = await as('ann');
      expect(await ask(ann, 'unsayable')).toMatchObject(code('INTERNAL'));
      expect(await ask(ann, 'quiet')).toEqual({ success: true });
    });

    it('to a socket that has gone are dropped', async () => {
      const ann = await as('ann');
      ann.emit('slow', 'work', () => {});
      await until('work…');
      ann.close();
      gate.resolve();
      await until('desk sees them go');
      expect(log.slice(-3)).toEqual(['…work', 'hall sees them go', 'desk sees them go']);
      expect(errors).toEqual([]);
      expect(live.size).toBe(0);
    });
  });

  describe('what clients send', () => {
    it.each(['unknown', 'error', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'message', ''])(
      'an event named "%s" is not known',
      async (event) => {
        const ann = await as('ann');
        expect(await ask(ann, event, 'x')).toMatchObject(code('BAD_INPUT'));
        const told = happens(ann, 'error');
        ann.emit(event, 'x');
        expect(await told).toMatchObject({ code: 'BAD_INPUT', event });
        expect(await ask(ann, 'quiet')).toEqual({ success: true });
      },
    );

    it('an event that is a number is not known either', async () => {
      const ann = await as('ann');
      const told = happens(ann, 'error');
      sendRaw(ann, '2[5,"x"]');
      expect(await told).toMatchObject({ code: 'BAD_INPUT', event: '5' });
      limiterFails = new Error('hunter2');
      const toldAgain = happens(ann, 'error');
      sendRaw(ann, '2[5,"x"]');
      expect(await toldAgain).toMatchObject({ code: 'INTERNAL', event: '5' });
    });

    it.each([
      ['disconnect', '2["disconnect"]'],
      ['disconnecting', '2["disconnecting"]'],
      ['connect', '2["connect"]'],
      ['connect_error', '2["connect_error"]'],
      ['newListener', '2["newListener"]'],
      ['no event', '2[]'],
      ['no list', '2{"a":1}'],
      ['nothing', '2'],
      ['broken JSON', '2["note",'],
      ['an unknown type', '9'],
      ['an acknowledgement nobody asked for', '3999["x"]'],
      ['a negative number of attachments', '5-1-["note"]'],
    ])('%s harms nobody but its sender', async (_what, packet) => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      sendRaw(ann, packet);
      expect(await ask(bob, 'note', 'still here')).toMatchObject({ success: true });
      expect(log).not.toContain('undefined');
    });

    it('events are not inherited: a name of every object is not taken for one', async () => {
      const ann = await as('ann');
      sendRaw(ann, '20["__proto__",{"__proto__":{"polluted":true}}]');
      await ask(ann, 'quiet');
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    });

    it('arguments are checked, and each field’s problem is told', async () => {
      const ann = await as('ann');
      for (const wrong of [
        [{ name: 'a' }],
        [{ name: 7 }],
        [{}],
        ['text'],
        [null],
        [[]],
        [{ name: 'ann' }, 'seven'],
      ]) {
        const answer = await ask(ann, 'form', ...wrong);
        expect(answer).toMatchObject(code('BAD_INPUT'));
        expect(Object.keys((answer as Failure).error.fields ?? {})).toHaveLength(1);
      }
      expect(await ask(ann, 'form', { name: 'a' })).toMatchObject({
        error: { fields: { name: expect.any(String) as string } },
      });
    });

    it('arguments may be missing where they are optional, and nowhere else', async () => {
      const ann = await as('ann');
      expect(await ask(ann, 'form', { name: 'ann' })).toMatchObject({ heard: [{ name: 'ann' }, 'none'] });
      expect(await ask(ann, 'form', { name: 'ann' }, null)).toMatchObject({
        heard: [{ name: 'ann' }, 'none'],
      });
      expect(await ask(ann, 'form', { name: 'ann' }, undefined)).toMatchObject({ success: true });
      expect(await ask(ann, 'form', { name: 'ann' }, 7)).toMatchObject({ heard: [{ name: 'ann' }, 7] });
      expect(await ask(ann, 'form')).toMatchObject(code('BAD_INPUT'));
      expect(await ask(ann, 'note')).toMatchObject(code('BAD_INPUT'));
    });

    it('arguments may not be more than there are', async () => {
      const ann = await as('ann');
      expect(await ask(ann, 'quiet', 'x')).toMatchObject(code('BAD_INPUT'));
      expect(await ask(ann, 'quiet', null)).toMatchObject(code('BAD_INPUT'));
      expect(await ask(ann, 'note', 'x', 'y')).toMatchObject(code('BAD_INPUT'));
      expect(log).not.toContain('x');
    });

    it('arguments that are too large are not even looked at', async () => {
      const ann = await as('ann');
      expect(await ask(ann, 'small', 'x'.repeat(40))).toEqual({ success: true });
      expect(await ask(ann, 'small', 'x'.repeat(60))).toMatchObject(code('TOO_LARGE'));
      expect(await ask(ann, 'small', Array(60).fill(0))).toMatchObject(code('TOO_LARGE'));
      expect(await ask(ann, 'small', Buffer.alloc(60))).toMatchObject(code('TOO_LARGE'));
      expect(await ask(ann, 'small', 1, 'x'.repeat(60))).toMatchObject(code('TOO_LARGE'));
      expect(await ask(ann, 'note', 'x'.repeat(20_000))).toMatchObject(code('TOO_LARGE'));
      expect(log.filter((line) => line.startsWith('x'))).toEqual([]);
    });

    it('arguments that are nested too deep go no further: they would break the process that clones them', async () => {
      const ann = await as('ann');
      const depth = 2_000;
      sendRaw(ann, `21["form",${'{"name":'.repeat(depth)}"ann"${'}'.repeat(depth)}]`);
      const deep = happens(ann, 'error');
      sendRaw(ann, `2["note",${'['.repeat(depth)}${']'.repeat(depth)}]`);
      expect(await deep).toMatchObject({ code: 'TOO_LARGE' });
    });

    it('a function that is not the last argument is no callback', async () => {
      const ann = await as('ann');
      // Only the last one can be a function on the wire; in front of others it arrives as null.
      const told = happens(ann, 'error');
      sendRaw(ann, '2["note",null,"x"]');
      expect(await told).toMatchObject({ code: 'BAD_INPUT', event: 'note' });
    });

    it('a packet above the limit ends that connection and nothing else', async () => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      const gone = happens(ann, 'disconnect');
      ann.emit('note', 'x'.repeat(1_100_000));
      await gone;
      expect(await ask(bob, 'quiet')).toEqual({ success: true });
    });
  });

  describe('access', () => {
    it('is for users, unless the contract says anyone', async () => {
      const [ann, guest] = [await as('ann'), await connected()];
      expect(await ask(ann, 'secret')).toEqual({ success: true, user: 'ann' });
      expect(await ask(guest, 'secret')).toMatchObject(code('UNAUTHENTICATED'));
      expect(await ask(guest, 'note', 'hello')).toMatchObject({ success: true });
      await ask(guest, 'login', 'ann');
      expect(await ask(guest, 'secret')).toMatchObject({ user: 'ann' });
    });

    it('is checked before arguments are read', async () => {
      const guest = await connected();
      expect(await ask(guest, 'secret', 'too', 'many')).toMatchObject(code('UNAUTHENTICATED'));
    });
  });

  describe('limits', () => {
    it('count users by id and guests by address group, signaling on its own', async () => {
      const [ann, guest] = [await as('ann'), await connected()];
      await ask(ann, 'quiet');
      await ask(ann, 'signal');
      await ask(ann, 'unknown');
      await ask(guest, 'quiet');
      await ask(guest, 'login', 'bob');
      await ask(guest, 'quiet');
      expect(hits).toEqual([
        'socket user:ann',
        'signal user:ann',
        'socket user:ann',
        'socket ip:2001:db8:1:2::/64',
        'socket ip:2001:db8:1:2::/64',
        'socket user:bob',
      ]);
    });

    it('are told once a window, while every callback is told each time', async () => {
      max.socket = 1;
      const ann = await as('ann');
      const events: [string, unknown][] = [];
      ann.onAny((event: string, body: unknown) => events.push([event, body]));
      expect(await ask(ann, 'note', 'allowed')).toMatchObject({ success: true });
      for (const text of ['second', 'third', 'fourth']) {
        expect(await ask(ann, 'note', text)).toMatchObject({
          success: false,
          error: { code: 'RATE_LIMITED', retryable: true },
        });
      }
      ann.emit('note', 'fifth');
      expect(await ask(ann, 'signal')).toEqual({ success: true });
      expect(events).toEqual([
        ['rate_limit_exceeded', { event: 'note', retryAfterMs: WINDOW_MS }],
        ['error', expect.objectContaining({ code: 'RATE_LIMITED', event: 'note', retryable: true })],
      ]);
      expect(log.slice(2)).toEqual(['allowed']);

      clock.advance(WINDOW_MS);
      hits.length = 0;
      expect(await ask(ann, 'note', 'again')).toMatchObject({ success: true });
      expect(await ask(ann, 'note', 'too many')).toMatchObject(code('RATE_LIMITED'));
      await ask(ann, 'signal');
      expect(events).toHaveLength(4);
    });

    it('are told for each bucket', async () => {
      max.socket = max.signal = 0;
      const ann = await as('ann');
      let told = 0;
      ann.on('rate_limit_exceeded', () => (told += 1));
      await ask(ann, 'quiet');
      await ask(ann, 'signal');
      await ask(ann, 'signal');
      expect(told).toBe(2);
    });

    it('that cannot be asked refuse', async () => {
      limiterFails = new AppError('UNAVAILABLE', 'The server is restarting.');
      const ann = await as('ann');
      expect(await ask(ann, 'note', 'x')).toMatchObject(code('UNAVAILABLE'));
      expect(log).not.toContain('x');
    });

    it('refuse unread what piles up behind an event that takes its time', async () => {
      const ann = await as('ann');
      ann.emit('slow', 'first');
      await until('first…');
      let told = 0;
      ann.on('rate_limit_exceeded', () => (told += 1));
      for (let n = 1; n < MAX_PENDING; n++) ann.emit('note', `waits ${n}`);
      const refused = await Promise.all([
        ask(ann, 'note', 'too many'),
        ask(ann, 'signal'),
        ask(ann, 'note', 'too many'),
      ]);
      for (const answer of refused) expect(answer).toMatchObject(code('RATE_LIMITED'));
      expect(told).toBe(1);
      expect(hits).toHaveLength(1);
      gate.resolve();
      await until(`waits ${MAX_PENDING - 1}`);
      expect(await ask(ann, 'note', 'there is room again')).toMatchObject({ success: true });
      expect(log).not.toContain('too many');
    });
  });

  describe('hooks', () => {
    it('run in order when somebody comes, in reverse after the last event when they go', async () => {
      const ann = await as('ann');
      ann.emit('slow', 'last words');
      await until('last words…');
      ann.close();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(log).not.toContain('hall sees them go');
      expect(live.size).toBe(1);
      gate.resolve();
      await until('desk sees them go');
      expect(log).toEqual([
        'desk sees ann come',
        'hall sees ann come',
        'last words…',
        '…last words',
        'hall sees them go',
        'desk sees them go',
      ]);
    });

    it('that fail when somebody comes drop the connection: nothing of it is handled, everything is cleaned up', async () => {
      onHook = async (feature, hook) => {
        if (feature !== 'desk' || hook !== 'connected') return;
        await gate.promise;
        throw new AppError('UNAVAILABLE', 'Restarting.');
      };
      const ann = await as('ann');
      const reason = happens(ann, 'disconnect');
      const arrived = new Promise((resolve) => io.sockets.sockets.get(ann.id!)!.onAny(resolve));
      ann.emit('note', 'while it is set up');
      await arrived;
      gate.resolve();
      // Not "io server disconnect", after which a client would not come back.
      expect(await reason).toBe('transport close');
      await until('desk sees them go');
      expect(log).toEqual(['desk sees ann come', 'hall sees them go', 'desk sees them go']);
      expect(errors.map(({ text }) => text)).toEqual(['a connection could not be set up']);
    });

    it('that fail when somebody goes do not keep the others from cleaning up', async () => {
      onHook = (feature, hook) => {
        if (feature === 'hall' && hook === 'disconnected') throw new Error('stuck');
      };
      const ann = await as('ann');
      await ask(ann, 'quiet');
      ann.close();
      await until('desk sees them go');
      await live.empty();
      expect(errors.map(({ text }) => text)).toEqual(['hall could not clean up after a connection']);
    });

    it('hear of a new identity before the answer does, and only of a new one', async () => {
      const guest = await connected();
      await ask(guest, 'quiet');
      log.length = 0;
      const answer = await ask(guest, 'login', 'ann');
      expect(answer).toEqual({ success: true });
      expect(log).toEqual(['desk sees Guest become ann', 'hall sees Guest become ann']);
      await ask(guest, 'quiet');
      expect(log).toHaveLength(2);
      await ask(guest, 'login', 'bob');
      expect(log.slice(2)).toEqual(['desk sees ann become bob', 'hall sees ann become bob']);
    });

    it('that fail at a new identity drop the connection, which has only half of what goes with it', async () => {
      onHook = (feature, hook) => {
        if (feature === 'desk' && hook === 'identified') throw new AppError('UNAVAILABLE', 'Restarting.');
      };
      const guest = await connected();
      const reason = happens(guest, 'disconnect');
      guest.emit('login', 'ann');
      expect(await reason).toBe('transport close');
    });
  });

  describe('the handshake', () => {
    const refused = async (options: Partial<ManagerOptions & SocketOptions>, namespace = '/') => {
      const socket = client(options, namespace);
      const error = await happens<Error & { data?: Failure['error'] }>(socket, 'connect_error');
      return { message: error.message, ...error.data };
    };

    it('takes the token of auth, of auth as a header would have it, or of the header', async () => {
      for (const options of [
        { auth: { token: 'ann' } },
        { auth: { token: 'Bearer ann' } },
        { extraHeaders: { Authorization: 'Bearer ann' } },
        { auth: { token: '' }, extraHeaders: { authorization: 'bearer ann' } },
        { auth: { token: 'ann' }, extraHeaders: { Authorization: 'Bearer bob' } },
      ]) {
        const socket = await connected(options);
        expect(seenAs(socket)?.identity).toMatchObject({ kind: 'user', id: 'ann' });
      }
    });

    it('refuses a token that is not valid, and says so', async () => {
      for (const options of [
        { auth: { token: 'forged' } },
        { extraHeaders: { Authorization: 'Bearer forged' } },
        { auth: { token: 7 } },
        { auth: { token: { $gt: '' } } },
        { auth: { token: ['ann'] } },
        { auth: { token: true } },
      ]) {
        expect(await refused(options)).toMatchObject({ code: 'UNAUTHENTICATED', retryable: false });
      }
      expect(live.size).toBe(0);
      expect(log).toEqual([]);
    });

    it('says whether to come again when the storage is away', async () => {
      expect(await refused({ auth: { token: 'away' } })).toMatchObject({
        code: 'UNAVAILABLE',
        retryable: true,
      });
      const broken = await refused({ auth: { token: 'broken' } });
      expect(broken).toMatchObject({ code: 'INTERNAL' });
      expect(JSON.stringify(broken)).not.toContain('hunter2');
      expect(errors.map(({ error }) => String(error))).toEqual(['Error: hunter2']);
    });

    it('makes a guest of whoever has no token', async () => {
      for (const options of [
        {},
        { auth: {} },
        { auth: { token: null } },
        { extraHeaders: { Authorization: 'Basic YTpi' } },
      ]) {
        const { identity } = seenAs(await connected(options))!;
        expect(identity).toEqual({
          kind: 'guest',
          id: expect.stringMatching(/^guest:[0-9]+$/) as string,
          username: expect.stringMatching(/^Guest-[0-9]{4}$/) as string,
        });
      }
    });

    it('refuses whoever has no token where guests are not allowed', async () => {
      const answer = await refused({}, '/members');
      expect(answer).toMatchObject({ code: 'UNAUTHENTICATED', message: 'A token is required.' });
      const ann = client({ auth: { token: 'ann' } }, '/members');
      await happens(ann, 'connect');
      expect(await ask(ann, 'secret')).toEqual({ success: true, user: 'ann' });
    });

    it.each(['"text"', 'true', '[]', 'null', '[{"token":"ann"}]', '{"token":'])(
      'an auth of %s harms nobody but its sender',
      async (payload) => {
        const bob = await as('bob');
        const before = live.size;
        const socket = client({ autoConnect: false });
        socket.io.open();
        await new Promise<void>((resolve) => socket.io.once('open', resolve));
        const closed = new Promise<void>((resolve) => socket.io.once('close', () => resolve()));
        sendRaw(socket, `0${payload}`);
        await closed;
        expect(live.size).toBe(before);
        expect(await ask(bob, 'quiet')).toEqual({ success: true });
      },
    );
  });

  describe('a connection, as features see it', () => {
    it('knows what the handshake said', async () => {
      const socket = await connected({
        auth: { token: 'ann', matchId: 'm1' },
        extraHeaders: { 'user-agent': `browser ${'x'.repeat(1_000)}` },
      });
      const connection = seenAs(socket)!;
      expect(connection).toMatchObject({ ip: '2001:db8:1:2::77', auth: { matchId: 'm1' }, alive: true });
      expect(connection.userAgent).toHaveLength(512);
    });

    it('ends for good, or so that the client comes back', async () => {
      const [ann, bob] = [await as('ann'), await as('bob')];
      const reasons = [happens(ann, 'disconnect'), happens(bob, 'disconnect')];
      const connection = seenAs(ann)!;
      connection.end();
      seenAs(bob)!.drop();
      expect(await Promise.all(reasons)).toEqual(['io server disconnect', 'transport close']);
      expect(connection.alive).toBe(false);
    });

    it('is alive when its transport answers, not when it merely looks open', async () => {
      const ann = await as('ann');
      const connection = seenAs(ann)!;
      expect(await connection.probe(WAIT_MS)).toBe(true);

      const { ws } = (ann.io.engine as unknown as { transport: { ws: { pause(): void; resume(): void } } })
        .transport;
      ws.pause();
      expect(await connection.probe(50)).toBe(false);
      expect(connection.alive).toBe(true);
      ws.resume();
      expect(await connection.probe(WAIT_MS)).toBe(true);

      ws.pause();
      const probe = connection.probe(60 * WAIT_MS);
      connection.drop();
      ws.resume();
      expect(await probe).toBe(false);
      expect(await connection.probe(WAIT_MS)).toBe(false);
    });

    it('leaves no listener behind', async () => {
      const ann = await as('ann');
      const [socket] = await io.fetchSockets();
      const { conn } = io.sockets.sockets.get(socket!.id)!;
      const count = () => conn.listenerCount('heartbeat') + conn.listenerCount('close');
      const before = count();
      for (let n = 0; n < 20; n++) await seenAs(ann)!.probe(WAIT_MS);
      expect(count()).toBe(before);
    });
  });
});

describe('a list of features', () => {
  const needs: Needs = { note() {}, gate: async () => {}, onHook() {} };
  const start = (...list: Parameters<typeof dispatch>[1]) =>
    dispatch(
      { use() {}, on() {} } as never,
      list,
      {} as never,
      createConnections(() => {}),
    );

  it('starts when everything is claimed once', () => {
    expect(() => start(...bind([deskFeature, hallFeature], needs))).not.toThrow();
  });

  it('does not start when two claim one event, in either direction', () => {
    expect(() => start(...bind([deskFeature, deskFeature], needs))).toThrow(
      'two features claim the event note',
    );
    const bell = featureOf(contractOf({ name: 'bell', pushes: { ring: z.string() } }))(() => ({
      requests: {},
      routes: {},
    }));
    expect(() => start(...bind([bell, bell], needs))).toThrow('two features push the event ring');
    const knocker = featureOf(contractOf({ name: 'door', requests: { ring: request({ args: [] }) } }))(
      () => ({
        requests: { ring() {} },
        routes: {},
      }),
    );
    expect(() => start(...bind([bell, knocker], needs))).not.toThrow();
  });

  it('does not start when an event has no handler', () => {
    const lazy = featureOf(deskContract)((() => ({ requests: {}, routes: {} })) as never);
    expect(() => start(...bind([lazy], needs as never))).toThrow('desk has no handler for note');
  });
});
