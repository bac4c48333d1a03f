/** Sockets and accounts: rooms, greetings, `authenticate`, and when a socket ends. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Greeting } from '../../src/features/accounts/contract.ts';
import { GUEST_LIFE_MS } from '../../src/features/accounts/service.ts';
import { roomOf } from '../../src/kernel/rooms.ts';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountsDesk, DAY_MS, from, type Desk } from './accounts-desk.ts';
import { accountSockets, nobody, type AccountSockets } from './account-sockets.ts';

let storage: StorageUnderTest;
beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
afterAll(() => storage.close());

let desk: Desk;
let sockets: AccountSockets;
let feature: AccountSockets['feature'];
let connect: AccountSockets['connect'];
let authenticate: AccountSockets['authenticate'];

beforeEach(async () => {
  desk = accountsDesk(storage);
  sockets = await accountSockets(desk);
  ({ feature, connect, authenticate } = sockets);
});
afterEach(async () => {
  await sockets.stop();
  await storage.empty();
});

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
    const socket = sockets.socketOf(await desk.whoIs(ann));
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

describe('an administrator who disconnects somebody', () => {
  const disconnect = (userId: string, revoke: 'true' | 'false') =>
    feature.routes['DELETE /ws/users/:userId']!({ params: { userId }, query: { revoke } } as never);

  it('ends all sockets and says how many, and tokens stay valid unless they are revoked too', async () => {
    const [ann, bob] = [await desk.register('ann'), await desk.register('bob')];
    const [one, two, stays] = [
      await connect(ann),
      await connect(await desk.login('ann')),
      await connect(bob),
    ];
    expect(await disconnect(ann.account.id, 'false')).toEqual({ disconnected: 2 });
    expect([one.alive, two.alive, stays.alive]).toEqual([false, false, true]);
    expect(await desk.lives(ann)).toBe(true);

    const again = await connect(ann);
    expect(await disconnect(ann.account.id, 'true')).toEqual({ disconnected: 1 });
    expect([again.alive, await desk.lives(ann), await desk.lives(bob)]).toEqual([false, false, true]);
    expect(desk.revoked).toHaveLength(2);
    expect(await disconnect(ann.account.id, 'true')).toEqual({ disconnected: 0 });
  });

  it('is told of unknown users, and when other workers cannot be reached; tokens are revoked then all the same', async () => {
    await expect(disconnect('1', 'false')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const ann = await desk.register('ann');
    sockets.isUp = false;
    await expect(disconnect(ann.account.id, 'true')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await desk.lives(ann)).toBe(false);
  });
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
