import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Attendance } from '../../src/features/conversations/attendance.ts';
import type { StateBackend, StateUnderTest } from './state-backends.ts';

/** A socket of `userId` that is about to have a conversation open. */
export function visitor(attendance: Attendance, userId: string, tab = 'tab', owner = 'w1') {
  const connectionId = `${userId}/${tab}`;
  return {
    enter: (conversationId: string, username = `${userId}!`) =>
      attendance.enter({ conversationId, connectionId, owner, userId, username }),
    leave: (conversationId: string) => attendance.leave(conversationId, connectionId),
  };
}

/** What every Attendance does, seen from outside. */
export function attendanceContract({ name, missing, open }: StateBackend): void {
  describe.skipIf(missing)(`attendance: ${name}`, () => {
    let under: StateUnderTest;
    let attendance: Attendance;
    beforeEach(async () => {
      under = await open();
      attendance = under.ports.attendance;
    });
    afterEach(() => under.close());

    const socket = (userId: string, tab?: string, owner?: string) => visitor(attendance, userId, tab, owner);
    const inThere = async (conversationId: string) =>
      (await attendance.users(conversationId, 100)).users.map(({ userId }) => userId);
    const opened = async (userId: string) => new Set(await attendance.openBy(userId));
    const departed = async (seen = 0) =>
      new Set((await attendance.departures(seen)).departures.map(({ userId }) => userId));

    describe('coming and going', () => {
      it('counts users, from the first socket to the last', async () => {
        const [phone, laptop] = [socket('ann', 'phone', 'w1'), socket('ann', 'laptop', 'w2')];
        expect(await phone.enter('7')).toEqual({ first: true, count: 1 });
        expect(await laptop.enter('7')).toEqual({ first: false, count: 1 });
        expect(await socket('bob').enter('7')).toEqual({ first: true, count: 2 });

        expect(await phone.leave('7')).toBeNull();
        expect(await inThere('7')).toEqual(['ann', 'bob']);
        expect(await laptop.leave('7')).toEqual({
          ...{ conversationId: '7', userId: 'ann', username: 'ann!', count: 1 },
        });
        expect(await inThere('7')).toEqual(['bob']);
        expect(await phone.enter('7')).toEqual({ first: true, count: 2 });
      });

      it('a socket that enters again changes nothing', async () => {
        const ann = socket('ann');
        await ann.enter('7');
        await socket('bob').enter('7');
        expect(await ann.enter('7')).toEqual({ first: false, count: 2 });
        expect(await inThere('7')).toEqual(['ann', 'bob']);
        expect(await ann.leave('7')).toMatchObject({ userId: 'ann', count: 1 });
        expect(await ann.leave('7')).toBeNull();
      });

      it('nobody leaves who is not in there', async () => {
        expect(await socket('ann').leave('7')).toBeNull();
        await socket('ann').enter('7');
        expect(await socket('ann').leave('8')).toBeNull();
        expect(await socket('ann', 'other tab').leave('7')).toBeNull();
        expect(await attendance.counts(['7', '8'])).toEqual([1, 0]);
      });

      it('one socket is in many conversations, each for itself', async () => {
        const ann = socket('ann');
        for (const conversationId of ['7', '70', '8'])
          expect(await ann.enter(conversationId)).toEqual({ first: true, count: 1 });
        expect(await ann.leave('7')).toMatchObject({ conversationId: '7', count: 0 });
        expect(await attendance.counts(['7', '70', '8'])).toEqual([0, 1, 1]);
      });

      it('a socket that speaks for another user by now is in there for that one only', async () => {
        const as = (userId: string) =>
          attendance.enter({
            ...{ conversationId: '7', connectionId: 'c', owner: 'w1', userId, username: `${userId}!` },
          });
        await as('guest:1');
        expect(await as('ann')).toEqual({ first: true, count: 1 });
        expect(await inThere('7')).toEqual(['ann']);
        expect(await opened('guest:1')).toEqual(new Set());
        expect(await attendance.leave('7', 'c')).toMatchObject({ userId: 'ann', count: 0 });
      });

      it('of many sockets at once one is the first, and one the last', async () => {
        const tabs = Array.from({ length: 20 }, (_, n) => socket('ann', `tab ${n}`));
        const came = await Promise.all(tabs.map((tab) => tab.enter('7')));
        expect(came.filter(({ first }) => first)).toHaveLength(1);
        const went = await Promise.all(tabs.map((tab) => tab.leave('7')));
        expect(went.filter((departure) => departure !== null)).toHaveLength(1);
        expect(await departed()).toEqual(new Set());
      });
    });

    describe('who is there', () => {
      it('is listed in the order of their coming, at most so many, all of them counted', async () => {
        for (const userId of ['cy', 'guest:9', 'ann', 'bob']) await socket(userId).enter('7');
        await socket('ann', 'other tab').enter('7');
        await socket('dee').enter('70');
        expect(await attendance.users('7', 2)).toEqual({
          users: [
            { userId: 'cy', username: 'cy!' },
            { userId: 'guest:9', username: 'guest:9!' },
          ],
          count: 4,
        });
        expect(await attendance.users('7', 0)).toEqual({ users: [], count: 4 });

        await socket('cy').leave('7');
        await socket('cy').enter('7');
        expect(await inThere('7')).toEqual(['guest:9', 'ann', 'bob', 'cy']);
        expect(await attendance.users('9', 10)).toEqual({ users: [], count: 0 });
      });

      it('goes by the name that came last', async () => {
        await socket('ann', 'phone').enter('7', 'Ann');
        await socket('ann', 'laptop').enter('7', 'Anna\nof two lines');
        const named = { userId: 'ann', username: 'Anna\nof two lines' };
        expect((await attendance.users('7', 10)).users).toEqual([named]);
        await socket('ann', 'laptop').leave('7');
        expect(await socket('ann', 'phone').leave('7')).toMatchObject(named);
      });

      it('stays in order beyond ten and a hundred', async () => {
        const all = Array.from({ length: 120 }, (_, n) => `u${119 - n}`);
        for (const userId of all) await socket(userId).enter('7');
        expect((await attendance.users('7', 1_000)).users.map(({ userId }) => userId)).toEqual(all);
      });

      it('is counted for many conversations, in the order asked', async () => {
        await socket('ann').enter('7');
        await socket('bob').enter('7');
        await socket('ann').enter('8');
        expect(await attendance.counts(['8', '9', '7', '8'])).toEqual([1, 0, 2, 1]);
        expect(await attendance.counts([])).toEqual([]);
      });

      it('tells what a user has open, on all sockets', async () => {
        await socket('ann', 'phone').enter('7');
        await socket('ann', 'laptop', 'w2').enter('7');
        await socket('ann', 'laptop', 'w2').enter('8');
        await socket('anna').enter('9');
        expect(await attendance.openBy('ann')).toHaveLength(2);
        expect(await opened('ann')).toEqual(new Set(['7', '8']));
        await socket('ann', 'laptop', 'w2').leave('7');
        await socket('ann', 'laptop', 'w2').leave('8');
        expect(await opened('ann')).toEqual(new Set(['7']));
        await socket('ann', 'phone').leave('7');
        expect(await opened('ann')).toEqual(new Set());
        expect(await opened('bob')).toEqual(new Set());
      });
    });

    describe('a worker that is gone', () => {
      it('takes its sockets along, and nobody else’s', async () => {
        await socket('ann', 'phone', 'w1').enter('7');
        await socket('ann', 'laptop', 'w2').enter('7');
        await socket('bob', 'tab', 'w1').enter('7');
        await socket('bob', 'tab', 'w1').enter('8');
        await socket('cy', 'tab', 'w10').enter('7');
        await attendance.dropOwner('w1');
        expect(await inThere('7')).toEqual(['ann', 'cy']);
        expect(await attendance.counts(['7', '8'])).toEqual([2, 0]);
        expect(await opened('bob')).toEqual(new Set());
        expect(await socket('ann', 'phone').leave('7')).toBeNull();
        expect(await socket('ann', 'laptop', 'w2').leave('7')).toMatchObject({ userId: 'ann', count: 1 });
      });

      it('may have had nothing', async () => {
        await socket('ann').enter('7');
        await attendance.dropOwner('w9');
        expect(await inThere('7')).toEqual(['ann']);
        expect(await departed()).toEqual(new Set());
      });

      it('may have had very many', async () => {
        const rooms = Array.from({ length: 1_100 }, (_, n) => `${n}`);
        await Promise.all(rooms.map((conversationId) => socket('ann').enter(conversationId)));
        await attendance.dropOwner('w1');
        expect(await attendance.openBy('ann')).toEqual([]);
        const { departures, last } = await attendance.departures(0);
        expect(new Set(departures.map(({ conversationId }) => conversationId))).toEqual(new Set(rooms));
        expect(last).toBe(1_100);
      });
    });

    describe('departures', () => {
      it('are of users whose last socket in a conversation went with its worker, one for each', async () => {
        await socket('ann', 'phone', 'w1').enter('7');
        await socket('ann', 'laptop', 'w1').enter('7');
        await socket('ann', 'phone', 'w1').enter('8');
        await socket('ann', 'tablet', 'w2').enter('8');
        await socket('bob', 'tab', 'w1').enter('7', 'Bob\nof two lines');
        await socket('cy', 'tab', 'w2').enter('7');
        expect(await attendance.departures(0)).toEqual({ departures: [], last: 0 });
        await attendance.dropOwner('w1');

        const { departures, last } = await attendance.departures(0);
        // Those who are left are counted when it is asked.
        const there = { conversationId: '7', count: 1 };
        expect(new Set(departures)).toEqual(
          new Set([
            { ...there, userId: 'ann', username: 'ann!' },
            { ...there, userId: 'bob', username: 'Bob\nof two lines' },
          ]),
        );
        expect(last).toBe(2);
        await socket('dee', 'tab', 'w2').enter('7');
        expect(await attendance.departures(0)).toMatchObject({ departures: [{ count: 2 }, { count: 2 }] });
      });

      it('are not of those who left by themselves', async () => {
        await socket('ann').enter('7');
        await socket('ann').leave('7');
        await attendance.dropOwner('w1');
        expect(await departed()).toEqual(new Set());
      });

      it('come again until they are seen, and those up to there never', async () => {
        await socket('ann', 'tab', 'w1').enter('7');
        await socket('bob', 'tab', 'w2').enter('7');
        await attendance.dropOwner('w1');
        expect(await attendance.departures(0)).toMatchObject({ departures: [{ userId: 'ann' }], last: 1 });
        expect(await departed()).toEqual(new Set(['ann']));

        await attendance.dropOwner('w2');
        expect(await attendance.departures(0)).toMatchObject({
          departures: [{ userId: 'ann' }, { userId: 'bob' }],
          last: 2,
        });
        expect(await departed(1)).toEqual(new Set(['bob']));
        expect(await departed(0)).toEqual(new Set(['bob']));
        expect(await attendance.departures(2)).toEqual({ departures: [], last: 2 });
        expect(await departed(0)).toEqual(new Set());
      });

      it('that a collector has not seen go to its successor, and only those', async () => {
        await socket('ann', 'tab', 'w1').enter('7');
        await attendance.dropOwner('w1');
        const { last } = await attendance.departures(0);
        await socket('bob', 'tab', 'w2').enter('7');
        await attendance.dropOwner('w2');
        expect(await departed(last)).toEqual(new Set(['bob']));
        // It dies here; another one, which has seen nothing, takes over.
        expect(await departed(0)).toEqual(new Set(['bob']));
      });

      it('are none of those who entered again, reported before or not', async () => {
        for (const userId of ['ann', 'bob', 'cy']) await socket(userId, 'tab', 'w1').enter('7');
        await attendance.dropOwner('w1');
        expect(await socket('ann', 'tab', 'w2').enter('7')).toEqual({ first: true, count: 1 });
        expect(await departed()).toEqual(new Set(['bob', 'cy']));
        await socket('bob', 'tab', 'w2').enter('7');
        await socket('cy', 'tab', 'w2').enter('8');
        expect(await departed()).toEqual(new Set(['cy']));
      });

      it('are reported anew when somebody who came back goes with the next worker', async () => {
        await socket('ann', 'tab', 'w1').enter('7');
        await attendance.dropOwner('w1');
        const { last } = await attendance.departures(0);
        await socket('ann', 'tab', 'w2').enter('7');
        await attendance.dropOwner('w2');
        expect(await departed(last)).toEqual(new Set(['ann']));
      });
    });
  });
}
