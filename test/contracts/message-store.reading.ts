import { describe, expect, it } from 'vitest';
import type { Draft } from '../../src/features/conversations/messages.ts';
import { limits } from '../../src/features/conversations/contract.ts';
import { ann, bob, bySize, cy, draft, idsOf, nobody, seqs, type Stage } from './conversation-stage.ts';

/** 1 and 4 are shown to everybody, 2 is hidden from Bob, 3 is deleted, 5 is hidden from Bob and Cy. */
async function fiveIn({ messages, group }: Stage, overrides: Partial<Draft> = {}): Promise<string> {
  const id = await group();
  const hidden = [[], [bob], [], [], [bob, cy]];
  const appended = await messages().append(
    id,
    hidden.map((hiddenFrom) => draft({ ...overrides, hiddenFrom })),
  );
  await messages().remove(appended[2]!.message.id);
  return id;
}

/** Pages, positions, counts. */
export function readingContract(stage: Stage): void {
  describe('one message', () => byId(stage));
  describe('pages', () => pages(stage));
  describe('what is new', () => news(stage));
  describe('unread messages', () => unread(stage));
}

function byId({ messages, group, say }: Stage): void {
  it('is found by its id, deleted or hidden too, and nothing else is', async () => {
    const id = await group();
    const [one, two] = await say(id, { hiddenFrom: [bob] }, {});
    const removed = await messages().remove(two!.id);
    expect(await messages().byId(one!.id)).toEqual(one);
    expect(await messages().byId(two!.id)).toEqual(removed);
    for (const none of ['1', '0', '-1', '', 'x', '9'.repeat(20)]) {
      expect(await messages().byId(none)).toBeNull();
    }
  });
}

function pages(stage: Stage): void {
  const { messages, group, say } = stage;
  const page = async (
    id: string,
    range: { before: number } | { after: number },
    { limit = 10, reader = nobody, withDeleted = false } = {},
  ) => {
    const { messages: found, more } = await messages().page(id, range, { limit, reader, withDeleted });
    return [seqs(found), more];
  };

  it('go back from the newest and forth from the oldest, and say whether there is more', async () => {
    const id = await group();
    await say(await group(), {}, {});
    await say(id, {}, {}, {}, {}, {});
    expect(await page(id, { before: 6 }, { limit: 2 })).toEqual([[5, 4], true]);
    expect(await page(id, { before: 4 }, { limit: 2 })).toEqual([[3, 2], true]);
    expect(await page(id, { before: 2 }, { limit: 2 })).toEqual([[1], false]);
    expect(await page(id, { before: 3 }, { limit: 2 })).toEqual([[2, 1], false]);
    expect(await page(id, { before: 1 })).toEqual([[], false]);
    expect(await page(id, { before: Number.MAX_SAFE_INTEGER }, { limit: 1 })).toEqual([[5], true]);

    expect(await page(id, { after: 0 }, { limit: 2 })).toEqual([[1, 2], true]);
    expect(await page(id, { after: 2 }, { limit: 2 })).toEqual([[3, 4], true]);
    expect(await page(id, { after: 3 }, { limit: 2 })).toEqual([[4, 5], false]);
    expect(await page(id, { after: 5 })).toEqual([[], false]);
    expect(await page('1', { after: 0 })).toEqual([[], false]);
  });

  it('leave out what is deleted unless it is asked for; its number is a place all the same', async () => {
    const id = await fiveIn(stage);
    expect(await page(id, { before: 6 })).toEqual([[5, 4, 2, 1], false]);
    expect(await page(id, { before: 6 }, { withDeleted: true })).toEqual([[5, 4, 3, 2, 1], false]);
    expect(await page(id, { before: 3 })).toEqual([[2, 1], false]);
    expect(await page(id, { after: 3 })).toEqual([[4, 5], false]);
  });

  it('neither show nor count what is hidden from the reader', async () => {
    const id = await fiveIn(stage);
    expect(await page(id, { before: 6 }, { reader: bob })).toEqual([[4, 1], false]);
    expect(await page(id, { before: 6 }, { reader: bob, limit: 1 })).toEqual([[4], true]);
    expect(await page(id, { before: 6 }, { reader: cy })).toEqual([[4, 2, 1], false]);
    expect(await page(id, { after: 3 }, { reader: bob, limit: 1 })).toEqual([[4], false]);
    expect(await page(id, { after: 0 }, { reader: bob, withDeleted: true })).toEqual([[1, 3, 4], false]);
  });

  it('have at their top the newest message of each conversation', async () => {
    const [id, other, silent, deleted] = [await fiveIn(stage), await group(), await group(), await group()];
    const [said] = await say(other, {});
    const [gone] = await say(deleted, {});
    await messages().remove(gone!.id);
    const latest = async (reader: string) => {
      const found = await messages().latest([silent, other, id, deleted, '1'], reader);
      return found.map(({ conversationId, seq }) => [conversationId, seq]).toSorted();
    };
    expect(await latest(nobody)).toEqual(
      [
        [id, 5],
        [other, 1],
      ].toSorted(),
    );
    expect(await latest(bob)).toEqual(
      [
        [id, 4],
        [other, 1],
      ].toSorted(),
    );
    expect(await messages().latest([other], bob)).toEqual([said]);
    expect(await messages().latest([], bob)).toEqual([]);
    await messages().remove((await messages().latest([id], nobody))[0]!.id);
    await messages().remove((await messages().latest([id], nobody))[0]!.id);
    expect(await latest(nobody)).toEqual(
      [
        [id, 2],
        [other, 1],
      ].toSorted(),
    );
    expect(await latest(bob)).toEqual(
      [
        [id, 1],
        [other, 1],
      ].toSorted(),
    );
  });
}

