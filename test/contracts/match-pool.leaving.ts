import { describe, expect, it } from 'vitest';
import { timing } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';

const { graceMs } = timing;

/** Leaving the queue, ending a match. */
export function leaving({
  socket,
  collect,
  after,
  couple,
  waiting,
  matches,
  partnerOf,
  unmatched,
  away,
  pool,
}: Stage): void {
  describe('the queue', () => {
    it('is left by cancel, leave and depart of the socket that waits, and of no other', async () => {
      const [tab, phone] = [socket('ann', 'tab'), socket('ann', 'phone')];
      for (const stop of [tab.cancel, tab.leave, tab.depart]) {
        await tab.match();
        expect(await phone.cancel()).toBe(false);
        expect(await phone.leave()).toEqual([]);
        expect(await phone.depart()).toEqual([]);
        expect(await waiting()).toBe(1);
        await stop();
        expect(await waiting()).toBe(0);
        expect(await tab.cancel()).toBe(false);
      }
      expect((await phone.match()).status).toBe('waiting');
    });

    it('is not left by cancel of who is matched', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.cancel()).toBe(false);
      expect(await matches()).toBe(1);
    });

    it('loses the places of a lost worker', async () => {
      await socket('ann', 'tab', 'w1').match({ mode: 'text' });
      await socket('bob', 'tab', 'w2').match({ mode: 'audio' });
      await pool().dropOwner('w1');
      expect(await waiting()).toBe(1);
      expect(await collect()).toEqual([]);
      expect((await socket('ann', 'phone', 'w2').match({ mode: 'text' })).status).toBe('waiting');
    });

    it('says who has the place when another socket arrives', async () => {
      const [tab, phone] = [socket('ann', 'tab', 'w2'), socket('ann', 'phone')];
      expect(await tab.arrive()).toEqual({ kind: 'none' });
      await tab.match();
      expect(await phone.arrive()).toEqual({ kind: 'held', connectionId: 'ann/tab', owner: 'w2' });
      expect(await tab.arrive()).toEqual({ kind: 'own' });
      expect(await waiting()).toBe(1);
      await tab.depart();
      expect(await phone.arrive()).toEqual({ kind: 'none' });
    });

    it('shows the profile that was said last', async () => {
      const ann = socket('ann');
      await ann.match();
      const user = { id: 'ann', username: 'Annabel', avatar: '/uploads/7' };
      await pool().arrive({ ...ann.party, user }, undefined);
      const { notices } = await socket('bob').match();
      expect(notices).toContainEqual(
        expect.objectContaining({ seat: expect.objectContaining({ userId: 'bob', partner: user }) }),
      );
    });

    it('lets a socket that comes as somebody else depart as whom it was', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      const asCat = { ...ann.party, user: socket('cat').party.user };
      expect(await pool().arrive(asCat, 'm2')).toEqual({ kind: 'none' });
      expect(await collect()).toEqual([away(bob, 'm2')]);
      expect(await pool().seated(['ann', 'bob', 'cat'])).toEqual(['ann', 'bob']);

      await pool().request({ ...asCat, options: {}, blocked: [], matchId: 'mc' });
      await pool().request({
        ...asCat,
        user: socket('dan').party.user,
        options: {},
        blocked: [],
        matchId: 'md',
      });
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 1 });
    });
  });

  describe('ending', () => {
    it('leave: the partner hears it, nobody waits', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.leave()).toEqual([unmatched(bob, 'm2', 'left')]);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 0 });
      expect(await bob.seat()).toBeNull();
      expect(await ann.leave()).toEqual([]);
      expect(await pool().seated(['ann', 'bob'])).toEqual([]);
    });

    it('asking while matched skips: the partner hears it, the skipper waits', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.match()).toEqual({ status: 'waiting', notices: [unmatched(bob, 'm2', 'skipped')] });
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 0 });
    });

    it('skips to somebody who waits', async () => {
      const [ann, bob, cat] = [socket('ann'), socket('bob'), socket('cat')];
      await couple(ann, bob);
      await cat.match();
      const { status, notices } = await ann.match();
      expect(status).toBe('matched');
      expect(notices[0]).toEqual(unmatched(bob, 'm2', 'skipped'));
      expect(notices.slice(1).map((notice) => notice.kind)).toEqual(['matched', 'matched']);
      expect(await partnerOf('ann')).toBe('cat');
      expect(await matches()).toBe(1);
    });

    it('skips a partner who is away, who loses the match', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await bob.depart();
      expect(await ann.match()).toEqual({ status: 'waiting', notices: [] });
      expect(await socket('bob', 'again').arrive('m2')).toEqual({ kind: 'none' });
      expect(await after(graceMs * 2)).toEqual([]);
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 0 });
    });

    it('block ends a match between the two, and both hear it', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      const notices = await pool().block('ann', 'bob');
      expect(notices).toHaveLength(2);
      expect(notices).toContainEqual(unmatched(ann, 'm2', 'blocked'));
      expect(notices).toContainEqual(unmatched(bob, 'm2', 'blocked'));
      expect(await matches()).toBe(0);
    });

    it('block ends no match with somebody else', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await pool().block('ann', 'cat')).toEqual([]);
      expect(await pool().block('cat', 'ann')).toEqual([]);
      expect(await matches()).toBe(1);
    });

    it('block reaches who is present', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await bob.depart();
      expect(await pool().block('bob', 'ann')).toEqual([unmatched(ann, 'm2', 'blocked')]);
      expect(await matches()).toBe(0);
    });
  });
}
