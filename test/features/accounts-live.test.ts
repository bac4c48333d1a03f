/** Sockets and accounts: rooms, greetings, `authenticate`, and when a socket ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Greeting } from '../../src/features/accounts/contract.ts';
import { accountsFeature } from '../../src/features/accounts/feature.ts';
import { GUEST_LIFE_MS, type SignedIn } from '../../src/features/accounts/service.ts';
import type { Connection, Identity } from '../../src/kernel/connection.ts';
import { memoryLeases } from '../../src/kernel/leases.ts';
import { createLifecycle } from '../../src/kernel/lifecycle.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { roomOf } from '../../src/kernel/rooms.ts';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountsDesk, DAY_MS, from, jwtConfig, type Desk } from './accounts-desk.ts';

let storage: StorageUnderTest;
beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
afterAll(() => storage.close());

interface FakeSocket extends Connection {
  readonly rooms: Set<string>;
  /** Names and bodies, in order. */
  readonly received: [event: string, body: unknown][];
}

let desk: Desk;
let sockets: FakeSocket[];
let feature: ReturnType<typeof accountsFeature.define>;
let stop: () => Promise<void>;

beforeEach(async () => {
  desk = accountsDesk(storage);
  sockets = [];
  feature = accountsFeature.define({
    ...desk.stores,
    auth: desk.auth,
    presence: { onlineAmong: async () => [] },
    config: { nodeId: 'n1', jwt: jwtConfig },
    passwordCost: 4,
    workerName: 'n1.1',
    connections: {
      get: (id) => sockets.find((socket) => socket.id === id),
      all: () => sockets,
      get size() {
        return sockets.length;
      },
    },
    outbox: {
      endAll(room) {
        for (const socket of sockets) if (socket.rooms.has(room)) socket.end();
      },
    },
    facts: desk.facts,
    leases: memoryLeases(desk.clock),
    owner: 'w1',
    ids: desk.ids,
    clock: desk.clock,
    logger: silentLogger,
  });
  const lifecycle = createLifecycle(silentLogger);
  await feature.start?.(lifecycle);
  stop = () => lifecycle.stop(1000);
});
afterEach(async () => {
  await stop();
  await storage.empty();
});

function socketOf(identity: Identity): FakeSocket {
  const socket = {
    id: `socket${sockets.length + 1}`,
    ip: '198.51.100.7',
    userAgent: 'a browser',
    auth: {},
    identity,
    alive: true,
    rooms: new Set<string>(),
    received: [] as FakeSocket['received'],
    identify: (next: Identity) => void (socket.identity = next),
    join: (room: string) => void socket.rooms.add(room),
    leave: (room: string) => void socket.rooms.delete(room),
    emit: (event: string, body: unknown) => void socket.received.push([event, body]),
    drop: () => void (socket.alive = false),
    end: () => void (socket.alive = false),
    onPushed() {},
    probe: async () => true,
  };
  sockets.push(socket);
  return socket;
}

const nobody: Identity = { kind: 'guest', id: 'guest:77', username: 'Guest-0077' };

async function connect(signedIn?: SignedIn): Promise<FakeSocket> {
  const socket = socketOf(signedIn ? await desk.whoIs(signedIn) : nobody);
  await feature.connected?.(socket);
  return socket;
}

/** As the dispatcher does it. */
async function authenticate(socket: FakeSocket, given: unknown) {
  const before = socket.identity;
  const handle = feature.requests['authenticate'] as (connection: Connection, given: unknown) => unknown;
  const answer = await handle(socket, given);
  if (socket.identity !== before) await feature.identified?.(socket, before);
  return answer;
}

