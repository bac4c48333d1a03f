import { describe, expect, it } from 'vitest';
import type { MatchOptions } from '../../src/features/matching/contract.ts';
import { RECENT_PARTNERS, timing } from '../../src/features/matching/pool.ts';
import type { Stage } from './match-pool.stage.ts';

const { interestsWidenMs, languageWidenMs, recentMs } = timing;

/** Who meets whom, and when. */
export function pairing({ socket, collect, advance, after, couple, waiting, partnerOf, pool }: Stage): void {
  describe('pairing', () => {
    it('pairs two who give no options; who asked last makes the offer', async () => {
      const [ann, bob] = [socket('ann'), socket('bob', 'tab', 'w2')];
      expect(await ann.match()).toEqual({ status: 'waiting', notices: [] });
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 0 });

      const meeting = { matchId: 'm2', sharedInterests: [], resumed: false, partnerAway: false };
      const { status, notices } = await bob.match();
      expect(status).toBe('matched');
      expect(notices).toHaveLength(2);
      expect(notices).toContainEqual({
        kind: 'matched',
        seat: {
          ...meeting,
          connectionId: 'bob/tab',
          userId: 'bob',
          partner: ann.party.user,
          initiator: true,
        },
      });
      expect(notices).toContainEqual({
        kind: 'matched',
        seat: {
          ...meeting,
          connectionId: 'ann/tab',
          userId: 'ann',
          partner: bob.party.user,
          initiator: false,
        },
      });
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
    });

    it('shows each seat its partner', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      expect(await ann.seat()).toEqual({
        matchId: 'm2',
        userId: 'ann',
        partnerId: 'bob',
        partnerConnectionId: 'bob/tab',
      });
      expect(await bob.seat()).toEqual({
        matchId: 'm2',
        userId: 'bob',
        partnerId: 'ann',
        partnerConnectionId: 'ann/tab',
      });
      expect(await pool().partnerOf('ann')).toEqual({
        matchId: 'm2',
        partnerId: 'bob',
        partnerConnectionId: 'bob/tab',
      });
      expect(await pool().partnerOf('eve')).toBeNull();
      expect(await socket('ann', 'phone').seat()).toBeNull();
      expect(await pool().seated(['ann', 'eve', 'bob'])).toEqual(['ann', 'bob']);
    });

    it('serves who came first', async () => {
      const [ann, bob, cat] = [socket('ann'), socket('bob'), socket('cat')];
      await ann.match({ mode: 'text' });
      await bob.match({ mode: 'audio' });
      await cat.match({ mode: 'video' });
      await socket('dan').match();
      expect(await partnerOf('dan')).toBe('ann');
      await socket('eve').match();
      expect(await partnerOf('eve')).toBe('bob');
    });

    it('keeps the first place, and takes the new options, of who asks again', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await ann.match({ mode: 'text' });
      await bob.match({ mode: 'audio' });
      expect(await ann.match({ mode: 'video' })).toEqual({ status: 'waiting', notices: [] });
      expect(await waiting()).toBe(2);

      await socket('cat').match({ mode: 'text' });
      expect(await partnerOf('cat')).toBeUndefined();
      await socket('dan').match();
      expect(await partnerOf('dan')).toBe('ann');
    });

    it('pairs who asks again with options that now fit, and lets that one make the offer', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await ann.match({ mode: 'text' });
      await bob.match({ mode: 'audio' });
      const { status, notices } = await ann.match({ mode: 'audio' });
      expect(status).toBe('matched');
      expect(notices).toContainEqual(
        expect.objectContaining({
          seat: expect.objectContaining({ userId: 'ann', initiator: true, matchId: 'm3' }),
        }),
      );
      expect(notices).toContainEqual(
        expect.objectContaining({
          seat: expect.objectContaining({ userId: 'bob', initiator: false, matchId: 'm3' }),
        }),
      );
    });

    it('never pairs two modes, however long they wait', async () => {
      await socket('ann').match({ mode: 'text' });
      await socket('bob').match({ mode: 'video' });
      expect(await after(languageWidenMs * 10)).toEqual([]);
      expect(await waiting()).toBe(2);
      await socket('cat').match({ mode: 'video' });
      expect(await partnerOf('cat')).toBe('bob');
    });

    it('never pairs two sockets of one user', async () => {
      const [tab, phone] = [socket('ann', 'tab'), socket('ann', 'phone')];
      await tab.match();
      expect(await phone.match()).toEqual({ status: 'conflict', notices: [] });
      expect(await tab.match()).toEqual({ status: 'waiting', notices: [] });
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 0 });
    });

    it('keeps blocked users apart, whichever side has blocked', async () => {
      await socket('ann').match({}, ['bob']);
      expect((await socket('bob').match()).status).toBe('waiting');
      expect((await socket('cat').match({}, ['ann', 'bob'])).status).toBe('waiting');
      expect(await after(languageWidenMs * 10)).toEqual([]);
      expect((await socket('bob').match({}, [])).status).toBe('waiting');
      expect((await socket('ann').match({}, [])).status).toBe('matched');
      expect(await partnerOf('ann')).toBe('bob');
    });

    it('keeps apart those who block while they wait', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await ann.match({ interests: ['jazz'] });
      await bob.match({ interests: ['chess'] });
      expect(await pool().block('bob', 'ann')).toEqual([]);
      expect(await after(languageWidenMs)).toEqual([]);
      expect(await waiting()).toBe(2);
    });

    it('pairs 2 000 who ask at once, nobody twice', async () => {
      const everyone = Array.from({ length: 2_000 }, (_, n) => socket(`u${n}`, 'tab', `w${n % 3}`));
      const outcomes: Awaited<ReturnType<(typeof everyone)[0]['match']>>[] = [];
      // Not all in one tick: on a busy machine a backend with a deadline could not answer in time.
      for (let n = 0; n < everyone.length; n += 200)
        outcomes.push(...(await Promise.all(everyone.slice(n, n + 200).map((one) => one.match()))));
      expect(outcomes.filter(({ status }) => status === 'matched')).toHaveLength(1_000);
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1_000 });

      const told = outcomes
        .flatMap(({ notices }) => notices)
        .flatMap((notice) => (notice.kind === 'matched' ? [notice.seat] : []));
      expect(new Set(told.map(({ connectionId }) => connectionId)).size).toBe(2_000);
      expect(new Set(told.map(({ matchId }) => matchId)).size).toBe(1_000);
      const partners = new Map(told.map((seat) => [seat.userId, seat.partner.id]));
      for (const [userId, partnerId] of partners) expect(partners.get(partnerId)).toBe(userId);
    }, 30_000);
  });

  describe('interests and language', () => {
    const statusOf = async (one: MatchOptions, other: MatchOptions) => {
      await socket('ann').match(one);
      return (await socket('bob').match(other)).status;
    };

    it('pairs at once over one interest in common, and names it to both', async () => {
      await socket('ann').match({ interests: ['jazz', 'go', 'chess'], language: 'en' });
      const { notices } = await socket('bob').match({
        interests: ['chess', 'film', 'jazz', 'chess'],
        language: 'en',
      });
      expect(notices).toHaveLength(2);
      for (const notice of notices)
        expect(notice).toMatchObject({ seat: { sharedInterests: ['chess', 'jazz'] } });
    });

    it.each<[string, MatchOptions, MatchOptions, string]>([
      ['no interest in common', { interests: ['jazz'] }, { interests: ['chess'] }, 'waiting'],
      ['no interests given by the first', {}, { interests: ['chess'] }, 'matched'],
      ['no interests given by the second', { interests: ['jazz'] }, {}, 'matched'],
      ['an empty list of interests', { interests: [] }, { interests: ['chess'] }, 'matched'],
      ['two languages', { language: 'en' }, { language: 'fr' }, 'waiting'],
      [
        'two languages and an interest in common',
        { language: 'en', interests: ['go'] },
        { language: 'fr', interests: ['go'] },
        'waiting',
      ],
      ['one language', { language: 'en' }, { language: 'en' }, 'matched'],
      ['a language given by one', { language: 'en' }, {}, 'matched'],
      [
        'a language in common and no interest',
        { language: 'en', interests: ['go'] },
        { language: 'en', interests: ['jazz'] },
        'waiting',
      ],
      ['one mode', { mode: 'audio' }, { mode: 'audio' }, 'matched'],
      ['a mode given by one', {}, { mode: 'audio' }, 'matched'],
    ])('%s', async (_, one, other, status) => {
      expect(await statusOf(one, other)).toBe(status);
    });

    it('asks again at 5 s, whatever the interests, and not before', async () => {
      expect(await statusOf({ interests: ['jazz'] }, { interests: ['chess'] })).toBe('waiting');
      expect(await after(interestsWidenMs - 1)).toEqual([]);
      const notices = await after(1);
      const meeting = { matchId: 'm2', sharedInterests: [], resumed: false, partnerAway: false };
      expect(notices).toHaveLength(2);
      expect(notices).toContainEqual({
        kind: 'matched',
        seat: {
          ...meeting,
          connectionId: 'ann/tab',
          userId: 'ann',
          partner: socket('bob').party.user,
          initiator: false,
        },
      });
      expect(notices).toContainEqual({
        kind: 'matched',
        seat: {
          ...meeting,
          connectionId: 'bob/tab',
          userId: 'bob',
          partner: socket('ann').party.user,
          initiator: true,
        },
      });
      expect(await pool().counts()).toEqual({ waiting: 0, matches: 1 });
      expect(await collect()).toEqual([]);
    });

    it('asks again at 10 s, whatever the language, and not before', async () => {
      const fussy = { interests: ['jazz'], language: 'en' };
      expect(await statusOf(fussy, { interests: ['chess'], language: 'fr' })).toBe('waiting');
      expect(await after(interestsWidenMs)).toEqual([]);
      expect(await after(languageWidenMs - interestsWidenMs - 1)).toEqual([]);
      expect(await after(1)).toHaveLength(2);
      expect(await partnerOf('ann')).toBe('bob');
    });

    it("counts each side's own wait: both must accept", async () => {
      await socket('ann').match({ interests: ['jazz'] });
      await after(interestsWidenMs + 1_000);
      expect((await socket('bob').match({ interests: ['chess'] })).status).toBe('waiting');
      expect(await after(interestsWidenMs - 1)).toEqual([]);
      expect(await after(1)).toHaveLength(2);
      expect(await partnerOf('bob')).toBe('ann');
    });

    it("counts each side's own wait for the language, too", async () => {
      await socket('ann').match({ language: 'en' });
      await after(languageWidenMs + 1_000);
      expect((await socket('bob').match({ language: 'fr' })).status).toBe('waiting');
      expect(await after(languageWidenMs - 1)).toEqual([]);
      expect(await after(1)).toHaveLength(2);
    });

    it('lets who asks again keep the time waited', async () => {
      const ann = socket('ann');
      await ann.match({ interests: ['go'] });
      await socket('bob').match({ interests: ['chess'] });
      await advance(interestsWidenMs - 1);
      await ann.match({ interests: ['jazz'] });
      expect(await after(1)).toHaveLength(2);
    });

    it('pairs all who widened together, first with second, nobody twice', async () => {
      const users = ['ann', 'bob', 'cat', 'dan', 'eve'];
      for (const user of users) await socket(user).match({ interests: [user] });
      expect(await after(languageWidenMs * 2)).toHaveLength(4);
      expect(await Promise.all(users.map(partnerOf))).toEqual(['bob', 'ann', 'dan', 'cat', undefined]);
      expect(await pool().counts()).toEqual({ waiting: 1, matches: 2 });
    });

    it('does not pair who stopped waiting', async () => {
      const ann = socket('ann');
      await ann.match({ interests: ['jazz'] });
      await socket('bob').match({ interests: ['chess'] });
      expect(await ann.cancel()).toBe(true);
      expect(await after(languageWidenMs)).toEqual([]);
      expect(await waiting()).toBe(1);
    });
  });

  describe('recent partners', () => {
    /** Ann meets each, newest last. */
    async function meetings(...users: string[]) {
      for (const user of users) {
        await socket('ann').match();
        await socket(user).match();
        await socket('ann').leave();
      }
    }

    it('are taken only when nobody else fits', async () => {
      const [ann, bob, cat] = [socket('ann'), socket('bob'), socket('cat')];
      await couple(ann, bob);
      await bob.leave();
      await bob.match({ mode: 'text' });
      await cat.match({ mode: 'audio' });
      await ann.match();
      expect(await partnerOf('ann')).toBe('cat');
      await ann.leave();
      await ann.match();
      expect(await partnerOf('ann')).toBe('bob');
    });

    it('are taken in order of arrival, too', async () => {
      await meetings('bob', 'cat');
      await socket('bob').match({ mode: 'text' });
      await socket('cat').match({ mode: 'audio' });
      await socket('ann').match();
      expect(await partnerOf('ann')).toBe('bob');
    });

    it('leave who was skipped to somebody new first', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await ann.match();
      await socket('cat').match({ mode: 'text' }, ['ann']);
      await bob.match();
      expect(await partnerOf('bob')).toBe('cat');
    });

    it('are avoided when one side alone remembers', async () => {
      await meetings('bob', 'c1', 'c2', 'c3', 'c4', 'c5');
      expect(await pool().recentPartners('ann')).not.toContain('bob');
      await socket('bob').match({ mode: 'text' });
      await socket('cat').match({ mode: 'audio' });
      await socket('ann').match();
      expect(await partnerOf('ann')).toBe('cat');
    });

    it('lists the newest first, the current one on top, each once, five at most', async () => {
      await meetings('b1', 'b2', 'b3', 'b4', 'b5', 'b6');
      expect(RECENT_PARTNERS).toBe(5);
      expect(await pool().recentPartners('ann')).toEqual(['b6', 'b5', 'b4', 'b3', 'b2']);
      await meetings('b4');
      expect(await pool().recentPartners('ann')).toEqual(['b4', 'b6', 'b5', 'b3', 'b2']);
      await couple(socket('ann'), socket('b7'));
      expect(await pool().recentPartners('ann')).toEqual(['b7', 'b4', 'b6', 'b5', 'b3']);
      expect(await pool().recentPartners('b7')).toEqual(['ann']);
      expect(await pool().recentPartners('eve')).toEqual([]);
    });

    it('are forgotten an hour after the match ended', async () => {
      const [ann, bob] = [socket('ann'), socket('bob')];
      await couple(ann, bob);
      await after(recentMs * 2);
      expect(await pool().recentPartners('ann')).toEqual(['bob']);
      await ann.leave();
      await after(recentMs - 1);
      expect(await pool().recentPartners('ann')).toEqual(['bob']);
      await advance(1);
      expect(await pool().recentPartners('ann')).toEqual([]);

      await bob.match({ mode: 'text' });
      await socket('cat').match({ mode: 'audio' });
      await collect();
      await ann.match();
      expect(await partnerOf('ann')).toBe('bob');
    });
  });
}
