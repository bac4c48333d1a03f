import { describe, expect, it } from 'vitest';
import { limits } from '../../src/features/conversations/contract.ts';
import type { Message } from '../../src/features/conversations/messages.ts';
import { NOW } from './account-record.ts';
import {
  ann,
  attachment,
  bob,
  cy,
  dan,
  idsOf,
  nobody,
  problem,
  seqs,
  type Stage,
} from './conversation-stage.ts';

/** Edits, deletions, reactions, and how they are found. */
export function changingContract(stage: Stage): void {
  describe('editing', () => editing(stage));
  describe('deleting', () => deleting(stage));
  describe('reacting', () => reacting(stage));
  describe('what changed', () => changed(stage));
}

const aTime = expect.any(Number);

/** By the store's clock, which is not the test's: some time of today. */
const isNow = (time: number | null) => Math.abs(time! - Date.now()) < 60_000;

function editing({ messages, group, say }: Stage): void {
  it('changes the text, says when, and nothing else', async () => {
    const id = await group();
    const [one, other] = await say(id, { type: 'file', attachment, hiddenFrom: [bob] }, {});
    const edited = await messages().edit(one!.id, 'better', NOW);
    expect(edited).toEqual({ ...one, text: 'better', editedAt: aTime, changedAt: edited!.editedAt });
    expect(isNow(edited!.changedAt)).toBe(true);
    expect(await messages().byId(one!.id)).toEqual(edited);
    expect(await messages().byId(other!.id)).toEqual(other);
  });

  it('is over when the message is too old, deleted or gone', async () => {
    const id = await group();
    const [one, two] = await say(id, { createdAt: NOW }, {});
    expect(await messages().edit(one!.id, 'late', NOW + 1)).toBeNull();
    expect(await messages().byId(one!.id)).toEqual(one);
    const removed = await messages().remove(two!.id);
    expect(await messages().edit(two!.id, 'late', 0)).toBeNull();
    expect(await messages().byId(two!.id)).toEqual(removed);
    expect(await messages().edit('1', 'x', 0)).toBeNull();
  });
}

function deleting({ messages, group, say, all }: Stage): void {
  it('takes text, attachment and reactions; the number stays', async () => {
    const id = await group();
    const [one] = await say(id, { type: 'voice', attachment, hiddenFrom: [bob] }, {});
    await messages().react(one!.id, cy, '👍');
    await messages().edit(one!.id, 'edited', 0);
    const removed = await messages().remove(one!.id);
    expect(removed).toEqual({
      ...one,
      text: '',
      attachment: null,
      editedAt: aTime,
      deletedAt: aTime,
      changedAt: removed!.deletedAt,
    });
    expect(isNow(removed!.deletedAt)).toBe(true);
    expect(await messages().byId(one!.id)).toEqual(removed);
    expect(seqs(await all(id))).toEqual([1, 2]);
  });

  it('happens once: repeats change nothing', async () => {
    const id = await group();
    const [one] = await say(id, {});
    const removed = await messages().remove(one!.id);
    // The store's clock moves on meanwhile.
    for (const until = Date.now() + 3; Date.now() < until;) {
      expect(await messages().remove(one!.id)).toEqual(removed);
    }
    expect(await messages().byId(one!.id)).toEqual(removed);
    expect(await messages().remove('1')).toBeNull();
  });
}

