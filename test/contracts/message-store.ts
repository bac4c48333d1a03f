import { describe, expect, it } from 'vitest';
import { NOW, nextId } from './account-record.ts';
import {
  attachment,
  ann,
  bob,
  conversation,
  draft,
  idsOf,
  problem,
  seqs,
  stageOf,
  stored,
  type Stage,
} from './conversation-stage.ts';
import { changingContract } from './message-store.changing.ts';
import { readingContract } from './message-store.reading.ts';
import type { StorageBackend } from './storage-backends.ts';

/** What every MessageStore does. */
export function messageStoreContract(backend: StorageBackend): void {
  describe(`message store: ${backend.name}`, () => {
    const stage = stageOf(backend);
    describe('appending', () => appending(stage));
    describe('sending again', () => repeating(stage));
    readingContract(stage);
    changingContract(stage);
  });
}

const retry = (key: string, formerKey: string | null = null, since = 0) => ({ key, formerKey, since });
const counting = (from: number, count: number) => Array.from({ length: count }, (_, i) => from + i);

function appending({ messages, conversations, group, named, say, all, position }: Stage): void {
  it('gives back what was stored, in order, numbered from 1', async () => {
    const id = await group();
    const drafts = [
      draft({ text: 'hello', hiddenFrom: [bob, '13'] }),
      draft({ senderId: 'guest:11', senderName: 'Guest-1', text: '“O’Brien”\n\t{"$gt": 1} 😀' }),
      draft({ senderId: '0', type: 'system', senderName: '' }),
      draft({ type: 'file', text: '', attachment }),
    ];
    const expected = drafts.map((one, i) => stored(one, id, i + 1));
    expect(await messages().append(id, drafts)).toEqual(
      expected.map((message) => ({ message, repeated: false })),
    );
    expect(await all(id)).toEqual(expected);
    for (const message of expected) expect(await messages().byId(message.id)).toEqual(message);
  });

  it('numbers each conversation for itself, and goes on from call to call', async () => {
    const [one, other] = [await group(), await named('general')];
    expect(await position(one)).toEqual({
      conversationId: one,
      upTo: 0,
      head: 0,
      floor: 0,
      epoch: expect.stringMatching(/./),
    });
    expect(seqs(await say(one, {}, {}))).toEqual([1, 2]);
    expect(seqs(await say(other, {}))).toEqual([1]);
    expect(seqs(await say(one, {}))).toEqual([3]);
    const [before, after] = [await position(one), await position(other)];
    expect([before, after]).toMatchObject([
      { upTo: 3, head: 3, floor: 0 },
      { upTo: 1, head: 1, floor: 0 },
    ]);
    expect(before!.epoch).not.toBe(after!.epoch);
    await say(one, {});
    expect((await position(one))!.epoch).toBe(before!.epoch);
  });

  it('stores nothing where there is no conversation', async () => {
    const lost = draft();
    await expect(messages().append('1', [lost])).rejects.toEqual(problem('NOT_FOUND'));
    await expect(messages().append('general', [lost])).rejects.toEqual(problem('NOT_FOUND'));
    expect(await messages().byId(lost.id)).toBeNull();
    expect(await position('1')).toBeUndefined();
  });

  it('stores a full group in its order, also of many at once', async () => {
    const id = await group();
    const groups = Array.from({ length: 5 }, () => Array.from({ length: 200 }, () => draft()));
    const appended = await Promise.all(groups.map((drafts) => messages().append(id, drafts)));
    for (const [i, drafts] of groups.entries()) {
      const answered = appended[i]!.map(({ message }) => message);
      expect(idsOf(answered)).toEqual(idsOf(drafts));
      expect(seqs(answered)).toEqual(seqs(answered).toSorted((a, b) => a - b));
      expect(appended[i]!.some(({ repeated }) => repeated)).toBe(false);
    }
    const kept = await messages().page(id, { after: 0 }, { limit: 2_000, reader: ann, withDeleted: true });
    expect(new Set(idsOf(kept.messages))).toEqual(new Set(idsOf(groups.flat())));
    expect(new Set(seqs(kept.messages)).size).toBe(1_000);
  });

  it('stores in a conversation that is removed meanwhile all or nothing, and says which', async () => {
    const made = conversation();
    await conversations().create(made, [ann]);
    const sending = Promise.allSettled(
      Array.from({ length: 10 }, () => messages().append(made.id, [draft(), draft()])),
    );
    await conversations().remove(made.id);
    for (const one of await sending) {
      if (one.status === 'rejected') expect(one.reason).toEqual(problem('NOT_FOUND'));
      else for (const { message } of one.value) expect(await messages().byId(message.id)).toBeNull();
    }
    await expect(messages().append(made.id, [draft()])).rejects.toEqual(problem('NOT_FOUND'));
  });
}