function news(stage: Stage): void {
  const { messages, group, say, position } = stage;

  it('has a position for each conversation that there is', async () => {
    const [one, other] = [await group(), await group()];
    await say(one, {}, {});
    const positions = await messages().positions([other, '1', one, 'x']);
    expect(bySize(positions.map(({ conversationId }) => conversationId))).toEqual(bySize([one, other]));
    expect(positions.find(({ conversationId }) => conversationId === one)).toMatchObject({
      upTo: 2,
      head: 2,
      floor: 0,
    });
    expect(await messages().positions([])).toEqual([]);
  });

  it('comes in pages, deleted messages too, with the number up to which it is all', async () => {
    const id = await fiveIn(stage);
    const since = async (after: number, limit: number, reader: string = nobody) => {
      const found = (await messages().since(id, after, { limit, reader }))!;
      return [seqs(found.messages), found.more, found.upTo];
    };
    expect(await messages().since(id, 0, { limit: 9, reader: nobody })).toEqual({
      ...(await position(id)),
      ...(await messages().page(id, { after: 0 }, { limit: 9, reader: nobody, withDeleted: true })),
    });
    expect(await since(0, 2)).toEqual([[1, 2], true, 2]);
    expect(await since(2, 2)).toEqual([[3, 4], true, 4]);
    expect(await since(4, 2)).toEqual([[5], false, 5]);
    expect(await since(3, 2)).toEqual([[4, 5], false, 5]);
    expect(await since(5, 2)).toEqual([[], false, 5]);
    // What is hidden is decided all the same.
    expect(await since(0, 2, bob)).toEqual([[1, 3], true, 3]);
    expect(await since(3, 2, bob)).toEqual([[4], false, 5]);
    expect(await since(4, 2, bob)).toEqual([[], false, 5]);
    expect(await messages().since('1', 0, { limit: 2, reader: nobody })).toBeNull();
  });

  it('says where the conversation stands on every page', async () => {
    const id = await group();
    expect(await messages().since(id, 0, { limit: 2, reader: ann })).toEqual({
      ...(await position(id)),
      messages: [],
      more: false,
    });
    await say(id, {}, {}, {});
    const { epoch } = (await position(id))!;
    expect(await messages().since(id, 0, { limit: 2, reader: ann })).toMatchObject({
      conversationId: id,
      upTo: 2,
      head: 3,
      floor: 0,
      epoch,
    });
  });

  it('leaves out nothing that was stored while it was read', async () => {
    const id = await group();
    const [, ...pages] = await Promise.all([
      Promise.all(Array.from({ length: 20 }, () => say(id, {}, {}))),
      ...Array.from({ length: 20 }, () => messages().since(id, 0, { limit: 100, reader: ann })),
    ]);
    for (const page of pages) {
      expect(seqs(page!.messages)).toEqual(Array.from({ length: page!.upTo }, (_, i) => i + 1));
    }
    expect(idsOf((await messages().since(id, 0, { limit: 100, reader: ann }))!.messages)).toHaveLength(40);
  });
}

function unread(stage: Stage): void {
  const { messages, group, say } = stage;

  it('are those of others behind a number, in the order asked', async () => {
    const [id, other] = [await group(), await group()];
    await say(id, { senderId: bob }, { senderId: ann }, { senderId: 'guest:11' }, { senderId: '0' });
    await say(other, { senderId: bob });
    const at = (conversationId: string, after: number) => ({ conversationId, after });
    const places = [at(other, 0), at(id, 0), at('1', 0), at(id, 3), at(id, 4), at(other, 1), at(id, 0)];
    expect(await messages().unread(ann, places)).toEqual([1, 3, 0, 1, 0, 0, 3]);
    expect(await messages().unread(bob, places)).toEqual([0, 3, 0, 1, 0, 0, 3]);
    expect(await messages().unread(ann, [])).toEqual([]);
  });

  it('are neither deleted nor hidden', async () => {
    const id = await fiveIn(stage, { senderId: ann });
    const counts = (user: string) => messages().unread(user, [{ conversationId: id, after: 0 }]);
    expect([await counts(bob), await counts(cy), await counts('99')]).toEqual([[2], [3], [4]]);
  });

  it(`are counted up to ${limits.unread}`, async () => {
    const id = await group();
    for (let i = 0; i < 6; i++) await say(id, ...Array.from({ length: 200 }, () => ({})));
    const places = [0, 200, 201, 1_100].map((after) => ({ conversationId: id, after }));
    expect(await messages().unread(bob, places)).toEqual([1_000, 1_000, 999, 100]);
  });
}