function reacting({ messages, group, say }: Stage): void {
  const one = async () => (await say(await group(), {}))[0]!;
  const reactionsOf = async ({ id }: Message) => (await messages().byId(id))!.reactions;

  it('is a set, in the order of its coming', async () => {
    const said = await one();
    const first = await messages().react(said.id, bob, '👍');
    expect(first).toEqual({
      changed: true,
      message: { ...said, changedAt: aTime, reactions: [{ reaction: '👍', userIds: [bob] }] },
    });
    expect(isNow(first!.message.changedAt)).toBe(true);
    for (const [user, reaction] of [
      [cy, '❤'],
      [ann, '👍'],
      ['guest:9', '👍'],
      [bob, '❤'],
    ] as const) {
      expect(await messages().react(said.id, user, reaction)).toMatchObject({ changed: true });
    }
    expect(await reactionsOf(said)).toEqual([
      { reaction: '👍', userIds: [bob, ann, 'guest:9'] },
      { reaction: '❤', userIds: [cy, bob] },
    ]);
  });

  it('the same twice is one, and no change', async () => {
    const said = await one();
    const { message } = (await messages().react(said.id, bob, '👍'))!;
    for (const until = Date.now() + 3; Date.now() < until;) {
      expect(await messages().react(said.id, bob, '👍')).toEqual({ message, changed: false });
      expect(await messages().unreact(said.id, cy, '👍')).toEqual({ message, changed: false });
      expect(await messages().unreact(said.id, bob, '❤')).toEqual({ message, changed: false });
    }
    expect(await messages().byId(said.id)).toEqual(message);
  });

  it('is taken back by who gave it, and gone with the last one', async () => {
    const said = await one();
    for (const [user, reaction] of [
      [ann, '👍'],
      [bob, '❤'],
      [cy, '👍'],
    ] as const) {
      await messages().react(said.id, user, reaction);
    }
    expect(await messages().unreact(said.id, ann, '👍')).toMatchObject({
      changed: true,
      message: {
        changedAt: aTime,
        reactions: [
          { reaction: '👍', userIds: [cy] },
          { reaction: '❤', userIds: [bob] },
        ],
      },
    });
    await messages().unreact(said.id, cy, '👍');
    expect(await reactionsOf(said)).toEqual([{ reaction: '❤', userIds: [bob] }]);
    await messages().react(said.id, cy, '👍');
    expect((await reactionsOf(said)).map(({ reaction }) => reaction)).toEqual(['❤', '👍']);
    await messages().unreact(said.id, cy, '👍');
    expect((await messages().unreact(said.id, bob, '❤'))?.message.reactions).toEqual([]);
    expect(await reactionsOf(said)).toEqual([]);
  });

  it('tells reactions apart by what they are, not how they look', async () => {
    const said = await one();
    for (const reaction of ['a', 'A', 'á', '$set', 'a.b', '__proto__', '❤', '❤️']) {
      expect(await messages().react(said.id, bob, reaction)).toMatchObject({ changed: true });
    }
    expect(await reactionsOf(said)).toHaveLength(8);
  });

  it('is not for messages that are deleted or not there', async () => {
    const said = await one();
    await messages().react(said.id, bob, '👍');
    const removed = await messages().remove(said.id);
    expect(await messages().react(said.id, cy, '👍')).toBeNull();
    expect(await messages().unreact(said.id, bob, '👍')).toBeNull();
    expect(await messages().byId(said.id)).toEqual(removed);
    expect(await messages().react('1', cy, '👍')).toBeNull();
    expect(await messages().unreact('1', cy, '👍')).toBeNull();
  });

  it(`has ${limits.reactionsPerMessage} kinds at most, with room again when one is gone`, async () => {
    const said = await one();
    const kinds = Array.from({ length: limits.reactionsPerMessage }, (_, i) => `r${i}`);
    await Promise.all(kinds.map((reaction) => messages().react(said.id, bob, reaction)));
    await expect(messages().react(said.id, cy, 'another')).rejects.toEqual(problem('CONFLICT'));
    expect(await messages().react(said.id, bob, 'r0')).toMatchObject({ changed: false });
    expect(await messages().react(said.id, cy, 'r0')).toMatchObject({ changed: true });
    await messages().unreact(said.id, bob, 'r1');
    expect(await messages().react(said.id, cy, 'another')).toMatchObject({ changed: true });
    expect(await reactionsOf(said)).toHaveLength(limits.reactionsPerMessage);
  });

  it(`has ${limits.reactorsPerMessage} people at most, who give two counted twice`, async () => {
    const said = await one();
    const people = Array.from({ length: limits.reactorsPerMessage }, (_, i) => String(1_000 + i));
    // A store may be slow: not all of them at once.
    for (let i = 0; i < people.length; i += 50) {
      await Promise.all(
        people.slice(i, i + 50).map((user, j) => messages().react(said.id, user, i + j < 5 ? '❤' : '👍')),
      );
    }
    const { message } = (await messages().react(said.id, people[0]!, '❤'))!;
    await expect(messages().react(said.id, bob, '👍')).rejects.toEqual(problem('CONFLICT'));
    await expect(messages().react(said.id, people[0]!, '👍')).rejects.toEqual(problem('CONFLICT'));
    expect(await messages().byId(said.id)).toEqual(message);
    await messages().unreact(said.id, people[0]!, '❤');
    expect(await messages().react(said.id, bob, '👍')).toMatchObject({ changed: true });
  });

  it('loses no reaction of many that come at once, and counts one once', async () => {
    const said = await one();
    const results = await Promise.all(
      [ann, bob, cy, dan].flatMap((user) => [1, 2, 3].map(() => messages().react(said.id, user, '👍'))),
    );
    expect(results.filter((result) => result!.changed)).toHaveLength(4);
    const [all] = await reactionsOf(said);
    expect(all!.userIds.toSorted()).toEqual([ann, bob, cy, dan]);
  });
}