function repeating({ messages, group, say, all }: Stage): void {
  it('answers the first result to the same key, across calls and as it is now', async () => {
    const id = await group();
    const first = draft({ retry: retry('k') });
    await messages().append(id, [first]);
    // Another id, other words: what a client made anew for the same message.
    const again = draft({ retry: retry('k'), text: 'changed?', createdAt: NOW + 5 });
    expect(await messages().append(id, [again])).toEqual([{ message: stored(first, id, 1), repeated: true }]);
    expect(await messages().byId(again.id)).toBeNull();

    const edited = await messages().edit(first.id, 'edited', 0);
    expect(await messages().append(id, [again])).toEqual([{ message: edited, repeated: true }]);
    const removed = await messages().remove(first.id);
    expect(await messages().append(id, [again])).toEqual([{ message: removed, repeated: true }]);
    expect(seqs(await say(id, {}))).toEqual([2]);
  });

  it('answers the first result to the very same draft: its answer was lost', async () => {
    const id = await group();
    const drafts = [draft(), draft(), draft()];
    const first = await messages().append(id, drafts);
    const repeats = first.map(({ message }) => ({ message, repeated: true }));
    expect(await messages().append(id, drafts)).toEqual(repeats);

    const fresh = [draft(), draft()];
    const mixed = [drafts[2]!, fresh[0]!, drafts[0]!, fresh[1]!];
    expect(await messages().append(id, mixed)).toEqual([
      repeats[2],
      { message: stored(fresh[0]!, id, 4), repeated: false },
      repeats[0],
      { message: stored(fresh[1]!, id, 5), repeated: false },
    ]);
    expect(idsOf(await all(id))).toEqual(idsOf([...drafts, ...fresh]));
  });

  it('makes one message of two drafts with one key', async () => {
    const id = await group();
    const [one, two, three] = [draft({ retry: retry('k') }), draft({ retry: retry('k') }), draft()];
    const appended = await messages().append(id, [one, two, three]);
    expect(appended.map(({ message, repeated }) => [message.id, repeated])).toEqual([
      [one.id, false],
      [one.id, true],
      [three.id, false],
    ]);
    expect(idsOf(await all(id))).toEqual([one.id, three.id]);
    expect(seqs(appended.map(({ message }) => message)).slice(0, 2)).toEqual([1, 1]);
  });

  it('keeps the keys of senders and of conversations apart', async () => {
    const [id, other] = [await group(), await group()];
    const appended = [
      ...(await messages().append(id, [
        draft({ retry: retry('k') }),
        draft({ retry: retry('k'), senderId: 'guest:11' }),
        draft({ retry: retry('K') }),
      ])),
      ...(await messages().append(other, [draft({ retry: retry('k') })])),
    ];
    expect(appended.map(({ message, repeated }) => [message.seq, repeated])).toEqual([
      [1, false],
      [2, false],
      [3, false],
      [1, false],
    ]);
  });

  it('answers everybody with their own', async () => {
    const id = await group();
    const bySender = (senderId: string, key: string, formerKey: string | null = null) =>
      draft({ senderId, retry: retry(key, formerKey) });
    const drafts = ['guest:11', ann, bob].map((senderId) => bySender(senderId, 'k'));
    await messages().append(id, drafts);
    const again = [
      bySender(bob, 'k'),
      bySender(ann, 'k'),
      bySender(ann, 'k2', 'k'),
      bySender('13', 'k2', 'k'),
    ];
    const appended = await messages().append(id, again);
    expect(appended.map(({ message, repeated }) => [message.senderId, message.seq, repeated])).toEqual([
      [bob, 3, true],
      [ann, 2, true],
      [ann, 2, true],
      ['13', 4, false],
    ]);
  });

  it('looks under the former key too, but only for what is young enough', async () => {
    const id = await group();
    const first = draft({ retry: retry('slot 7', 'slot 6', NOW - 10), createdAt: NOW });
    await messages().append(id, [first]);
    const append = async (key: string, formerKey: string | null, since: number) => {
      const appended = await messages().append(id, [draft({ retry: retry(key, formerKey, since) })]);
      return appended.map(({ message, repeated }) => [message.seq, repeated])[0];
    };
    expect(await append('slot 8', 'slot 7', NOW)).toEqual([1, true]);
    expect(await append('slot 8', 'slot 7', NOW + 1)).toEqual([2, false]);
    expect(await append('slot 8', 'slot 7', NOW + 1)).toEqual([2, true]);
    expect(await append('slot 9', null, 0)).toEqual([3, false]);
    // Under the key itself there is one message for good, however old.
    expect(await append('slot 7', null, NOW + 1)).toEqual([1, true]);
    expect(await all(id)).toHaveLength(3);
  });

  it('prefers the former message to a new one within one call too', async () => {
    const id = await group();
    const appended = await messages().append(id, [
      draft({ retry: retry('slot 7') }),
      draft({ retry: retry('slot 8', 'slot 7', NOW) }),
    ]);
    expect(appended.map(({ message, repeated }) => [message.seq, repeated])).toEqual([
      [1, false],
      [1, true],
    ]);
    expect(await all(id)).toHaveLength(1);
  });

  it('stores one message when one key is sent by many at once', async () => {
    const id = await group();
    const appended = await Promise.all(
      Array.from({ length: 20 }, () => messages().append(id, [draft({ retry: retry('k') }), draft()])),
    );
    expect(appended.filter(([one]) => !one!.repeated)).toHaveLength(1);
    expect(new Set(appended.map(([one]) => one!.message.id)).size).toBe(1);
    expect(appended.some(([, other]) => other!.repeated)).toBe(false);
    const there = await all(id);
    expect(there).toHaveLength(21);
    expect(new Set(seqs(there)).size).toBe(21);
  });

  it('gives no number to a repeat', async () => {
    const id = await group();
    const drafts = [draft(), draft()];
    await messages().append(id, drafts);
    await messages().append(
      id,
      drafts.map((one) => ({ ...one, id: nextId() })),
    );
    expect(seqs(await say(id, {}, {}))).toEqual(counting(3, 2));
    expect(await messages().positions([id])).toMatchObject([{ upTo: 4, head: 4 }]);
  });
}