describe('a socket that connects', () => {
  it('with a token is greeted as its user, twice, and can be reached', async () => {
    const ann = await desk.register('ann');
    const socket = await connect(ann);
    expect([...socket.rooms]).toEqual([roomOf('user', ann.account.id), roomOf('session', ann.sessionId)]);
    expect(socket.received.map(([event]) => event)).toEqual(['connection:established', 'connected']);
    for (const [, body] of socket.received) {
      expect(Greeting.parse(body)).toEqual(body);
      expect(body).toEqual({
        socketId: socket.id,
        user: { id: ann.account.id, username: 'ann', avatar: null, guest: false, status: 'online' },
        serverTime: new Date(desk.clock.now()).toISOString(),
        nodeId: 'n1',
        workerId: 'n1.1',
      });
    }
    await vi.waitFor(async () =>
      expect(await desk.rules.sessionsOf(await desk.whoIs(ann))).toMatchObject([{ ip: socket.ip }]),
    );
  });

  it('without a token is told who it is', async () => {
    const socket = await connect();
    expect([...socket.rooms]).toEqual(['user:guest:77']);
    expect(socket.received[1]).toMatchObject([
      'connected',
      { user: null, guest: { userId: 'guest:77', username: 'Guest-0077', guest: true } },
    ]);
  });

  it('ends when its session was revoked just before it could be reached', async () => {
    const ann = await desk.register('ann');
    const socket = socketOf(await desk.whoIs(ann));
    await desk.rules.logout(await desk.whoIs(ann));
    await feature.connected?.(socket);
    expect(socket.alive).toBe(false);
    expect(socket.received).toEqual([['error', expect.objectContaining({ code: 'UNAUTHENTICATED' })]]);
  });
});

