import { accountsFeature } from '../../src/features/accounts/feature.ts';
import type { SignedIn } from '../../src/features/accounts/service.ts';
import { createUploadDesk } from '../../src/features/uploads/desk.ts';
import type { Connection, Identity } from '../../src/kernel/connection.ts';
import { memoryLeases } from '../../src/kernel/leases.ts';
import { createLifecycle } from '../../src/kernel/lifecycle.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createSignedUrls } from '../../src/kernel/signed-urls.ts';
import { jwtConfig, type Desk } from './accounts-desk.ts';

export interface FakeSocket extends Connection {
  readonly rooms: Set<string>;
  /** Names and bodies, in order. */
  readonly received: [event: string, body: unknown][];
}

export const nobody: Identity = { kind: 'guest', id: 'guest:77', username: 'Guest-0077' };

/** The accounts feature with sockets that are not there: one worker, without a network. */
export async function accountSockets(desk: Desk) {
  const sockets: FakeSocket[] = [];
  const hearing = new Map<string, (news: never) => void>();
  const under = { isUp: true, isHeard: true };
  const feature = accountsFeature.define({
    ...desk.stores,
    auth: desk.auth,
    presence: {
      onlineAmong: async () => [],
      connectionsOf: async (userId) =>
        sockets.filter(({ alive, identity }) => alive && identity.id === userId).length,
    },
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
      isUp: () => under.isUp,
    },
    peers: {
      tell: (topic, news) => void (under.isHeard && hearing.get(topic)?.(news as never)),
      hear: (topic, listener) => void hearing.set(topic, listener),
    },
    uploadDesk: createUploadDesk({
      uploads: desk.stores.uploads,
      signedUrls: createSignedUrls(['a secret'], desk.clock, 1_000),
      clock: desk.clock,
    }),
    facts: desk.facts,
    leases: memoryLeases(desk.clock),
    owner: 'w1',
    ids: desk.ids,
    clock: desk.clock,
    logger: silentLogger,
  });
  const lifecycle = createLifecycle(silentLogger);
  await feature.start?.(lifecycle);

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
      rename: ({ username, avatar }: { username: string; avatar: string | null }) =>
        void Object.assign(socket.identity, { username, avatar }),
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

  return Object.assign(under, {
    feature,
    socketOf,
    async connect(signedIn?: Pick<SignedIn, 'token'>): Promise<FakeSocket> {
      const socket = socketOf(signedIn ? await desk.auth.verify(signedIn.token) : nobody);
      await feature.connected?.(socket);
      return socket;
    },
    /** As the dispatcher does it. */
    async authenticate(socket: FakeSocket, given: unknown) {
      const before = socket.identity;
      const handle = feature.requests['authenticate'] as (connection: Connection, given: unknown) => unknown;
      const answer = await handle(socket, given);
      if (socket.identity !== before) await feature.identified?.(socket, before);
      return answer;
    },
    stop: () => lifecycle.stop(1000),
  });
}

export type AccountSockets = Awaited<ReturnType<typeof accountSockets>>;
