import { describe, expect, it } from 'vitest';
import { byActivity, lastOwn, unreadIn } from '../../web/src/talk/chat.ts';
import { linesOf, readersOf } from '../../web/src/talk/lines.ts';
import { piecesOf } from '../../web/src/talk/links.ts';
import { isGapped } from '../../web/src/talk/log.ts';
import { reduce } from '../../web/src/talk/reduce.ts';
import { initialTalk, type Pending, type TalkEvent } from '../../web/src/talk/state.ts';
import {
  after,
  chat,
  EPOCH,
  info,
  joined,
  listed,
  ME,
  message,
  older,
  said,
  seqs,
  synced,
} from './web-talk-desk.ts';

const pending = (tempId: string, more: Partial<Pending> = {}): Pending => ({
  tempId,
  chatId: '7',
  text: 'hello',
  at: Date.parse('2026-03-05T10:00:30.000Z'),
  delivery: 'sending',
  ...more,
});

describe('the page: one conversation as it is known', () => {
  it('takes what is pushed in the order of its numbers, each once', () => {
    const state = after(listed(info()), joined(0), said(1), said(3), said(2), said(2));
    expect(seqs(state)).toEqual([1, 2, 3]);
    expect(isGapped(chat(state).log)).toBe(false);
  });

  it('knows that something is missing, until it comes or is void', () => {
    const gap = after(listed(info()), joined(0), said(1), said(4));
    expect(isGapped(chat(gap).log)).toBe(true);
    const filled = reduce(gap, synced([message(2), message(4)], 4));
    expect(seqs(filled)).toEqual([1, 2, 4]);
    expect(chat(filled).log).toMatchObject({ to: 4, cursor: 'c4' });
    expect(isGapped(chat(reduce(gap, synced([], 3))).log)).toBe(false);
  });

  it('notices at the join what was said while nobody listened', () => {
    const state = after(listed(info({ lastSeq: 4, readSeq: 4 })), joined(6));
    expect(isGapped(chat(state).log)).toBe(true);
    expect(seqs(reduce(state, synced([message(5), message(6)], 6)))).toEqual([5, 6]);
  });

  it('loads history upwards until there is no more of it', () => {
    const start = after(listed(info({ lastSeq: 9, readSeq: 9 })), joined(9), said(10));
    const more = reduce(start, older(10, [7, 9], true));
    expect(seqs(more)).toEqual([7, 9, 10]);
    expect(chat(more).log).toMatchObject({ from: 7, moreBefore: true });
    const all = reduce(more, older(7, [2, 3], false));
    expect(seqs(all)).toEqual([2, 3, 7, 9, 10]);
    expect(chat(all).log).toMatchObject({ from: 1, moreBefore: false });
    // An answer to a question that was asked before the last one changes nothing.
    expect(reduce(all, older(10, [7, 9], true))).toBe(all);
  });

  it('shows edits, reactions and deletions, and nothing brings back what was deleted', () => {
    const reactions = [{ reaction: '👍', count: 1, userIds: ['2'] }];
    const state = after(
      listed(info()),
      joined(0),
      said(1),
      said(2),
      said(1, { content: 'better', editedAt: 'now' }),
      { type: 'reactions', chatId: '7', seq: 2, reactions },
    );
    expect(chat(state).log.messages).toMatchObject([{ content: 'better' }, { reactions }]);
    expect(chat(state).last).toMatchObject({ reactions });
    const deleted = reduce(state, { type: 'deleted', chatId: '7', seq: 2 });
    expect(chat(deleted).log.messages[1]).toMatchObject({ deleted: true, content: '', reactions: [] });
    expect(chat(deleted).last).toMatchObject({ deleted: true });
    expect(chat(reduce(deleted, said(2))).log.messages[1]).toMatchObject({ deleted: true });
  });

  it('forgets its numbers when they are others now', () => {
    const state = after(listed(info()), joined(0), said(1), said(2));
    const other = reduce(state, joined(40, { epoch: 'e2', readSeq: 3 }));
    expect(chat(other)).toMatchObject({ readSeq: 3, log: { messages: [], from: 41, to: 40, epoch: 'e2' } });
    const reset = reduce(state, { type: 'reset', chatId: '7', upTo: 9, epoch: EPOCH, floor: 5 });
    expect(chat(reset).log).toMatchObject({ messages: [], from: 10, to: 9, moreBefore: true });
  });

  it('goes with its membership', () => {
    const state = after(listed(info()), { type: 'shown', chatId: '7' }, { type: 'left', chatId: '7' });
    expect(state).toMatchObject({ chats: {}, shown: null });
    expect(after(listed(info()), listed())).toMatchObject({ chats: {} });
  });
});

