import { describe, expect, it } from 'vitest';
import { memoryRoster, OFFLINE_DELAY_MS } from '../../src/features/presence/roster.ts';
import { createPresence } from '../../src/features/presence/service.ts';
import type { Connection, UserIdentity } from '../../src/kernel/connection.ts';
import { roomOf, type Room } from '../../src/kernel/rooms.ts';
import type { PresenceStatus } from '../../src/kernel/schemas.ts';
import { fakeClock } from './fake-clock.ts';
import { rosterContract } from './roster.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) rosterContract(backend);

describe('departures announced', () => {
  /** Presence over a roster in memory; `told` is what ann's audience heard. */
  function presence() {
    const clock = fakeClock();
    const roster = memoryRoster(clock);
    const told: string[] = [];
    const seen: [string, number][] = [];
    let audience = async (): Promise<readonly Room[]> => [roomOf('user', 'bob')];
    const service = createPresence({
      roster,
      accounts: {
        byIds: async () => [],
        setStatus: async () => {},
        seen: async (userId, at) => void seen.push([userId, at]),
        count: async () => 0,
      },
      matches: { seated: async () => [], counts: async () => ({ waiting: 0, matches: 0 }) },
      blocks: { betweenAny: async () => [] },
      audience: { add() {}, of: () => audience() },
      outbox: {
        push: (_, event, body) => void told.push(`${event} ${String(body)}`),
      },
      clock,
      owner: 'w1',
    });
    const ann = { id: 'ann', status: 'online' } as UserIdentity;
    return {
      ...{ clock, told, seen },
      come: (status: PresenceStatus = 'online') =>
        service.arrive({ id: 'c1' } as Connection, { ...ann, status }),
      go: () => service.depart({ id: 'c1' } as Connection, ann),
      sweep: () => service.announceDepartures(),
      onAudience: (next: typeof audience) => (audience = next),
    };
  }

  it('are told once, after five seconds, and the time is kept', async () => {
    const { clock, told, seen, come, go, sweep } = presence();
    await come();
    await go();
    const at = clock.now();
    await sweep();
    expect(told).toEqual(['user_online ann']);
    clock.advance(OFFLINE_DELAY_MS);
    await sweep();
    await sweep();
    expect(told).toEqual(['user_online ann', 'user_offline ann']);
    expect(seen.at(-1)).toEqual(['ann', at]);
  });

  it('who comes back within five seconds is announced neither way', async () => {
    const { clock, told, come, go, sweep } = presence();
    await come();
    await go();
    clock.advance(OFFLINE_DELAY_MS - 1);
    await come();
    clock.advance(OFFLINE_DELAY_MS);
    await sweep();
    expect(told).toEqual(['user_online ann']);
  });

  it('who comes back right after it was told is announced again', async () => {
    const { clock, told, come, go, sweep } = presence();
    await come();
    await go();
    clock.advance(OFFLINE_DELAY_MS);
    await sweep();
    await come();
    expect(told).toEqual(['user_online ann', 'user_offline ann', 'user_online ann']);
  });

  it('who comes back while it is being told is online in the end', async () => {
    const { clock, told, come, go, sweep, onAudience } = presence();
    await come();
    await go();
    clock.advance(OFFLINE_DELAY_MS);
    const rooms = Promise.withResolvers<readonly Room[]>();
    onAudience(() => rooms.promise);
    const sweeping = sweep();
    await new Promise((resolve) => setImmediate(resolve));
    onAudience(async () => [roomOf('user', 'bob')]);
    await come();
    rooms.resolve([roomOf('user', 'bob')]);
    await sweeping;
    expect(told.at(-1)).toBe('user_online ann');
  });

  it('nobody hears of the invisible, whose time is kept all the same', async () => {
    const { clock, told, seen, come, go, sweep } = presence();
    await come('offline');
    await go();
    clock.advance(OFFLINE_DELAY_MS);
    await sweep();
    expect(told).toEqual([]);
    expect(seen).not.toEqual([]);
  });
});
