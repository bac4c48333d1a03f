import { describe, expect, it } from 'vitest';
import { timing } from '../../src/features/matching/pool.ts';
import type { Notice } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';

const { interestsWidenMs, graceMs } = timing;

/** What nobody asked for. */
export function notices({
  socket,
  collect,
  advance,
  after,
  couple,
  matches,
  unmatched,
  away,
  back,
  resumed,
  pool,
}: Stage): void {
  describe('a lost worker', () => {
    it('vacates its seats and ends nothing', async () => {
      const [ann, bob] = [socket('ann', 'tab', 'w1'), socket('bob', 'tab', 'w2')];
      await couple(ann, bob);
      await pool().dropOwner('w1');
      expect(await ann.seat()).toBeNull();
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: null });
      expect(await collect()).toEqual([away(bob, 'm2')]);
      expect(await after(graceMs)).toEqual([unmatched(bob, 'm2', 'disconnected')]);
    });

    it('that held both sides leaves nobody to tell', async () => {
      const [ann, bob] = [socket('ann', 'tab', 'w1'), socket('bob', 'tab', 'w1')];
      await couple(ann, bob);
      await pool().dropOwner('w1');
      expect(await collect()).toEqual([]);
      expect(await matches()).toBe(1);
      expect(await socket('ann', 'again', 'w2').arrive('m2')).toMatchObject({ kind: 'resumed' });
    });

    it('leaves alone who moved to another worker', async () => {
      const [ann, bob, again] = [
        socket('ann', 'tab', 'w1'),
        socket('bob', 'tab', 'w2'),
        socket('ann', 'again', 'w2'),
      ];
      await couple(ann, bob);
      await ann.depart();
      await again.arrive('m2');
      await pool().dropOwner('w1');
      expect(await collect()).toEqual([]);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/again' });
    });
  });

  describe('collected notices', () => {
    const lost = async () => {
      const [ann, bob] = [socket('ann', 'tab', 'w1'), socket('bob', 'tab', 'w2')];
      await couple(ann, bob);
      await pool().dropOwner('w1');
      return { ann, bob };
    };

    it('come again, in order, until they are seen', async () => {
      expect((await pool().collect()).notices).toEqual([]);
      const { bob } = await lost();
      const [cat, dan] = [socket('cat', 'tab', 'w2'), socket('dan', 'tab', 'w3')];
      await couple(cat, dan);

      const first = await pool().collect();
      expect(first.notices).toEqual([away(bob, 'm2')]);
      expect((await pool().collect()).last).toBe(first.last);
      await pool().dropOwner('w3');
      const second = await pool().collect();
      expect(second.notices).toEqual([away(bob, 'm2'), away(cat, 'm4')]);
      expect(await pool().collect(first.last)).toEqual({ notices: [away(cat, 'm4')], last: second.last });
      expect((await pool().collect()).notices).toEqual([away(cat, 'm4')]);
      expect((await pool().collect(second.last)).notices).toEqual([]);
    });

    it('that nobody saw survive their collector', async () => {
      await socket('ann').match({ interests: ['jazz'] });
      await socket('bob').match({ interests: ['chess'] });
      await advance(interestsWidenMs);
      const { notices } = await pool().collect();
      expect(notices).toHaveLength(2);
      expect((await pool().collect()).notices).toEqual(notices);
    });

    it('say nothing of a partner who is back', async () => {
      const { bob } = await lost();
      const again = socket('ann', 'again', 'w2');
      expect(await again.arrive('m2')).toMatchObject({ notices: [{}, back(bob, 'm2')] });
      expect(await collect()).toEqual([]);
    });

    it('say once that a partner who came back is away again', async () => {
      const { bob } = await lost();
      await socket('ann', 'again', 'w3').arrive('m2');
      await pool().dropOwner('w3');
      expect(await collect()).toEqual([away(bob, 'm2')]);
    });

    it('say nothing of a match that ended', async () => {
      const { bob } = await lost();
      await bob.leave();
      expect(await collect()).toEqual([]);

      const [cat, dan] = [socket('cat'), socket('dan')];
      await cat.match({ interests: ['jazz'] });
      await dan.match({ interests: ['chess'] });
      await advance(interestsWidenMs);
      expect((await pool().collect()).notices).toHaveLength(2);
      await cat.leave();
      expect((await pool().collect()).notices).toEqual([]);
    });

    it('say nothing to a socket that is gone', async () => {
      const { bob } = await lost();
      await bob.depart();
      expect(await collect()).toEqual([]);
    });

    it('say the end until it is seen or the socket asks anew', async () => {
      const { bob } = await lost();
      const seen = (await pool().collect()).last;
      await advance(graceMs);
      const end = unmatched(bob, 'm2', 'disconnected');
      expect((await pool().collect(seen)).notices).toEqual([end]);
      expect((await pool().collect(seen)).notices).toEqual([end]);
      await bob.match();
      expect((await pool().collect(seen)).notices).toEqual([]);
    });

    it('show who was matched whether the partner is away by now; who returns makes the offer', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('bob', 'again')];
      const toAnn = (notices: readonly Notice[]) =>
        notices.map((notice) => notice.kind === 'matched' && notice.seat);
      await bob.match({ interests: ['jazz'] });
      await ann.match({ interests: ['chess'] });
      await advance(interestsWidenMs);
      expect((await pool().collect()).notices).toHaveLength(2);
      expect(await bob.depart()).toEqual([away(ann, 'm2')]);
      expect(toAnn((await pool().collect()).notices)).toMatchObject([
        { connectionId: 'ann/tab', initiator: false, partnerAway: true },
      ]);
      expect(await again.arrive('m2')).toEqual({
        kind: 'resumed',
        notices: [resumed(again, ann, 'm2', 'present'), back(ann, 'm2')],
      });
      expect(toAnn((await pool().collect()).notices)).toMatchObject([
        { connectionId: 'ann/tab', initiator: false, partnerAway: false },
      ]);
    });
  });
}