describe('the page: unread', () => {
  it('goes on from what the server counted, whatever the order', () => {
    const state = after(
      listed(info({ lastSeq: 5, readSeq: 2, unread: 3 })),
      joined(5),
      said(7),
      said(6),
      said(8, { senderId: ME }),
    );
    expect(chat(state).unread).toBe(5);
    expect(unreadIn(state.chats)).toBe(5);
  });

  it('counts nothing twice when the list comes again, before or after what was pushed', () => {
    const before = after(listed(info({ lastSeq: 5, readSeq: 2, unread: 3 })), joined(5), said(6));
    expect(chat(reduce(before, listed(info({ lastSeq: 6, readSeq: 2, unread: 4 })))).unread).toBe(4);
    expect(chat(reduce(before, listed(info({ lastSeq: 5, readSeq: 2, unread: 3 })))).unread).toBe(4);
  });

  it('ends when it was read, here or in another window', () => {
    const state = after(listed(info({ lastSeq: 5, readSeq: 2, unread: 3 })), joined(5), said(6));
    const read = (seq: number): TalkEvent => ({ type: 'read', chatId: '7', userId: ME, seq });
    expect(chat(reduce(state, read(5))).unread).toBe(1);
    expect(chat(reduce(state, read(6))).unread).toBe(0);
    expect(chat(reduce(reduce(state, read(6)), read(3)))).toMatchObject({ readSeq: 6, unread: 0 });
  });

  it('does not count what was deleted', () => {
    const state = after(listed(info()), joined(0), said(1), said(2), {
      type: 'deleted',
      chatId: '7',
      seq: 1,
    });
    expect(chat(state).unread).toBe(1);
  });

  it('keeps a busy conversation short that nobody looks at, and its count right', () => {
    const many = Array.from({ length: 400 }, (_, at) => said(at + 1));
    const state = after(listed(info()), joined(0), ...many);
    expect(chat(state).log.messages.length).toBeLessThanOrEqual(300);
    expect(chat(state).log.moreBefore).toBe(true);
    expect(chat(state).unread).toBe(400);
  });

  it('lists the newest activity first', () => {
    const state = after(
      listed(info({ id: '8', createdAt: '2026-03-01T00:00:00.000Z' }), info()),
      said(1, { chatId: '8', createdAt: '2026-03-06T00:00:00.000Z' }),
    );
    expect(byActivity(state.chats).map(({ id }) => id)).toEqual(['8', '7']);
  });
});

describe('the page: what we write', () => {
  const wrote = (tempId: string): TalkEvent => ({ type: 'wrote', item: pending(tempId) });

  it('is shown at once, and once, whichever comes first, the answer or the push', () => {
    const state = after(listed(info()), joined(0), wrote('a'), wrote('b'));
    expect(chat(state).pending.map(({ tempId }) => tempId)).toEqual(['a', 'b']);
    const own = said(1, { senderId: ME, tempId: 'a' });
    const pushed = reduce(state, own);
    expect(chat(pushed).pending.map(({ tempId }) => tempId)).toEqual(['b']);
    const twice = reduce(pushed, own);
    expect(seqs(twice)).toEqual([1]);
    // Synchronisation does not know the sender's own name for it: the line stays the same line.
    const again = reduce(twice, synced([message(1, { senderId: ME })], 1));
    expect(chat(again).log.messages).toMatchObject([{ seq: 1, tempId: 'a' }]);
  });

  it('keeps what was written before a reload until its conversation is known again', () => {
    const begun = initialTalk(ME, [pending('a', { delivery: 'waiting' })]);
    const state = reduce(begun, listed(info()));
    expect(chat(state).pending).toMatchObject([{ tempId: 'a' }]);
    expect(state.unplaced).toEqual([]);
    expect(chat(reduce(state, listed(info()))).pending).toHaveLength(1);
  });

  it('says why something was not sent, and no longer when it is tried again', () => {
    const failed = after(listed(info()), wrote('a'), {
      type: 'delivery',
      chatId: '7',
      tempId: 'a',
      delivery: 'failed',
      why: 'no',
    });
    expect(chat(failed).pending).toMatchObject([{ delivery: 'failed', why: 'no' }]);
    const again = reduce(failed, { type: 'delivery', chatId: '7', tempId: 'a', delivery: 'sending' });
    expect(chat(again).pending[0]).not.toHaveProperty('why');
  });

  it('finds the last own message that can be edited', () => {
    const state = after(
      listed(info()),
      joined(0),
      said(1, { senderId: ME }),
      said(2, { senderId: ME, deleted: true }),
      said(3),
    );
    expect(lastOwn(chat(state), ME)).toMatchObject({ seq: 1 });
  });

  it('knows who is typing until the time is up, or they have said it', () => {
    const typing = (until: number): TalkEvent => ({
      type: 'typing',
      chatId: '7',
      typist: { userId: '2', name: 'bob', until },
    });
    const state = after(listed(info()), joined(0), typing(5_000), typing(8_000));
    expect(chat(state).typing).toHaveLength(1);
    expect(chat(reduce(state, { type: 'time', now: 7_000 })).typing).toHaveLength(1);
    expect(chat(reduce(state, { type: 'time', now: 8_000 })).typing).toEqual([]);
    expect(chat(reduce(state, said(1))).typing).toEqual([]);
    expect(chat(reduce(state, { type: 'disconnected' }))).toMatchObject({ typing: [], joined: false });
  });
});

