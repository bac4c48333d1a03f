import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OFFLINE_DELAY_MS, type Roster } from '../../src/features/presence/roster.ts';
import type { PresenceStatus } from '../../src/kernel/schemas.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

/** What every Roster does, seen from outside. */
export function rosterContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`roster: ${name}`, () => {
    let under: StateUnderTest;
    let roster: Roster;
    beforeEach(async () => {
      under = await open();
      roster = under.ports.roster;
    });
    afterEach(() => under.close());

    /** A socket of `userId`. */
    function socket(userId: string, tab = 'tab', owner = 'w1') {
      const connectionId = `${userId}/${tab}`;
      return {
        come: (status: PresenceStatus = 'online') => roster.add({ connectionId, userId, owner, status }),
        go: () => roster.remove(connectionId),
      };
    }
    const gone = async (seen = 0) => (await roster.departures(seen)).departures.map(({ userId }) => userId);
    const online = () => roster.online(100);

    describe('who is online', () => {
      it('somebody with many sockets, from the first to the last', async () => {
        const [phone, laptop] = [socket('ann', 'phone', 'w1'), socket('ann', 'laptop', 'w2')];
        expect(await phone.come()).toEqual({ first: true });
        expect(await laptop.come()).toEqual({ first: false });
        expect(await roster.counts()).toEqual({ users: 1, connections: 2 });

        expect(await phone.go()).toEqual({ last: false });
        expect(await online()).toEqual(['ann']);
        expect(await laptop.go()).toEqual({ last: true });
        expect(await online()).toEqual([]);
        expect(await roster.counts()).toEqual({ users: 0, connections: 0 });
      });

      it('nobody goes who is not there', async () => {
        expect(await socket('ann').go()).toEqual({ last: false });
        await socket('ann').come();
        await socket('ann').go();
        expect(await socket('ann').go()).toEqual({ last: false });
      });

      it('a connection that is added again changes nothing but the status', async () => {
        const ann = socket('ann');
        await ann.come();
        expect(await ann.come('busy')).toEqual({ first: false });
        expect(await roster.counts()).toEqual({ users: 1, connections: 1 });
        expect(await roster.setStatus('ann', 'online')).toBe('busy');
        expect(await ann.go()).toEqual({ last: true });
      });

      it('counts somebody’s sockets, whoever sees them, and nobody’s', async () => {
        await socket('ann', 'phone', 'w1').come('offline');
        await socket('ann', 'laptop', 'w2').come('offline');
        await socket('ann', 'laptop', 'w2').come('online');
        await socket('bob', 'tab', 'w3').come();
        expect(await roster.connectionsOf('ann')).toBe(2);
        expect(await roster.connectionsOf('cy')).toBe(0);
        await roster.dropOwner('w1');
        expect(await roster.connectionsOf('ann')).toBe(1);
        await roster.dropOwner('w2');
        expect(await roster.connectionsOf('ann')).toBe(0);
        expect(await roster.connectionsOf('bob')).toBe(1);
      });

      it('of many sockets at once one is the first, and one the last', async () => {
        const tabs = Array.from({ length: 20 }, (_, n) => socket('ann', `tab ${n}`));
        const came = await Promise.all(tabs.map((tab) => tab.come()));
        expect(came.filter(({ first }) => first)).toHaveLength(1);
        const went = await Promise.all(tabs.map((tab) => tab.go()));
        expect(went.filter(({ last }) => last)).toHaveLength(1);
      });

      it('is listed page by page, in the order of ids, once, and not while invisible', async () => {
        for (const id of ['20', '3', '1', '100']) await socket(id).come();
        await socket('3', 'laptop', 'w2').come();
        await socket('2').come('offline');
        expect(await roster.onlineAfter(null, 100)).toEqual(['1', '100', '20', '3']);
        expect(await roster.onlineAfter(null, 2)).toEqual(['1', '100']);
        expect(await roster.onlineAfter('100', 2)).toEqual(['20', '3']);
        expect(await roster.onlineAfter('3', 2)).toEqual([]);

        // The last of a page went: the next one begins where it would have.
        await socket('100').go();
        expect(await roster.onlineAfter('100', 1)).toEqual(['20']);
        await roster.setStatus('20', 'offline');
        await roster.setStatus('2', 'busy');
        expect(await roster.onlineAfter(null, 100)).toEqual(['1', '2', '3']);
        await roster.dropOwner('w1');
        expect(await roster.onlineAfter(null, 100)).toEqual(['3']);
      });

      it('lists who is longest online first, and no more than asked for', async () => {
        await socket('cy').come();
        await socket('ann', 'phone').come();
        await socket('bob').come();
        await socket('ann', 'laptop').come();
        expect(await online()).toEqual(['cy', 'ann', 'bob']);
        expect(await roster.online(2)).toEqual(['cy', 'ann']);
        await socket('cy').go();
        await socket('cy').come();
        expect(await online()).toEqual(['ann', 'bob', 'cy']);
      });

      it('picks from a list those who are there', async () => {
        await socket('ann').come();
        await socket('bob').come();
        expect(new Set(await roster.onlineAmong(['cy', 'bob', 'ann']))).toEqual(new Set(['ann', 'bob']));
        expect(await roster.onlineAmong([])).toEqual([]);
      });
    });

    describe('status', () => {
      it('is one for all sockets of a user', async () => {
        await socket('ann', 'phone').come();
        await socket('ann', 'laptop').come();
        expect(await roster.setStatus('ann', 'away')).toBe('online');
        expect(await roster.setStatus('ann', 'offline')).toBe('away');
        expect(await roster.setStatus('ann', 'offline')).toBe('offline');
        await socket('ann', 'phone').go();
        expect(await online()).toEqual([]);
        expect(await roster.setStatus('ann', 'online')).toBe('offline');
        expect(await online()).toEqual(['ann']);
      });

      it('belongs to nobody who has no socket', async () => {
        expect(await roster.setStatus('ann', 'busy')).toBeNull();
        await socket('ann').come();
        await socket('ann').go();
        expect(await roster.setStatus('ann', 'busy')).toBeNull();
        expect(await roster.counts()).toEqual({ users: 0, connections: 0 });
      });

      it('hides the invisible from lists, not from counts', async () => {
        await socket('ann').come('offline');
        await socket('bob').come('busy');
        expect(await online()).toEqual(['bob']);
        expect(await roster.online(1)).toEqual(['bob']);
        expect(await roster.onlineAmong(['ann', 'bob'])).toEqual(['bob']);
        expect(await roster.counts()).toEqual({ users: 2, connections: 2 });
      });

      it('nobody takes the invisible for online: the socket that makes them visible is the first', async () => {
        await socket('ann', 'phone').come('offline');
        expect(await socket('ann', 'laptop').come('online')).toEqual({ first: true });
        expect(await socket('ann', 'tablet').come('online')).toEqual({ first: false });

        await socket('bob').come('offline');
        await socket('bob').go();
        expect(await socket('bob').come('online')).toEqual({ first: true });
      });
    });

    describe('departures', () => {
      it('are due after five seconds, from the last socket on', async () => {
        await socket('ann', 'phone').come();
        await socket('ann', 'laptop').come();
        await socket('ann', 'phone').go();
        await under.advance(OFFLINE_DELAY_MS);
        expect(await gone()).toEqual([]);

        await socket('ann', 'laptop').go();
        const since = under.now();
        await under.advance(OFFLINE_DELAY_MS - 1);
        expect(await roster.departures(0)).toEqual({ departures: [], last: 0 });
        await under.advance(1);
        expect(await roster.departures(0)).toEqual({
          departures: [{ userId: 'ann', since, visible: true }],
          last: 1,
        });
      });

      it('say whether others saw the user until then', async () => {
        await socket('ann').come('offline');
        await socket('bob').come('online');
        await roster.setStatus('bob', 'offline');
        await socket('cy').come('offline');
        await roster.setStatus('cy', 'away');
        for (const userId of ['ann', 'bob', 'cy']) await socket(userId).go();
        await under.advance(OFFLINE_DELAY_MS);
        const { departures } = await roster.departures(0);
        expect(departures.map(({ userId, visible }) => [userId, visible])).toEqual([
          ['ann', false],
          ['bob', false],
          ['cy', true],
        ]);
      });

      it('are none when somebody came back in time, and count anew from the next one', async () => {
        await socket('ann').come();
        await socket('ann').go();
        await under.advance(OFFLINE_DELAY_MS - 1);
        expect(await socket('ann', 'other tab').come()).toEqual({ first: false });
        await under.advance(OFFLINE_DELAY_MS);
        expect(await gone()).toEqual([]);

        await socket('ann', 'other tab').go();
        await under.advance(OFFLINE_DELAY_MS - 1);
        expect(await gone()).toEqual([]);
        await under.advance(1);
        expect(await gone()).toEqual(['ann']);
      });

      it('are none either when nobody had collected them before somebody came back', async () => {
        await socket('ann').come();
        await socket('ann').go();
        await under.advance(2 * OFFLINE_DELAY_MS);
        expect(await socket('ann').come()).toEqual({ first: false });
        expect(await gone()).toEqual([]);
      });

      it('once reported may have been told: who comes back then is the first, and is not reported again', async () => {
        await socket('ann').come();
        await socket('ann').go();
        await under.advance(OFFLINE_DELAY_MS);
        expect(await gone()).toEqual(['ann']);
        expect(await socket('ann').come()).toEqual({ first: true });
        expect(await gone()).toEqual([]);
      });

      it('are numbered from 1 and come again, in order, until they are seen', async () => {
        for (const userId of ['ann', 'bob']) {
          await socket(userId).come();
          await socket(userId).go();
        }
        await under.advance(OFFLINE_DELAY_MS);
        expect(await roster.departures(0)).toMatchObject({ last: 2 });
        expect(await gone()).toEqual(['ann', 'bob']);
        expect(await gone(1)).toEqual(['bob']);

        await socket('cy').come();
        await socket('cy').go();
        await under.advance(OFFLINE_DELAY_MS);
        expect(await gone(1)).toEqual(['bob', 'cy']);
        expect(await roster.departures(3)).toEqual({ departures: [], last: 3 });
        expect(await gone()).toEqual([]);
      });

      it('that a collector has not seen go to its successor, and only those', async () => {
        await socket('ann').come();
        await socket('ann').go();
        await under.advance(OFFLINE_DELAY_MS);
        const { last } = await roster.departures(0);
        await roster.departures(last);

        await socket('bob').come();
        await socket('bob').go();
        await under.advance(OFFLINE_DELAY_MS);
        expect(await gone(last)).toEqual(['bob']);
        // It dies here; another one, which has seen nothing, takes over.
        expect(await gone(0)).toEqual(['bob']);
      });
    });

    describe('a worker that is gone', () => {
      it('takes its sockets along, and nobody else’s', async () => {
        await socket('ann', 'phone', 'w1').come();
        await socket('ann', 'laptop', 'w2').come();
        await socket('bob', 'tab', 'w1').come();
        await socket('cy', 'tab', 'w2').come();
        await roster.dropOwner('w1');
        expect(await roster.counts()).toEqual({ users: 2, connections: 2 });
        expect(await online()).toEqual(['ann', 'cy']);
        expect(await socket('ann', 'phone').go()).toEqual({ last: false });
        expect(await socket('ann', 'laptop').go()).toEqual({ last: true });
      });

      it('leaves departures behind, which wait like all others', async () => {
        await socket('ann', 'tab', 'w1').come();
        await socket('bob', 'tab', 'w1').come();
        await roster.dropOwner('w1');
        expect(await socket('bob', 'tab', 'w2').come()).toEqual({ first: false });
        await under.advance(OFFLINE_DELAY_MS - 1);
        expect(await gone()).toEqual([]);
        await under.advance(1);
        expect(await gone()).toEqual(['ann']);
      });

      it('may have had nothing', async () => {
        await socket('ann').come();
        await roster.dropOwner('w9');
        expect(await online()).toEqual(['ann']);
      });
    });
  });
}