function changed({ messages, group, say }: Stage): void {
  const START = { changedAt: 0, id: '' };
  type Place = { readonly changedAt: number; readonly id: string };
  const page = (id: string, behind: Place, { limit = 10, reader = nobody, through = 100 } = {}) =>
    messages().changed(id, behind, { through, limit, reader });
  const placeOf = ({ changedAt, id }: Message): Place => ({ changedAt: changedAt!, id });

  it('is what was edited, deleted or reacted to, as it is now, in order of time', async () => {
    const [id, other] = [await group(), await group()];
    const [m1, m2, m3, m4] = await say(id, {}, {}, {}, {});
    const [foreign] = await say(other, {});
    await messages().edit(foreign!.id, 'x', 0);
    expect(await page(id, START)).toEqual({ messages: [], more: false });

    const { message: reacted } = (await messages().react(m3!.id, bob, '👍'))!;
    // Until the store's clock has moved on: then the order of the numbers is another one.
    let edited: Message;
    do edited = (await messages().edit(m1!.id, 'x', 0))!;
    while (edited.changedAt === reacted.changedAt);
    await messages().remove(m4!.id);
    const { messages: all, more } = await page(id, START);
    const now = await Promise.all([m1, m3, m4].map((one) => messages().byId(one!.id)));
    const inOrder = now
      .map((one) => one!)
      .toSorted((a, b) => a.changedAt! - b.changedAt! || Number(a.id) - Number(b.id));
    expect([all, more]).toEqual([inOrder, false]);
    expect(idsOf(all)).not.toContain(m2!.id);

    // What changes again comes again, and last: after the others, or with them and then by id.
    const { message } = (await messages().unreact(m3!.id, bob, '👍'))!;
    const again = await page(id, placeOf(all.at(-1)!));
    if (again.messages.length > 0) expect(again.messages).toEqual([message]);
    else expect(message.changedAt).toBe(all.at(-1)!.changedAt);
  });

  it('goes on exactly behind a place, also between two of one time', async () => {
    const id = await group();
    const said = await say(id, {}, {}, {});
    let changes: readonly Message[];
    // Until the store's clock says the same for two of them.
    do {
      const edits = said.map((one) => messages().edit(one.id, `edited at ${performance.now()}`, 0));
      changes = (await Promise.all(edits)).map((one) => one!);
    } while (new Set(changes.map(({ changedAt }) => changedAt)).size === 3);
    const inOrder = changes.toSorted((a, b) => a.changedAt! - b.changedAt! || Number(a.id) - Number(b.id));

    const [first, second, third] = inOrder;
    expect(await page(id, START, { limit: 1 })).toEqual({ messages: [first], more: true });
    expect(await page(id, placeOf(first!), { limit: 1 })).toEqual({ messages: [second], more: true });
    expect(await page(id, placeOf(second!), { limit: 1 })).toEqual({ messages: [third], more: false });
    expect(await page(id, placeOf(third!), { limit: 1 })).toEqual({ messages: [], more: false });
    expect(await page(id, { changedAt: first!.changedAt! - 1, id: third!.id })).toEqual({
      messages: inOrder,
      more: false,
    });
  });

  it('is shown up to a number, and not to those from whom it is hidden', async () => {
    const id = await group();
    const said = await say(id, {}, { hiddenFrom: [bob] }, {}, {});
    for (const one of said) await messages().edit(one.id, 'x', 0);
    const sorted = async (options: Parameters<typeof page>[2]) =>
      seqs((await page(id, START, options)).messages).toSorted();
    expect(await sorted({})).toEqual([1, 2, 3, 4]);
    expect(await sorted({ through: 3 })).toEqual([1, 2, 3]);
    expect(await sorted({ through: 3, reader: bob })).toEqual([1, 3]);
    expect(await page(id, START, { through: 3, reader: bob, limit: 2 })).toMatchObject({ more: false });
    expect(await page('1', START)).toEqual({ messages: [], more: false });
  });
}
