import { describe, expect, it } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import { timing } from '../../src/features/matching/pool.ts';
import type { Party, PlaceClaim, SeatClaim } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';

const { graceMs, interestsWidenMs, offerMs, recentMs } = timing;

type Socket = ReturnType<Stage['socket']>;

/** As the socket was told; the other side is present. */
export function seatClaim(
  { party }: Socket,
  partner: Socket,
  matchId: string,
  told: Partial<SeatClaim> = {},
): SeatClaim {
  const sides = { initiator: false, partnerAway: false, sharedInterests: [] };
  return { ...party, matchId, partner: partner.party.user, ...sides, ...told };
}

export function placeClaim({ party }: Socket, matchId: string, asked: Partial<PlaceClaim> = {}): PlaceClaim {
  return { ...party, matchId, options: {}, blocked: [], waitedMs: 0, ...asked };
}

/** A worker was away, the state was not: what is there, is true. */
export function reclaiming(stage: Stage): void {
  const { socket, couple, waiting, matches, partnerOf, pool, after, advance, collect } = stage;
  const { unmatched, away, back, resumed, run } = stage;

  /** Under the run that goes on. */
  const reclaim = async (claims: Parameters<Stage['reclaim']>[2], owner = 'w1') =>
    stage.reclaim(owner, await run(), claims);
  const nothing = { notices: [], dropped: [] };
  /** Ann on w1, Bob on w2, who makes the offer. */
  async function pair() {
    const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
    await couple(ann, bob);
    return { ann, bob };
  }

  describe('claims after an absence', () => {
    it('that agree with the state change nothing, however often', async () => {
      const { ann, bob } = await pair();
      const [cat, candidate] = [socket('cat'), socket('dan', 'again')];
      const [dan, eve] = [socket('dan'), socket('eve', 'tab', 'w2')];
      await couple(dan, eve);
      await dan.depart();
      await candidate.arrive();
      await cat.match({ mode: 'text' });
      for (let time = 0; time < 2; time += 1) {
        expect(
          await reclaim({
            seats: [seatClaim(ann, bob, 'm2')],
            places: [placeClaim(cat, 'm5', { options: { mode: 'text' } })],
            candidates: [candidate.party],
          }),
        ).toEqual(nothing);
      }
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/tab' });
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 2 });
      expect(await after(offerMs)).toEqual([resumed(candidate, eve, 'm4', 'present'), back(eve, 'm4')]);
    });

    it('leave out what has departed', async () => {
      const { bob } = await pair();
      const [cat, dan, eve, candidate] = [
        socket('cat'),
        socket('dan'),
        socket('eve', 'tab', 'w2'),
        socket('dan', 'again'),
      ];
      await cat.match({ mode: 'text' });
      await dan.match({ mode: 'audio' });
      await eve.match({ mode: 'audio' });
      await dan.depart();
      await candidate.arrive();
      expect(await reclaim({})).toEqual({ notices: [away(bob, 'm2')], dropped: [] });
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 2 });
      expect(await after(offerMs)).toEqual([]);
    });

    it('leave alone what came after they were gathered, and what others have', async () => {
      const { ann, bob } = await pair();
      const asOf = await pool().standing();
      const [cat, dan] = [socket('cat'), socket('dan', 'tab', 'w2')];
      await couple(cat, dan);
      await socket('eve').match({ mode: 'text' });
      const claims = { owner: 'w1', heldUnder: asOf.run, asOf, places: [], candidates: [] };
      expect(await pool().reclaim({ ...claims, seats: [seatClaim(ann, bob, 'm2')] })).toEqual(nothing);
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 2 });
      expect(await dan.seat()).toMatchObject({ partnerConnectionId: 'cat/tab' });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/tab' });
    });

    it('take a vacated seat as any socket that returns', async () => {
      const { ann, bob } = await pair();
      await pool().dropOwner('w1');
      expect(await collect()).toEqual([away(bob, 'm2')]);
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [resumed(ann, bob, 'm2', 'present'), back(bob, 'm2')],
        dropped: [],
      });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/tab' });
      expect(await after(graceMs)).toEqual([]);
    });

    it('of a seat that ended hear so, whatever the partner does now', async () => {
      const { ann, bob } = await pair();
      await pool().dropOwner('w1');
      await after(graceMs);
      const cat = socket('cat', 'tab', 'w2');
      await couple(bob, cat);
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [unmatched(ann, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
      expect(await partnerOf('bob')).toBe('cat');
      expect(await partnerOf('ann')).toBeUndefined();
    });

    it('of a seat that ended hear so, however long ago that was', async () => {
      const { ann, bob } = await pair();
      await pool().dropOwner('w1');
      await after(graceMs);
      await after(recentMs);
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [unmatched(ann, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await matches()).toBe(0);
    });

    it('of a seat that another socket of the user has hear the end of it', async () => {
      const { ann, bob } = await pair();
      await pool().dropOwner('w1');
      const phone = socket('ann', 'phone', 'w2');
      await phone.arrive('m2');
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [unmatched(ann, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/phone' });
      expect(await matches()).toBe(1);
    });

    it('are out of date when the socket itself has asked for another match since', async () => {
      const { ann, bob } = await pair();
      const asOf = await pool().standing();
      const claims = { owner: 'w1', heldUnder: asOf.run, asOf, places: [], candidates: [] };
      const seats = [seatClaim(ann, bob, 'm2')];
      await ann.match({ mode: 'text' });
      expect(await pool().reclaim({ ...claims, seats })).toEqual(nothing);
      expect(await waiting()).toBe(1);
      await socket('cat').match({ mode: 'text' });
      expect(await pool().reclaim({ ...claims, seats })).toEqual(nothing);
      expect(await pool().reclaim({ ...claims, seats: [], places: [placeClaim(ann, 'm3')] })).toEqual(
        nothing,
      );
    });

    it('of an earlier match, whose push came late, hear of the one they have', async () => {
      const { ann, bob } = await pair();
      await ann.match({ mode: 'text' });
      const cat = socket('cat', 'tab', 'w2');
      await cat.match({ mode: 'text' });
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [resumed(ann, cat, 'm4', 'present'), back(cat, 'm4')],
        dropped: [],
      });
    });

    it('of an earlier match, whose push came late, end their place in the queue, which nobody knows of', async () => {
      const { ann, bob } = await pair();
      await ann.match({ mode: 'text' });
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [unmatched(ann, 'm2', 'disconnected')],
        dropped: [],
      });
      expect(await waiting()).toBe(0);
    });

    it('hear that the partner is away, when the push was lost', async () => {
      const { ann, bob } = await pair();
      await bob.depart();
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2')] })).toEqual({
        notices: [away(ann, 'm2')],
        dropped: [],
      });
      expect(await reclaim({ seats: [seatClaim(ann, bob, 'm2', { partnerAway: true })] })).toEqual(nothing);
    });

    it('hear that the partner is back, and make the offer', async () => {
      const { ann, bob } = await pair();
      const claim = seatClaim(ann, bob, 'm2', { partnerAway: true });
      expect(await reclaim({ seats: [claim] })).toEqual({
        notices: [resumed(ann, bob, 'm2', 'present'), back(bob, 'm2')],
        dropped: [],
      });
      expect(await ann.match()).toEqual({ status: 'matched', notices: [] });
    });

    it('leave exactly one to make the offer when the partner went and came back unnoticed', async () => {
      const { ann, bob } = await pair();
      await ann.depart();
      const again = socket('ann', 'again', 'w3');
      await again.arrive('m2');
      // Bob, who made the offer at first, still believes that it is his to make.
      const claim = seatClaim(bob, again, 'm2', { initiator: true });
      expect(await reclaim({ seats: [claim] }, 'w2')).toEqual({
        notices: [resumed(bob, again, 'm2', 'present'), back(again, 'm2')],
        dropped: [],
      });
      expect(await reclaim({ seats: [claim] }, 'w2')).toEqual(nothing);
    });

    it('wait on at their place in the queue', async () => {
      const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
      await ann.match({ interests: ['jazz'], mode: 'text' });
      await advance(interestsWidenMs - 1_000);
      await bob.match({ mode: 'audio' });
      await pool().dropOwner('w1');
      const options: MatchOptions = { interests: ['jazz'], mode: 'text' };
      const claim = placeClaim(ann, 'm1', { options, waitedMs: interestsWidenMs - 1_000 });
      expect(await reclaim({ places: [claim] })).toEqual(nothing);
      expect(await waiting()).toBe(2);
      await socket('cat').match();
      expect(await partnerOf('cat')).toBe('ann');
    });

    it('keep apart whom they had blocked', async () => {
      const ann = socket('ann');
      await reclaim({ places: [placeClaim(ann, 'm1', { blocked: ['bob'] })] });
      expect((await socket('bob').match()).status).toBe('waiting');
    });

    it('give up a place when another socket of the user waits or sits', async () => {
      const [tab, phone] = [socket('ann', 'tab', 'w1'), socket('ann', 'phone', 'w2')];
      await phone.match();
      const claims = { places: [placeClaim(tab, 'm1')] };
      expect(await reclaim(claims)).toEqual({ notices: [], dropped: ['ann/tab'] });
      await socket('bob', 'tab', 'w2').match();
      expect(await reclaim(claims)).toEqual({ notices: [], dropped: ['ann/tab'] });
      expect(await reclaim({ candidates: [tab.party] })).toEqual({ notices: [], dropped: ['ann/tab'] });
      expect(await partnerOf('bob')).toBe('ann');
    });

    it('of a place hear of the match that came of it, when the push was lost', async () => {
      const { ann, bob } = await pair();
      expect(await reclaim({ places: [placeClaim(ann, 'm1')] })).toEqual({
        notices: [resumed(ann, bob, 'm2', 'present'), back(bob, 'm2')],
        dropped: [],
      });
      await pool().dropOwner('w1');
      expect(await reclaim({ places: [placeClaim(ann, 'm1')] })).toMatchObject({
        notices: [{ kind: 'matched' }, { kind: 'partner-back' }],
      });
    });

    it('of a candidate hear that it has the seat, when the push was lost', async () => {
      const { ann, bob } = await pair();
      const again = socket('ann', 'again');
      await ann.depart();
      await again.arrive();
      await after(offerMs);
      expect(await reclaim({ candidates: [again.party] })).toEqual({
        notices: [resumed(again, bob, 'm2', 'present'), back(bob, 'm2')],
        dropped: [],
      });
    });

    it('make a candidate one again', async () => {
      const { ann, bob } = await pair();
      const again: Socket = socket('ann', 'again');
      await ann.depart();
      await again.arrive();
      await pool().dropOwner('w1');
      const party: Party = again.party;
      expect(await reclaim({ candidates: [party] })).toEqual(nothing);
      expect(await after(offerMs)).toEqual([resumed(again, bob, 'm2', 'present'), back(bob, 'm2')]);
    });
  });
}
