import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { limits } from '../../src/features/uploads/contract.ts';
import type { Upload, UploadStore, Use } from '../../src/features/uploads/uploads.ts';
import { NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';
import { asAvatar, inMatch, inMessage, upload, voice } from './upload-stage.ts';

const [ann, bob] = ['11', '12'] as const;
const CONFLICT = expect.objectContaining({ code: 'CONFLICT' });

/** What every UploadStore does. */
export function uploadStoreContract({ name, open }: StorageBackend): void {
  describe(`upload store: ${name}`, () => {
    let under: StorageUnderTest;
    let uploads: UploadStore;
    beforeAll(async () => {
      under = await open();
      uploads = under.stores.uploads;
    });
    afterEach(() => under.empty());
    afterAll(() => under.close());

    /** Ann's, in use there. */
    async function used(uses: readonly Use[], overrides: Partial<Upload> = {}): Promise<string> {
      const one = upload(overrides);
      await uploads.create(one);
      for (const use of uses) expect(await uploads.use(one.id, one.ownerId, use)).toEqual(one);
      return one.id;
    }
    const usesOf = async (id: string) => {
      const found = await uploads.find(id);
      return found?.uses.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
    };
    /** With everything that was made before NOW + 1 old enough. */
    const sweep = async (now: number, createdBefore = NOW + 1, limit = 99) =>
      (await uploads.removeOrphans({ createdBefore, now }, limit)).toSorted();

    it('finds what it was given, and null for what there is not', async () => {
      const all = [upload(), upload({ dimensions: null, mimeType: 'application/pdf' }), voice()];
      for (const one of all) await uploads.create(one);
      for (const one of all) expect(await uploads.find(one.id)).toEqual({ ...one, uses: [] });
      expect(await uploads.find(upload().id)).toBeNull();
    });

    it('knows which of these ids there are', async () => {
      const [one, two, none] = [await used([]), await used([asAvatar]), upload().id];
      await used([]);
      expect((await uploads.known([two, none, one])).toSorted()).toEqual([one, two].toSorted());
      expect(await uploads.known([])).toEqual([]);
      expect(await uploads.known([none])).toEqual([]);
    });

    describe('uses', () => {
      it('are in messages, matches and avatars, each by its own id', async () => {
        const uses = [
          asAvatar,
          inMatch('$m', NOW + 1, bob),
          inMatch('7', NOW),
          inMessage('7'),
          inMessage('8', '501'),
        ];
        const id = await used(uses.toReversed());
        const other = await used([inMessage('7')]);
        expect(await usesOf(id)).toEqual(uses);
        expect(await usesOf(other)).toEqual([inMessage('7')]);
      });

      it('change nothing when they come again, but how long a match lasts', async () => {
        const id = await used([inMessage('7'), inMatch('m', NOW), asAvatar, inMatch('n', NOW)]);
        for (const again of [inMessage('7'), asAvatar, inMatch('m', NOW + 9)]) {
          expect(await uploads.use(id, ann, again)).toMatchObject({ id });
        }
        const after = [asAvatar, inMatch('m', NOW + 9), inMatch('n', NOW), inMessage('7')];
        expect(await usesOf(id)).toEqual(after);
        await uploads.use(id, ann, inMatch('m', NOW - 9));
        expect(await usesOf(id)).toContainEqual(inMatch('m', NOW - 9));
      });

      it('are refused for what there is not, and for somebody else’s', async () => {
        const id = await used([]);
        expect(await uploads.use(id, bob, inMessage('7'))).toBeNull();
        expect(await uploads.use(upload().id, ann, inMessage('7'))).toBeNull();
        expect(await usesOf(id)).toEqual([]);
      });

      it(`are at most ${limits.usesPerUpload}, also when all come at once; repeats still succeed then`, async () => {
        const id = await used([inMatch('m', NOW)]);
        const asked = Array.from({ length: limits.usesPerUpload + 4 }, (_, i) =>
          uploads.use(id, ann, inMessage(String(i))),
        );
        const answers = await Promise.allSettled(asked);
        expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(limits.usesPerUpload - 1);
        for (const answer of answers) {
          if (answer.status === 'rejected') expect(answer.reason).toEqual(CONFLICT);
        }
        await expect(uploads.use(id, ann, asAvatar)).rejects.toEqual(CONFLICT);
        await uploads.use(id, ann, inMatch('m', NOW + 1));
        expect(await usesOf(id)).toHaveLength(limits.usesPerUpload);
        expect(await usesOf(id)).toContainEqual(inMatch('m', NOW + 1));

        await uploads.releaseConversation('500');
        await uploads.use(id, ann, asAvatar);
        expect(await usesOf(id)).toEqual([asAvatar, inMatch('m', NOW + 1)]);
      });

      it('end with a message, in that upload alone', async () => {
        const id = await used([inMessage('7'), inMatch('7', NOW), inMessage('8')]);
        const other = await used([inMessage('7')]);
        await uploads.releaseMessage(id, '7');
        expect(await usesOf(id)).toEqual([inMatch('7', NOW), inMessage('8')]);
        expect(await usesOf(other)).toEqual([inMessage('7')]);
        for (const messageId of ['7', '9']) await uploads.releaseMessage(id, messageId);
        await uploads.releaseMessage(upload().id, '7');
        expect(await usesOf(id)).toHaveLength(2);
      });

      it('end with an avatar', async () => {
        const [id, other] = [await used([asAvatar, inMessage('7')]), await used([asAvatar])];
        await uploads.releaseAvatar(id);
        await uploads.releaseAvatar(id);
        await uploads.releaseAvatar(upload().id);
        expect([await usesOf(id), await usesOf(other)]).toEqual([[inMessage('7')], [asAvatar]]);
      });

      it('end with the accounts whose avatars they are', async () => {
        const ids = [
          await used([asAvatar, inMessage('7')]),
          await used([asAvatar], { ownerId: '13' }),
          await used([asAvatar], { ownerId: bob }),
          await used([inMessage('13'), inMatch(ann, NOW)]),
        ];
        await uploads.forgetAvatars([ann, '13', '99']);
        await uploads.forgetAvatars([]);
        expect(await Promise.all(ids.map(usesOf))).toEqual([
          [inMessage('7')],
          [],
          [asAvatar],
          [inMatch(ann, NOW), inMessage('13')],
        ]);
      });

      it('end with a conversation, wherever they are', async () => {
        const id = await used([inMessage('7'), inMessage('8'), inMessage('9', '501'), inMatch('500', NOW)]);
        const others = [await used([inMessage('6')], { ownerId: bob }), await used([inMessage('5', '501')])];
        await uploads.releaseConversation('500');
        await uploads.releaseConversation('500');
        expect(await usesOf(id)).toEqual([inMatch('500', NOW), inMessage('9', '501')]);
        expect(await Promise.all(others.map(usesOf))).toEqual([[], [inMessage('5', '501')]]);
      });

      it('end after a match, sooner or not at all later', async () => {
        const id = await used([inMatch('m', NOW + 5), inMatch('n', NOW + 5), inMessage('7')]);
        const others = [
          await used([inMatch('m', NOW + 1)]),
          await used([inMatch('m', NOW + 9)], { ownerId: bob }),
        ];
        await uploads.endMatch('m', NOW + 3);
        await uploads.endMatch('m', NOW + 4);
        await uploads.endMatch('o', NOW);
        expect(await usesOf(id)).toEqual([inMatch('m', NOW + 3), inMatch('n', NOW + 5), inMessage('7')]);
        expect(await Promise.all(others.map(usesOf))).toEqual([
          [inMatch('m', NOW + 1)],
          [inMatch('m', NOW + 3)],
        ]);
      });
    });

    it('says which matches last beyond a time, and who sent something in them', async () => {
      await used([inMatch('m', NOW + 5), inMatch('n', NOW + 4), asAvatar]);
      await used([inMatch('m', NOW + 6), inMatch('o', NOW + 9)]);
      await used([inMatch('m', NOW + 6)], { ownerId: bob });
      const matches = async (time: number, limit = 99) =>
        (await uploads.matchesBeyond(time, limit)).map((one) => Object.values(one).join(' ')).toSorted();
      expect(await matches(NOW + 4)).toEqual(['m 11', 'm 12', 'o 11']);
      expect(await matches(NOW + 5)).toEqual(['m 11', 'm 12', 'o 11']);
      expect(await matches(NOW + 6)).toEqual(['o 11']);
      expect(await matches(NOW, 2)).toHaveLength(2);
      await uploads.endMatch('o', NOW);
      expect(await matches(NOW + 6)).toEqual([]);
    });

    describe('removing', () => {
      it('is the uploader’s, wherever it was sent', async () => {
        const one = upload();
        await uploads.create(one);
        await uploads.use(one.id, ann, inMessage('7'));
        await uploads.use(one.id, ann, inMatch('m', NOW));
        expect(await uploads.remove(one.id, bob)).toBe(false);
        expect(await uploads.find(one.id)).not.toBeNull();
        expect(await uploads.remove(one.id, ann)).toBe(true);
        expect(await uploads.find(one.id)).toBeNull();
        expect(await uploads.remove(one.id, ann)).toBe(false);
        await uploads.create(one);
        expect(await usesOf(one.id)).toEqual([]);
      });

      it('is refused while it is an avatar', async () => {
        const id = await used([inMessage('7'), asAvatar]);
        await expect(uploads.remove(id, ann)).rejects.toEqual(CONFLICT);
        expect(await uploads.remove(id, bob)).toBe(false);
        expect(await usesOf(id)).toEqual([asAvatar, inMessage('7')]);
        await uploads.releaseAvatar(id);
        expect(await uploads.remove(id, ann)).toBe(true);
      });
    });

    describe('a sweep', () => {
      const old = NOW;
      const young = NOW + 1;

      it.each<[what: string, uses: readonly Use[], createdAt: number, goes: boolean]>([
        ['in nothing, old', [], old, true],
        ['in nothing, young', [], young, false],
        ['in a message', [inMessage('7')], old, false],
        ['an avatar', [asAvatar], old, false],
        ['in a match that lasts', [inMatch('m', NOW + 6)], old, false],
        ['in a match that is over', [inMatch('m', NOW + 5)], old, true],
        ['in a match that is over, young', [inMatch('m', NOW + 5)], young, true],
        ['in two matches, one lasts', [inMatch('m', NOW), inMatch('n', NOW + 6)], young, false],
        ['in two matches, the last is over', [inMatch('m', NOW), inMatch('n', NOW + 5)], young, true],
        ['in a match that is over and a message', [inMatch('m', NOW), inMessage('7')], old, false],
        ['in a match that is over and an avatar', [asAvatar, inMatch('m', NOW)], old, false],
      ])('of what is %s', async (_, uses, createdAt, goes) => {
        const id = await used(uses, { createdAt });
        expect(await sweep(NOW + 5)).toEqual(goes ? [id] : []);
        expect(await uploads.find(id)).toEqual(goes ? null : expect.objectContaining({ id }));
        expect(await sweep(NOW + 5)).toEqual([]);
      });

      it.each<[what: string, uses: readonly Use[], change: (id: string) => Promise<unknown>, goes: boolean]>([
        ['its message is gone', [inMessage('7')], (id) => uploads.releaseMessage(id, '7'), true],
        [
          'one of two is gone',
          [inMessage('7'), inMessage('8')],
          (id) => uploads.releaseMessage(id, '7'),
          false,
        ],
        ['its avatar is gone', [asAvatar], (id) => uploads.releaseAvatar(id), true],
        ['its owner is gone', [asAvatar], () => uploads.forgetAvatars([ann]), true],
        ['its conversation is gone', [inMessage('7')], () => uploads.releaseConversation('500'), true],
        ['its match has ended', [inMatch('m', NOW + 9)], () => uploads.endMatch('m', NOW + 5), true],
        ['its match ends soon', [inMatch('m', NOW + 9)], () => uploads.endMatch('m', NOW + 6), false],
        [
          'its match goes on',
          [inMatch('m', NOW)],
          (id) => uploads.use(id, ann, inMatch('m', NOW + 9)),
          false,
        ],
        ['it is used again', [inMatch('m', NOW)], (id) => uploads.use(id, ann, inMessage('7')), false],
        [
          'only a match is left',
          [inMatch('m', NOW), inMessage('7')],
          (id) => uploads.releaseMessage(id, '7'),
          true,
        ],
      ])('once %s', async (_, uses, change, goes) => {
        const id = await used(uses);
        await change(id);
        expect(await sweep(NOW + 5)).toEqual(goes ? [id] : []);
      });

      it('takes so many at a time, each once, and their uses with them', async () => {
        const overs = [await used([]), await used([]), await used([inMatch('m', NOW)], { createdAt: young })];
        const stays = await used([inMessage('7')]);
        const first = await sweep(NOW + 5, NOW + 1, 2);
        expect(first).toHaveLength(2);
        expect([...first, ...(await sweep(NOW + 5, NOW + 1, 2))].toSorted()).toEqual(overs.toSorted());
        expect(await uploads.known([...overs, stays])).toEqual([stays]);
        await uploads.create(upload({ id: overs[2]! }));
        expect(await usesOf(overs[2]!)).toEqual([]);
      });

      it('takes what nobody uses meanwhile: never what somebody was told is in use', async () => {
        const ids = await Promise.all(Array.from({ length: 20 }, () => used([])));
        const [swept, ...answers] = await Promise.all([
          sweep(NOW, NOW + 1, 15),
          ...ids.map((id) => uploads.use(id, ann, inMessage('7'))),
        ]);
        for (const [i, id] of ids.entries()) {
          const isUsed = answers[i] !== null;
          expect([await uploads.known([id]), swept.includes(id)]).toEqual([isUsed ? [id] : [], !isUsed]);
        }
      });
    });
  });
}
