import { describe, expect, it } from 'vitest';
import { timing } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';

const { graceMs, offerMs, resumedMs } = timing;

/** Who has a seat, who gets a vacated one, who makes the offer then. */
export function seats({
  socket,
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
  describe('a seat', () => {
    it('belongs to one socket: another live one answers conflict', async () => {
      const [ann, phone, bob] = [socket('ann'), socket('ann', 'phone'), socket('bob')];
      await couple(ann, bob);
      expect(await phone.match()).toEqual({ status: 'conflict', notices: [] });
      expect(await phone.leave()).toEqual([]);
      expect(await phone.depart()).toEqual([]);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/tab' });
    });

    it('says who has it when another socket arrives, even one that names it', async () => {
      const [ann, phone, bob] = [socket('ann', 'tab', 'w3'), socket('ann', 'phone'), socket('bob')];
      await couple(ann, bob);
      await after(resumedMs);
      expect(await phone.arrive('m2')).toEqual({ kind: 'held', connectionId: 'ann/tab', owner: 'w3' });
      expect(await phone.seat()).toBeNull();
    });

    it('stays as it is when its own socket authenticates again', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.arrive()).toEqual({ kind: 'own' });
      expect(await ann.arrive('m2')).toEqual({ kind: 'own' });
      expect(await ann.seat()).toMatchObject({ partnerConnectionId: 'bob/tab' });
    });

    it('is vacated, not ended, when its socket is lost', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.depart()).toEqual([away(bob, 'm2')]);
      expect(await ann.depart()).toEqual([]);
      expect(await ann.seat()).toBeNull();
      expect(await bob.seat()).toEqual({
        matchId: 'm2',
        userId: 'bob',
        partnerId: 'ann',
        partnerConnectionId: null,
      });
      expect(await pool().partnerOf('ann')).toEqual({
        matchId: 'm2',
        partnerId: 'bob',
        partnerConnectionId: 'bob/tab',
      });
      expect(await pool().seated(['ann', 'bob'])).toEqual(['ann', 'bob']);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
    });

    it('goes at once to a new connection that names it', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again', 'w2')];
      await couple(ann, bob);
      await ann.depart();
      expect(await again.arrive('m2')).toEqual({
        kind: 'resumed',
        notices: [resumed(again, bob, 'm2', 'present'), back(bob, 'm2')],
      });
      expect(await again.seat()).toEqual({
        matchId: 'm2',
        userId: 'ann',
        partnerId: 'bob',
        partnerConnectionId: 'bob/tab',
      });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/again' });
      expect(await after(graceMs)).toEqual([]);
      expect(await matches()).toBe(1);
    });

    it('goes at once to any socket of the user that asks for a match', async () => {
      const [ann, bob, phone] = [socket('ann'), socket('bob'), socket('ann', 'phone')];
      await couple(ann, bob);
      await ann.depart();
      expect(await phone.match()).toEqual({
        status: 'matched',
        notices: [resumed(phone, bob, 'm2', 'present'), back(bob, 'm2')],
      });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/phone' });
    });

    it('keeps what they have in common', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again')];
      await ann.match({ interests: ['go', 'jazz'] });
      await bob.match({ interests: ['jazz'] });
      await ann.depart();
      expect(await again.match({ interests: ['film'] })).toMatchObject({
        notices: [{ seat: { sharedInterests: ['jazz'] } }, {}],
      });
    });

    it('shows the profile that the returning socket says', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again')];
      await couple(ann, bob);
      await ann.depart();
      const user = { id: 'ann', username: 'Annabel', avatar: null };
      await pool().arrive({ ...again.party, user }, 'm2');
      await bob.depart();
      expect(await socket('bob', 'again').match()).toMatchObject({
        notices: [{ seat: { partner: user } }, {}],
      });
    });

    it('waits 1 s for a socket that names it or asks, then goes to the newest that arrived since', async () => {
      const [ann, bob, first, second] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'first'),
        socket('ann', 'second'),
      ];
      await couple(ann, bob);
      await ann.depart();
      expect(await first.arrive()).toEqual({ kind: 'candidate' });
      expect(await second.arrive('m1')).toEqual({ kind: 'candidate' });
      expect(await second.seat()).toBeNull();
      expect(await after(offerMs - 1)).toEqual([]);
      expect(await after(1)).toEqual([resumed(second, bob, 'm2', 'present'), back(bob, 'm2')]);
      expect(await second.seat()).toMatchObject({ partnerConnectionId: 'bob/tab' });
      expect(await first.seat()).toBeNull();
      expect(await first.depart()).toEqual([]);
      expect(await matches()).toBe(1);
    });

    it('counts who arrives twice as the newest', async () => {
      const [ann, bob, first, second] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'first'),
        socket('ann', 'second'),
      ];
      await couple(ann, bob);
      await ann.depart();
      await first.arrive();
      await second.arrive();
      expect(await first.arrive()).toEqual({ kind: 'candidate' });
      await after(offerMs);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/first' });
    });

    it('goes at once to who arrives after that second', async () => {
      const [ann, bob, late] = [socket('ann'), socket('bob'), socket('ann', 'late')];
      await couple(ann, bob);
      await ann.depart();
      await after(offerMs);
      expect(await late.arrive()).toMatchObject({ kind: 'resumed' });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/late' });
    });

    it('does not go to a socket that was there before', async () => {
      const [ann, bob, older] = [socket('ann'), socket('bob'), socket('ann', 'older')];
      await couple(ann, bob);
      expect(await older.arrive()).toMatchObject({ kind: 'held' });
      await ann.depart();
      expect(await after(offerMs)).toEqual([]);
      expect(await older.seat()).toBeNull();
    });

    it('does not go to another user who names it', async () => {
      const [ann, bob, eve] = [socket('ann'), socket('bob'), socket('eve')];
      await couple(ann, bob);
      await ann.depart();
      expect(await eve.arrive('m2')).toEqual({ kind: 'none' });
      expect(await after(offerMs)).toEqual([]);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: null });
    });

    it('does not go to candidates that are gone, nor to those of a lost worker', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      const [stays, drops, departs] = [
        socket('ann', 'stays'),
        socket('ann', 'drops', 'w3'),
        socket('ann', 'departs'),
      ];
      await couple(ann, bob);
      await ann.depart();
      for (const candidate of [stays, drops, departs]) await candidate.arrive();
      expect(await departs.depart()).toEqual([]);
      await pool().dropOwner('w3');
      expect(await after(offerMs)).toEqual([resumed(stays, bob, 'm2', 'present'), back(bob, 'm2')]);
    });

    it('lets a candidate be overtaken by a socket that asks', async () => {
      const [ann, bob, candidate, asks] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'candidate'),
        socket('ann', 'asks'),
      ];
      await couple(ann, bob);
      await ann.depart();
      await candidate.arrive();
      await asks.match();
      expect(await after(graceMs)).toEqual([]);
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/asks' });
      await asks.depart();
      expect(await after(offerMs)).toEqual([]);
      expect(await candidate.seat()).toBeNull();
    });

    it('is left by its candidate', async () => {
      const [ann, bob, candidate] = [socket('ann'), socket('bob'), socket('ann', 'candidate')];
      await couple(ann, bob);
      await ann.depart();
      await candidate.arrive();
      expect(await candidate.cancel()).toBe(false);
      expect(await candidate.leave()).toEqual([unmatched(bob, 'm2', 'left')]);
      expect(await after(graceMs)).toEqual([]);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 0 });
    });

    it('tells the newest candidate when the match ends under it', async () => {
      const [ann, bob, first, second] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'first'),
        socket('ann', 'second'),
      ];
      await couple(ann, bob);
      await ann.depart();
      await first.arrive();
      await second.arrive();
      expect(await bob.leave()).toEqual([unmatched(second, 'm2', 'left')]);
      expect(await after(offerMs)).toEqual([]);
      expect(await second.seat()).toBeNull();
    });

    it('is not touched when the socket that lost it departs late', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again')];
      await couple(ann, bob);
      await ann.depart();
      await again.arrive('m2');
      expect(await ann.depart()).toEqual([]);
      expect(await ann.leave()).toEqual([]);
      expect(await ann.match()).toEqual({ status: 'conflict', notices: [] });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/again' });
    });

    it('is lost after 15 s, and the partner hears it', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await ann.depart();
      expect(await after(graceMs - 1)).toEqual([]);
      expect(await after(1)).toEqual([unmatched(bob, 'm2', 'disconnected')]);
      expect(await bob.seat()).toBeNull();
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 0 });
      expect(await socket('ann', 'again').arrive('m2')).toEqual({ kind: 'none' });
      expect((await bob.match()).status).toBe('waiting');
    });

    it('has 15 s anew each time', async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again')];
      await couple(ann, bob);
      await ann.depart();
      await after(graceMs - 1);
      await again.arrive('m2');
      await again.depart();
      expect(await after(graceMs - 1)).toEqual([]);
      expect(await after(1)).toEqual([unmatched(bob, 'm2', 'disconnected')]);
    });
  });

  describe('a user:match soon after a resume', () => {
    const back5 = async () => {
      const [ann, bob, again] = [socket('ann'), socket('bob'), socket('ann', 'again')];
      await couple(ann, bob);
      await ann.depart();
      await again.arrive('m2');
      return { bob, again };
    };

    it('answers the match it has', async () => {
      const { bob, again } = await back5();
      expect(await again.match()).toEqual({ status: 'matched', notices: [] });
      await advance(resumedMs - 1);
      expect(await again.match()).toEqual({ status: 'matched', notices: [] });
      expect(await bob.seat()).toMatchObject({ partnerConnectionId: 'ann/again' });
    });

    it('skips after 5 s', async () => {
      const { bob, again } = await back5();
      await advance(resumedMs);
      expect(await again.match()).toEqual({
        status: 'waiting',
        notices: [unmatched(bob, 'm2', 'skipped')],
      });
    });

    it('skips when the partner of who was resumed asks', async () => {
      const { bob, again } = await back5();
      expect(await bob.match()).toEqual({
        status: 'waiting',
        notices: [unmatched(again, 'm2', 'skipped')],
      });
    });

    it('asks anew when the partner has left meanwhile', async () => {
      const { bob, again } = await back5();
      await bob.leave();
      expect(await again.match()).toEqual({ status: 'waiting', notices: [] });
    });
  });

  describe('both away', () => {
    it('the first to return waits, the second makes the offer', async () => {
      const [ann, bob, annAgain, bobAgain] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'again'),
        socket('bob', 'again'),
      ];
      await couple(ann, bob);
      expect(await ann.depart()).toEqual([away(bob, 'm2')]);
      expect(await bob.depart()).toEqual([]);
      expect(await annAgain.arrive('m2')).toEqual({
        kind: 'resumed',
        notices: [resumed(annAgain, bob, 'm2', 'away')],
      });
      expect(await annAgain.seat()).toMatchObject({ partnerConnectionId: null });
      expect(await bobAgain.match()).toEqual({
        status: 'matched',
        notices: [resumed(bobAgain, annAgain, 'm2', 'present'), back(annAgain, 'm2')],
      });
      expect(await annAgain.seat()).toMatchObject({ partnerConnectionId: 'bob/again' });
      expect(await after(graceMs)).toEqual([]);
    });

    it('each has 15 s from its own loss; the first that is over ends the match', async () => {
      const [ann, bob, bobAgain] = [socket('ann'), socket('bob'), socket('bob', 'again')];
      await couple(ann, bob);
      await ann.depart();
      await after(graceMs - 1_000);
      await bob.depart();
      await bobAgain.arrive('m2');
      expect(await after(999)).toEqual([]);
      expect(await after(1)).toEqual([unmatched(bobAgain, 'm2', 'disconnected')]);
      expect(await matches()).toBe(0);
    });

    it('nobody hears the end when nobody is there', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await ann.depart();
      await bob.depart();
      expect(await after(graceMs)).toEqual([]);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 0 });
    });

    it('candidates of both get their seats in one collect', async () => {
      const [ann, bob, annAgain, bobAgain] = [
        socket('ann'),
        socket('bob'),
        socket('ann', 'again'),
        socket('bob', 'again'),
      ];
      await couple(ann, bob);
      await ann.depart();
      await bob.depart();
      await bobAgain.arrive();
      await annAgain.arrive();
      const [first, ...rest] = await after(offerMs);
      expect(first).toMatchObject({
        kind: 'matched',
        seat: { connectionId: 'ann/again', resumed: true, initiator: false },
      });
      expect(rest).toEqual([resumed(bobAgain, annAgain, 'm2', 'present'), back(annAgain, 'm2')]);
    });
  });
}