describe('the page: the lines of a conversation', () => {
  const lines = (events: TalkEvent[], divider: number | null = null) =>
    linesOf(chat(after(listed(info({ type: 'group' })), joined(0), ...events)), {
      me: ME,
      divider,
      dayOf: (at) => new Date(at).toISOString().slice(0, 10),
    });

  it('puts days between them, and joins what one person says in one go', () => {
    const shown = lines([
      said(1),
      said(2),
      said(3, { senderId: '3' }),
      said(4, { senderId: '3', createdAt: '2026-03-06T09:00:00.000Z' }),
    ]);
    expect(shown.map(({ is }) => is)).toEqual(['day', 'message', 'message', 'message', 'day', 'message']);
    expect(shown.filter((line) => line.is === 'message')).toMatchObject([
      { named: true, joined: false, closes: false },
      { named: false, joined: true, closes: true },
      { named: true, joined: false, closes: true },
      { named: true, joined: false },
    ]);
  });

  it('draws one line in front of what is new', () => {
    const shown = lines([said(1), said(2, { senderId: ME }), said(3), said(4)], 1);
    expect(shown.map((line) => (line.is === 'message' ? line.message.seq : line.is))).toEqual([
      'day',
      1,
      2,
      'unread',
      3,
      4,
    ]);
  });

  it('counts who has read the last own message', () => {
    const read = (userId: string, seq: number): TalkEvent => ({ type: 'read', chatId: '7', userId, seq });
    const state = after(
      listed(info()),
      joined(0),
      said(1, { senderId: ME }),
      said(2, { senderId: ME }),
      read('2', 2),
      read('3', 1),
    );
    expect(readersOf(chat(state), ME)).toEqual({ seq: 2, count: 1 });
  });
});

describe('the page: addresses in what people write', () => {
  const links = (text: string) => piecesOf(text).filter(({ href }) => href !== undefined);

  it('makes links of web addresses and of nothing else', () => {
    expect(piecesOf('see https://example.org/a?b=1#c, or not')).toEqual([
      { text: 'see ' },
      { text: 'https://example.org/a?b=1#c', href: 'https://example.org/a?b=1#c' },
      { text: ', or not' },
    ]);
    for (const text of [
      'javascript:alert(1)',
      'data:text/html,x',
      'file:///etc/passwd',
      'https://',
      'www.x.org',
    ])
      expect(links(text), text).toEqual([]);
    expect(links('http://a.org http://b.org')).toHaveLength(2);
  });

  it('leaves out the brackets and full stops around them', () => {
    const found = (text: string) => links(text)[0]?.text;
    expect(found('(https://example.org/a).')).toBe('https://example.org/a');
    expect(found('https://example.org/a_(b)')).toBe('https://example.org/a_(b)');
    expect(found('<https://example.org>')).toBe('https://example.org');
  });

  it('loses no character', () => {
    const text = 'a (https://x.org/).\n<b>https://y.org</b> https://';
    expect(
      piecesOf(text)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(text);
  });
});
