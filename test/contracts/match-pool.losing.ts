import { describe, expect, it } from 'vitest';
import { timing } from '../../src/features/matching/pool.ts';
import type { Notice } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';
import { placeClaim, seatClaim } from './match-pool.reclaiming.ts';

const { claimMs, graceMs, interestsWidenMs, offerMs } = timing;

/** The state is lost, or again as it was some time ago: the workers say it anew. */
/** @param outlives what was saved can be there again: its own suite is for such backends only */
export function losing(stage: Stage, outlives: boolean): void {
  const { socket, couple, waiting, matches, partnerOf, pool, after, advance, collect } = stage;
  const { unmatched, away, back, resumed, run, lose, reclaim } = stage;
  const nothing = { notices: [], dropped: [] };

  /** Ann on w1 and Bob on w2, who makes the offer; then everything is lost. Answers with the run of before. */
  async function lostPair() {
    const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
    const before = await run();
    await couple(ann, bob);
    await lose();
    return { ann, bob, before };
  }

  describe('after a loss', () => {
    it('there is nothing, and another run', async () => {
      const { ann, before } = await lostPair();
      expect(await ann.seat()).toBeNull();
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 0 });
      expect(await run()).not.toBe(before);
    });

    it.each([0, 1])('partners claim in any order and hear nothing (%i)', async (turn) => {
      const { ann, bob, before } = await lostPair();
      const told = { sharedInterests: ['go'] };
      const claims: ['w1' | 'w2', ReturnType<typeof seatClaim>][] = [
        ['w1', seatClaim(ann, bob, 'm2', told)],
        ['w2', seatClaim(bob, ann, 'm2', { ...told, initiator: true })],
      ];
      if (turn) claims.reverse();
      for (const [owner, claim] of claims) {
        expect(await reclaim(owner, before, { seats: [claim] })).toEqual(nothing);
        await advance(claimMs - 1);
      }
      expect(await ann.seat()).toEqual({
        matchId: 'm2',
        userId: 'ann',
        partnerId: 'bob',
        partnerConnectionId: 'bob/tab',
      });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/tab' });
      expect(await after(graceMs)).toEqual([]);
      for (const [owner, claim] of claims)
        expect(await reclaim(owner, before, { seats: [claim] })).toEqual(nothing);

      await bob.depart();
      expect(await socket('bob', 'again').match()).toMatchObject({
        notices: [{ seat: { matchId: 'm2', partner: ann.party.user, sharedInterests: ['go'] } }, {}],
      });
    });

    it('a claimant who made no offer yet, like the partner, makes one', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      expect(await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2')] })).toEqual({
        notices: [resumed(bob, ann, 'm2', 'present'), back(ann, 'm2')],
        dropped: [],
      });
    });

    it.each([claimMs - 1, claimMs])('a partner who was taken for away is back (after %i ms)', async (ms) => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2', { partnerAway: true })] });
      expect(await after(ms)).toEqual([]);
      expect(
        await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2', { initiator: true })] }),
      ).toEqual({ notices: [resumed(bob, ann, 'm2', 'present'), back(ann, 'm2')], dropped: [] });
    });

    it('an unclaimed seat is vacant: its partner hears it after a while, and the end after its grace', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      expect(await ann.seat()).toMatchObject({ partnerConnectionId: null });
      expect(await after(claimMs - 1)).toEqual([]);
      expect(await after(1)).toEqual([away(ann, 'm2')]);
      expect(await after(graceMs - claimMs - 1)).toEqual([]);
      expect(await after(1)).toEqual([unmatched(ann, 'm2', 'disconnected')]);
      expect(await matches()).toBe(0);
    });

    it('who claims after that while comes back like anybody', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      await after(claimMs);
      expect(
        await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2', { initiator: true })] }),
      ).toEqual({ notices: [resumed(bob, ann, 'm2', 'present'), back(ann, 'm2')], dropped: [] });
    });

    it('an unclaimed seat goes to a socket that names it, and not to a late claim', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      const phone = socket('bob', 'phone');
      expect(await phone.arrive('m2')).toMatchObject({ kind: 'resumed' });
      expect(await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2')] })).toEqual({
        notices: [unmatched(bob, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await ann.seat()).toMatchObject({ partnerConnectionId: 'bob/phone' });
    });

    it.each(['names it', 'asks'])(
      'who %s, while the partner is unclaimed, hears of the return',
      async (how) => {
        const { ann, bob, before } = await lostPair();
        await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
        await pool().dropOwner('w1');
        await collect();
        const phone = socket('ann', 'phone', 'w3');
        const { notices } =
          how === 'asks'
            ? await phone.match()
            : ((await phone.arrive('m2')) as { notices: readonly Notice[] });
        expect(notices).toEqual([resumed(phone, bob, 'm2', 'away')]);
        expect(await after(claimMs - 1)).toEqual([]);
        expect(
          await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2', { initiator: true })] }),
        ).toEqual({ notices: [resumed(bob, phone, 'm2', 'present'), back(phone, 'm2')], dropped: [] });
      },
    );

    it('who returns to an unclaimed partner is not told again that nobody is there', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      await pool().dropOwner('w1');
      await socket('ann', 'phone', 'w3').match();
      expect(await after(claimMs)).toEqual([]);
    });

    // Bob left Ann for Cat; Ann has not heard it.
    it.each([
      ['ann', 'bob', 'cat'],
      ['ann', 'cat', 'bob'],
      ['bob', 'ann', 'cat'],
      ['bob', 'cat', 'ann'],
      ['cat', 'ann', 'bob'],
      ['cat', 'bob', 'ann'],
    ] as const)('the later match wins, whoever claims first (%s, %s, %s)', async (...order) => {
      const { ann, bob, before } = await lostPair();
      const cat = socket('cat', 'tab', 'w3');
      const claims = {
        ann: ['w1', seatClaim(ann, bob, 'm9')],
        bob: ['w2', seatClaim(bob, cat, 'm10', { initiator: true })],
        cat: ['w3', seatClaim(cat, bob, 'm10')],
      } as const;
      const told = [];
      for (const who of order) {
        const [owner, claim] = claims[who];
        told.push(...(await reclaim(owner, before, { seats: [claim] })).notices);
      }
      expect(told).toEqual([unmatched(ann, 'm9', 'disconnected')]);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
      expect(await bob.seat()).toMatchObject({ matchId: 'm10', partnerConnectionId: 'cat/tab' });
      expect(await cat.seat()).toMatchObject({ matchId: 'm10', partnerConnectionId: 'bob/tab' });
      expect(await partnerOf('ann')).toBeUndefined();
      expect(await after(graceMs)).toEqual([]);
    });

    it.each([0, 1])('a later request wins over a match (%i)', async (turn) => {
      const { ann, bob, before } = await lostPair();
      const claim = () => reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      const told = turn ? await claim() : null;
      const place = await reclaim('w2', before, { places: [placeClaim(bob, 'm3')] });
      const { notices } = told ? place : await claim();
      expect(notices).toEqual([unmatched(ann, 'm2', 'disconnected')]);
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 0 });
    });

    it.each([0, 1])('a match wins over the earlier request from which it came (%i)', async (turn) => {
      const { ann, bob, before } = await lostPair();
      const claims = [
        () => reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2', { initiator: true })] }),
        () => reclaim('w1', before, { places: [placeClaim(ann, 'm1')] }),
      ];
      if (turn) claims.reverse();
      await claims[0]!();
      expect((await claims[1]!()).notices).toEqual([resumed(ann, bob, 'm2', 'present'), back(bob, 'm2')]);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
    });

    it('a match that ended since is not made again', async () => {
      const { ann, bob, before } = await lostPair();
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] });
      await ann.leave();
      expect(await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2')] })).toEqual({
        notices: [unmatched(bob, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await matches()).toBe(0);
    });

    it('who asked before the claim came has a later match', async () => {
      const { ann, bob, before } = await lostPair();
      const cat = socket('cat', 'tab', 'w3');
      await couple(cat, bob);
      expect(await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2')] })).toMatchObject({
        notices: [unmatched(ann, 'm2', 'disconnected')],
      });
      expect(await partnerOf('bob')).toBe('cat');
    });

    it('places keep their order and the time waited; claimed seats come before new matches', async () => {
      const before = await run();
      await lose();
      const [ann, bob, cat] = [socket('ann'), socket('bob', 'tab', 'w2'), socket('cat', 'tab', 'w3')];
      const options = { mode: 'audio' } as const;
      await cat.match({ mode: 'text' });
      await advance(1);
      const jazz = { interests: ['jazz'], ...options };
      await reclaim('w1', before, {
        places: [placeClaim(ann, '1', { options, waitedMs: interestsWidenMs * 2 })],
      });
      await reclaim('w2', before, {
        places: [placeClaim(bob, '2', { options: jazz, waitedMs: interestsWidenMs * 3 })],
      });
      expect(await after(claimMs - 1)).toEqual([]);
      expect(await waiting()).toBe(3);
      // The asker of the two is whose claim came last.
      expect(await after(1)).toMatchObject([
        { seat: { userId: 'bob', initiator: true, matchId: '2' } },
        { seat: { userId: 'ann', initiator: false } },
      ]);
      expect(await waiting()).toBe(1);
    });

    it('the longest waiting is served first, as before', async () => {
      const before = await run();
      await lose();
      const [ann, bob] = [socket('ann'), socket('bob')];
      await reclaim('w1', before, {
        places: [placeClaim(ann, '1', { waitedMs: 10 }), placeClaim(bob, '2', { waitedMs: 500 })],
      });
      await socket('cat').match();
      expect(await partnerOf('cat')).toBe('bob');
    });

    it('who does not widen any more is asked once more, and who still will is asked then', async () => {
      const before = await run();
      await lose();
      const [ann, bob] = [socket('ann'), socket('bob')];
      const place = (who: typeof ann, interest: string, matchId: string) =>
        placeClaim(who, matchId, { options: { interests: [interest] }, waitedMs: 1_000 });
      await reclaim('w1', before, { places: [place(ann, 'go', '1'), place(bob, 'jazz', '2')] });
      expect(await after(interestsWidenMs - 1_001)).toEqual([]);
      expect(await after(1)).toHaveLength(2);
    });

    it('candidates are there again', async () => {
      const { ann, bob, before } = await lostPair();
      const again = socket('bob', 'again', 'w2');
      await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2', { partnerAway: true })] });
      expect(await reclaim('w2', before, { candidates: [again.party] })).toEqual(nothing);
      expect(await after(offerMs)).toEqual([resumed(again, ann, 'm2', 'present'), back(ann, 'm2')]);
    });

    it('a mark from before forgets nothing', async () => {
      const ann = socket('ann', 'tab', 'w1');
      for (const bob of [socket('bob', 'tab', 'w2'), socket('cat', 'tab', 'w3')]) {
        await couple(ann, bob);
        await pool().dropOwner(bob.party.owner);
        await ann.leave();
      }
      await couple(ann, socket('dan', 'tab', 'w2'));
      await pool().dropOwner('w2');
      const { last } = await pool().collect();
      await lose();
      await couple(ann, socket('bob', 'tab', 'w2'));
      await pool().dropOwner('w2');
      expect((await pool().collect(last)).notices).toHaveLength(1);
    });

    it('claims that were gathered before it are refused', async () => {
      const asOf = await pool().standing();
      await lose();
      const claims = { owner: 'w1', heldUnder: asOf.run, asOf, seats: [], places: [], candidates: [] };
      await expect(pool().reclaim(claims)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const seats = [seatClaim(socket('ann'), socket('bob'), 'm2')];
      await expect(pool().reclaim({ ...claims, seats })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await matches()).toBe(0);
    });
  });

  if (!outlives) return;
  describe('an old snapshot', () => {
    /** What was saved is followed by `since`, and then there again. */
    async function restored(since: () => Promise<unknown>) {
      const snapshot = stage.snapshot();
      if (!snapshot) throw new Error('this backend has no snapshots');
      await snapshot.save();
      await since();
      await snapshot.restore();
    }

    it('brings no match back that nobody claims', async () => {
      const [ann, bob, cat] = [socket('ann'), socket('bob', 'tab', 'w2'), socket('cat')];
      await couple(ann, bob);
      const before = await run();
      await restored(async () => {
        await ann.match();
        await cat.match();
      });
      expect(await ann.seat()).toBeNull();
      expect(await bob.seat()).toBeNull();
      const claim = seatClaim(ann, cat, 'm3', { initiator: true });
      expect(await reclaim('w1', before, { seats: [claim, seatClaim(cat, ann, 'm3')] })).toEqual(nothing);
      expect(await reclaim('w2', before, {})).toEqual(nothing);
      expect(await ann.seat()).toMatchObject({ partnerConnectionId: 'cat/tab' });
      expect(await partnerOf('bob')).toBeUndefined();
      expect(await matches()).toBe(1);
    });

    it('ends what nobody claims, after the grace, and tells nobody', async () => {
      await couple(socket('ann'), socket('bob'));
      await restored(async () => {});
      expect(await matches()).toBe(1);
      expect(await after(graceMs - 1)).toEqual([]);
      expect(await matches()).toBe(1);
      expect(await after(1)).toEqual([]);
      expect(await pool().seated(['ann', 'bob'])).toEqual([]);
    });

    it('keeps quiet to partners who both claim', async () => {
      const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
      await ann.match({ interests: ['go'] });
      await bob.match({ interests: ['go'] });
      const before = await run();
      await restored(async () => {});
      const told = { sharedInterests: ['go'] };
      expect(await reclaim('w1', before, { seats: [seatClaim(ann, bob, 'm2', told)] })).toEqual(nothing);
      await advance(claimMs - 1);
      const claim = seatClaim(bob, ann, 'm2', { ...told, initiator: true });
      expect(await reclaim('w2', before, { seats: [claim] })).toEqual(nothing);
      expect(await ann.seat()).toMatchObject({ partnerConnectionId: 'bob/tab' });
      expect(await after(graceMs)).toEqual([]);
    });

    it('does not know that a partner came back, who is there', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob', 'tab', 'w2'), socket('ann', 'again')];
      await couple(ann, bob);
      await ann.depart();
      const before = await run();
      await restored(() => again.arrive('m2'));
      expect(await reclaim('w2', before, { seats: [seatClaim(bob, ann, 'm2')] })).toEqual(nothing);
      expect(
        await reclaim('w1', before, { seats: [seatClaim(again, bob, 'm2', { initiator: true })] }),
      ).toEqual(nothing);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/again' });
      expect(await after(graceMs)).toEqual([]);
    });

    it('has no places, and no notices', async () => {
      const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
      await couple(ann, bob);
      await pool().dropOwner('w1');
      await socket('cat').match();
      await restored(() => collect());
      expect(await waiting()).toBe(0);
      expect((await pool().collect()).notices).toEqual([]);
      expect((await socket('cat', 'phone').match()).status).toBe('waiting');
    });
  });
}