describe('authenticate', () => {
  it('upgrades a socket, with either form of the token', async () => {
    const ann = await desk.register('ann');
    for (const given of [ann.token, { token: ann.token }]) {
      const socket = await connect();
      expect(await authenticate(socket, given)).toEqual({
        user: { id: ann.account.id, username: 'ann', avatar: null, guest: false, status: 'online' },
      });
      expect(socket.received.at(-1)).toEqual(['authenticated', { userId: Number(ann.account.id) }]);
      expect([...socket.rooms]).toEqual([roomOf('user', ann.account.id), roomOf('session', ann.sessionId)]);
    }
  });

  it('leaves everything as it was when the token is bad', async () => {
    const socket = await connect();
    await expect(authenticate(socket, 'nonsense')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(socket.identity).toBe(nobody);
    expect([...socket.rooms]).toEqual(['user:guest:77']);
  });

  it('leaves nothing of the user it was before', async () => {
    const [ann, bob] = [await desk.register('ann'), await desk.register('bob')];
    const socket = await connect(ann);
    await authenticate(socket, bob.token);
    expect([...socket.rooms]).toEqual([roomOf('user', bob.account.id), roomOf('session', bob.sessionId)]);

    await desk.rules.logout(await desk.whoIs(ann));
    desk.clock.advance(60_000);
    expect(socket.alive).toBe(true);
  });

  it('moves to another session of the same user', async () => {
    const [ann, again] = [await desk.register('ann'), await desk.login('ann')];
    const socket = await connect(ann);
    await authenticate(socket, again.token);
    expect([...socket.rooms]).toEqual([roomOf('user', ann.account.id), roomOf('session', again.sessionId)]);
  });

  it('renews a token, and tells a converted guest from what it was', async () => {
    const guest = await desk.rules.guest('ann', from);
    const socket = await connect(guest);
    const registration = { username: 'annabel', email: 'ann@example.org', password: 'Password123' };
    const ann = await desk.rules.register(registration, from, await desk.whoIs(guest));
    await authenticate(socket, ann.token);
    expect(socket.identity).toMatchObject({ username: 'annabel', guest: false, id: guest.account.id });
    desk.clock.advance(GUEST_LIFE_MS);
    expect(socket.alive).toBe(true);
  });
});

describe('a live socket', () => {
  it('ends within a second of its token, and says why', async () => {
    const socket = await connect(await desk.register('ann'));
    const guest = await connect();
    desk.clock.advance(7 * DAY_MS - 1);
    expect(socket.alive).toBe(true);
    desk.clock.advance(1000);
    expect([socket.alive, guest.alive]).toEqual([false, true]);
    expect(socket.received.at(-1)).toEqual([
      'error',
      { code: 'UNAUTHENTICATED', message: expect.any(String), retryable: false, event: 'authenticate' },
    ]);
  });

  it('ends at once with its session', async () => {
    const [ann, other] = [await desk.register('ann'), await desk.login('ann')];
    const [socket, stays] = [await connect(ann), await connect(other)];
    await feature.routes['DELETE /users/sessions/:id']!({
      params: { id: ann.sessionId },
      identity: await desk.whoIs(other),
    } as never);
    expect([socket.alive, stays.alive]).toEqual([false, true]);
  });

  it('ends within a minute when nobody told it so', async () => {
    const [ann, other] = [await desk.register('ann'), await desk.login('ann')];
    const [socket, stays] = [await connect(ann), await connect(other)];
    await desk.stores.sessions.revoke(ann.account.id, [ann.sessionId]);
    desk.clock.advance(59_000);
    expect(socket.alive).toBe(true);
    desk.clock.advance(1_000);
    await vi.waitFor(() => expect(socket.alive).toBe(false));
    expect(stays.alive).toBe(true);
  });
});

it('sweeps away guests and sessions whose time is up, and says whose', async () => {
  const removed: string[] = [];
  desk.facts.on('account.removed', ({ userIds }) => void removed.push(...userIds));
  const [guest, ann] = [await desk.rules.guest(undefined, from), await desk.register('ann')];
  desk.clock.advance(GUEST_LIFE_MS + 60_000);
  await vi.waitFor(() => expect(removed).toEqual([guest.account.id]));
  expect(await desk.stores.accounts.byId(guest.account.id)).toBeNull();
  expect(await desk.lives(ann)).toBe(true);
  await vi.waitFor(async () =>
    expect(await desk.stores.sessions.removeExpired(desk.clock.now(), 10)).toBe(0),
  );
});

describe('what the routes answer', () => {
  const call = { ip: from.ip, userAgent: from.userAgent, identity: null, params: {}, query: {} };
  const body = { username: 'john_doe', email: 'john@example.com', password: 'Password123' };

  it('renders ids as the dialect has them', async () => {
    const inB = await feature.routes['POST /auth/register']!({ ...call, body, renderId: String } as never);
    expect(inB).toMatchObject({
      token: expect.any(String),
      refreshToken: expect.any(String),
      user: {
        id: expect.stringMatching(/^\d+$/),
        username: 'john_doe',
        email: 'john@example.com',
        isOnline: false,
      },
    });
    const inD = await feature.routes['POST /auth/login']!({ ...call, body, renderId: Number } as never);
    expect(inD).toMatchObject({ user: { id: expect.any(Number), avatar: null } });
    expect(JSON.stringify([inB, inD])).not.toMatch(/passwordHash|\$2[aby]\$/);
  });

  it('shows the owner all sessions, and which is the one that asks', async () => {
    const [ann, other] = [await desk.register('ann'), await desk.login('ann')];
    const identity = await desk.whoIs(ann);
    const device = { deviceId: 'phone', location: { country: 'DE', city: 'Kassel' } };
    expect(await feature.routes['POST /users/device']!({ ...call, identity, body: device } as never)).toEqual(
      device,
    );

    const { sessions } = (await feature.routes['GET /users/sessions']!({ ...call, identity } as never)) as {
      sessions: { id: string; current: boolean }[];
    };
    expect(new Map(sessions.map(({ id, current }) => [id, current]))).toEqual(
      new Map([
        [ann.sessionId, true],
        [other.sessionId, false],
      ]),
    );
    expect(sessions.find(({ current }) => current)).toMatchObject({
      ...device,
      ip: from.ip,
      userAgent: from.userAgent,
    });
    expect(JSON.stringify(sessions)).not.toMatch(/refresh/);
  });
});
