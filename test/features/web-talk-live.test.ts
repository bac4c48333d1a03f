import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createStore } from '../../web/src/store.ts';
import { createJoins } from '../../web/src/talk/joins.ts';
import { limits } from '../../web/src/talk/limits.ts';
import { createOutbox } from '../../web/src/talk/outbox.ts';
import { createQueue, type Shelf } from '../../web/src/talk/queue.ts';
import { createReading } from '../../web/src/talk/reading.ts';
import { reduce } from '../../web/src/talk/reduce.ts';
import { initialTalk, type Message, type TalkEvent, type TalkState } from '../../web/src/talk/state.ts';
import { createSync } from '../../web/src/talk/sync.ts';
import { newTempId } from '../../web/src/talk/temp-id.ts';
import { createTyping } from '../../web/src/talk/typing.ts';
import { after, chat, EPOCH, info, joined, listed, ME, message, older, said, seqs } from './web-talk-desk.ts';

const failure = (code: string, retryable: boolean) => ({
  success: false as const,
  message: code,
  error: { code, message: code, retryable },
});

function shelfOf(entries = new Map<string, string>()): Shelf {
  return {
    get length() {
      return entries.size;
    },
    key: (index) => [...entries.keys()][index] ?? null,
    getItem: (key) => entries.get(key) ?? null,
    setItem: (key, value) => void entries.set(key, value),
    removeItem: (key) => void entries.delete(key),
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

function storeOf(state: TalkState) {
  const store = createStore(state);
  return { store, dispatch: (event: TalkEvent) => store.set(reduce(store.get(), event)) };
}

describe('the page: sending', () => {
  /** A server that stores what it gets once per tempId, and answers as it is told to. */
  function desk(shelf = shelfOf()) {
    const queue = createQueue(shelf);
    const { store, dispatch } = storeOf(
      [listed(info()), joined(0)].reduce(reduce, initialTalk(ME, queue.read(ME))),
    );
    const stored: Message[] = [];
    const server = { connected: true, answers: [] as ('store' | 'lose' | 'refuse' | 'busy')[] };
    let ids = 0;
    const outbox = createOutbox({
      store,
      dispatch,
      queue,
      isConnected: () => server.connected,
      ensureJoined: () => Promise.resolve(true),
      now: () => Date.now(),
      newId: () => `temp-${++ids}`,
      async emit({ text, tempId }) {
        await Promise.resolve();
        const how = server.answers.shift() ?? 'store';
        if (how === 'refuse') return failure('FORBIDDEN', false);
        if (how === 'busy') return failure('UNAVAILABLE', true);
        let kept = stored.find((each) => each.tempId === tempId);
        if (!kept) stored.push((kept = message(stored.length + 1, { content: text, tempId, senderId: ME })));
        return how === 'lose' ? failure('NO_ANSWER', true) : { success: true, message: kept };
      },
    });
    return { outbox, server, stored, store, shelf, settle: () => vi.advanceTimersByTimeAsync(0) };
  }

  it('keeps the order and leaves nothing behind', async () => {
    const { outbox, store, shelf, settle } = desk();
    for (const text of ['one', 'two', 'three']) outbox.send('7', text);
    expect(chat(store.get()).pending).toHaveLength(3);
    expect(shelf.length).toBe(3);
    await settle();
    expect(chat(store.get()).log.messages.map(({ content }) => content)).toEqual(['one', 'two', 'three']);
    expect(chat(store.get()).pending).toEqual([]);
    expect(shelf.length).toBe(0);
  });

  it('sends one message again whose answer was lost, and it stays one', async () => {
    const { outbox, server, stored, store } = desk();
    server.answers = ['lose', 'store'];
    outbox.send('7', 'one');
    outbox.send('7', 'two');
    await vi.advanceTimersByTimeAsync(0);
    expect(chat(store.get()).pending).toMatchObject([{ delivery: 'waiting' }, {}]);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(stored.map(({ content }) => content)).toEqual(['one', 'two']);
    expect(seqs(store.get())).toEqual([1, 2]);
  });

  it('holds what is written without a connection, over a reload, and sends it in order', async () => {
    const first = desk();
    first.server.connected = false;
    first.outbox.send('7', 'one');
    await vi.advanceTimersByTimeAsync(10);
    first.outbox.send('7', 'two');
    await vi.advanceTimersByTimeAsync(60_000);
    expect(first.stored).toEqual([]);
    expect(chat(first.store.get()).pending.map(({ delivery }) => delivery)).toEqual(['waiting', 'waiting']);

    const second = desk(first.shelf);
    expect(chat(second.store.get()).pending.map(({ text }) => text)).toEqual(['one', 'two']);
    second.outbox.flush();
    second.outbox.flush();
    await second.settle();
    expect(second.stored.map(({ content }) => content)).toEqual(['one', 'two']);
    expect(second.shelf.length).toBe(0);
  });

  it('says that something was refused, goes on with the rest, and tries again when told to', async () => {
    const { outbox, server, stored, store, shelf, settle } = desk();
    server.answers = ['refuse'];
    outbox.send('7', 'one');
    outbox.send('7', 'two');
    await settle();
    expect(chat(store.get()).pending).toMatchObject([{ text: 'one', delivery: 'failed', why: 'FORBIDDEN' }]);
    expect(stored).toHaveLength(1);
    // After a reload it still waits for the user.
    expect(createQueue(shelf).read(ME)).toMatchObject([{ text: 'one', delivery: 'failed' }]);
    outbox.resend('7', 'temp-1');
    await settle();
    expect(stored.map(({ content }) => content)).toEqual(['two', 'one']);
    expect(shelf.length).toBe(0);
  });

  it('discards what nobody wants to send any more', async () => {
    const { outbox, server, store, shelf, settle } = desk();
    server.answers = ['refuse'];
    outbox.send('7', 'one');
    await settle();
    outbox.discard('7', 'temp-1');
    expect(chat(store.get()).pending).toEqual([]);
    expect(shelf.length).toBe(0);
  });

  it('waits longer each time while the server cannot', async () => {
    const { outbox, server, stored } = desk();
    server.answers = ['busy', 'busy', 'busy'];
    outbox.send('7', 'one');
    await vi.advanceTimersByTimeAsync(2_900);
    expect(server.answers).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stored).toHaveLength(1);
  });

  it('names each message as nothing else is named', () => {
    const ids = Array.from({ length: 100 }, newTempId);
    for (const id of ids)
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(ids).size).toBe(100);
  });

  it('works where nothing can be kept', async () => {
    const queue = createQueue(null);
    queue.put(ME, { tempId: 'a', chatId: '7', text: 'x', at: 1, delivery: 'waiting' });
    expect(queue.read(ME)).toEqual([]);
    const broken = shelfOf(new Map([['passerby.unsent.1.x', '{']]));
    expect(createQueue(broken).read(ME)).toEqual([]);
  });
});

describe('the page: catching up', () => {
  type Ask = Parameters<typeof createSync>[0]['ask'];
  type Result = Extract<Awaited<ReturnType<Ask>>, { success: true }>['conversations'][string];

  function desk(state: TalkState, answer: (position: number | string) => Result) {
    const { store, dispatch } = storeOf(state);
    const asked: (number | string)[] = [];
    const resets: string[] = [];
    const sync = createSync({
      store,
      dispatch,
      isConnected: () => true,
      onReset: (chatId) => resets.push(chatId),
      random: () => 0,
      ask(conversations) {
        const results = Object.entries(conversations).map(([id, position]) => {
          asked.push(position);
          return [id, answer(position)] as const;
        });
        return Promise.resolve({ success: true, conversations: Object.fromEntries(results) });
      },
    });
    return { sync, store, dispatch, asked, resets };
  }

  const part = (from: number, upTo: number, more: boolean): Result => ({
    messages: Array.from({ length: upTo - from }, (_, at) => message(from + at + 1)),
    upTo,
    cursor: `c${upTo}`,
    more,
    epoch: EPOCH,
    floor: 0,
  });

  it('asks on while there is more', async () => {
    const state = after(listed(info()), joined(0), said(1), joined(5));
    const { sync, store, asked } = desk(state, (position) =>
      position === 0 ? part(0, 3, true) : part(3, 5, false),
    );
    await sync.run(['7']);
    expect(asked).toEqual([0, 'c3']);
    expect(seqs(store.get())).toEqual([1, 2, 3, 4, 5]);
  });

  it('reads again what was loaded and never synchronised: it may have changed', async () => {
    const state = after(listed(info({ lastSeq: 9 })), joined(9), older(10, [8, 9], true));
    const edited = message(9, { content: 'edited meanwhile' });
    const { sync, store, asked } = desk(state, () => ({
      ...part(7, 10, false),
      messages: [message(8), edited, message(10)],
    }));
    await sync.run(['7']);
    expect(asked).toEqual([7]);
    expect(chat(store.get()).log.messages.map(({ content }) => content)).toEqual([
      'message 8',
      'edited meanwhile',
      'message 10',
    ]);
    await sync.run(['7']);
    expect(asked).toEqual([7, 'c10']);
  });

  it('reads anew when it is told to, or is too far behind', async () => {
    const state = after(listed(info()), joined(0), said(1));
    const told = desk(state, () => ({ reset: true, upTo: 9, epoch: 'e2', floor: 0 }));
    await told.sync.run(['7']);
    expect(told.resets).toEqual(['7']);
    expect(chat(told.store.get()).log).toMatchObject({ messages: [], to: 9, epoch: 'e2' });

    let at = 1;
    const behind = desk(state, () => part(at, ++at, true));
    await behind.sync.run(['7']);
    expect(behind.asked).toHaveLength(5);
    expect(behind.resets).toEqual(['7']);
  });

  it('drops a conversation that is not there any more', async () => {
    const { sync, store } = desk(after(listed(info()), joined(0)), () => ({
      error: { code: 'NOT_FOUND', message: '' },
    }));
    await sync.run(['7']);
    expect(store.get().chats).toEqual({});
  });

  it('waits two seconds for a missing number, and asks only if it did not come', async () => {
    const { sync, dispatch, asked } = desk(after(listed(info()), joined(0), said(1), said(3)), () =>
      part(1, 4, false),
    );
    sync.watch();
    await vi.advanceTimersByTimeAsync(1_900);
    dispatch(said(2));
    sync.watch();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked).toEqual([]);

    dispatch(said(5));
    sync.watch();
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked).toEqual([0]);
    sync.stop();
  });

  it('does not ask with a cursor where nothing is shown', async () => {
    const state = after(listed(info({ lastSeq: 3, readSeq: 3 })), joined(3));
    const shown = [older(4, [1, 2, 3], false)].reduce(reduce, state);
    const { sync, asked } = desk(shown, () => part(3, 3, false));
    await sync.run(['7']);
    await sync.run(['7']);
    expect(asked).toEqual([0, 'c3']);
    const empty = desk(state, () => part(3, 3, false));
    await empty.sync.run(['7']);
    await empty.sync.run(['7']);
    expect(empty.asked).toEqual([3, 3]);
  });
});

describe('the page: joining', () => {
  it('joins what is asked for at once, and the rest within the minute’s budget', async () => {
    const joined = new Set<string>();
    const joins = createJoins({
      ask: (chatId) =>
        Promise.resolve({
          success: true,
          chatId,
          type: 'group',
          name: chatId,
          lastSeq: 0,
          floor: 0,
          epoch: EPOCH,
          readSeq: 0,
        }),
      isJoined: (id) => joined.has(id),
      onJoined: ({ chatId }) => joined.add(chatId),
      onGone: () => {},
      now: () => Date.now(),
    });
    const ids = Array.from({ length: 70 }, (_, at) => `c${at}`);
    await joins.all(ids);
    expect(joined.size).toBe(limits.joinsPerMinute);
    expect(await joins.one('c69')).toBe(true);
    await vi.advanceTimersByTimeAsync(61_000);
    // And the one that somebody looks at, which came out of turn.
    expect(joined.size).toBe(2 * limits.joinsPerMinute + 1);
    await vi.advanceTimersByTimeAsync(61_000);
    expect(joined.size).toBe(70);
    joins.stop();
  });

  it('tries again what was refused for the moment, and forgets what is gone', async () => {
    const answers: Record<string, string> = { a: 'RATE_LIMITED', b: 'NOT_FOUND' };
    const gone: string[] = [];
    const asked: string[] = [];
    const joins = createJoins({
      ask(chatId) {
        asked.push(chatId);
        return Promise.resolve(failure(answers[chatId]!, chatId === 'a'));
      },
      isJoined: () => false,
      onJoined: () => {},
      onGone: (id) => gone.push(id),
      now: () => Date.now(),
    });
    await joins.all(['a', 'b']);
    await vi.advanceTimersByTimeAsync(16_000);
    expect(asked).toEqual(['a', 'b', 'a']);
    expect(gone).toEqual(['b']);
    joins.stop();
  });
});

describe('the page: small signs', () => {
  it('says that somebody types at most every three seconds, and once that it ended', async () => {
    const told: [string, boolean][] = [];
    const typing = createTyping(
      (chatId, on) => told.push([chatId, on]),
      () => Date.now(),
    );
    for (let n = 0; n < 40; n++) {
      typing.note('7', true);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(told).toEqual([
      ['7', true],
      ['7', true],
    ]);
    typing.note('8', true);
    typing.note('8', false);
    typing.note('8', false);
    expect(told.slice(2)).toEqual([
      ['7', false],
      ['8', true],
      ['8', false],
    ]);
  });

  it('marks as read what was seen last, not every message on the way', async () => {
    const told: number[] = [];
    const { store, dispatch } = storeOf(after(listed(info()), joined(0)));
    const reading = createReading({
      chatOf: (id) => store.get().chats[id],
      tell(chatId, _, seq) {
        told.push(seq);
        dispatch({ type: 'read', chatId, userId: ME, seq });
      },
      now: () => Date.now(),
    });
    for (let seq = 1; seq <= 5; seq++) {
      dispatch(said(seq));
      reading.seen(chat(store.get()));
      await vi.advanceTimersByTimeAsync(100);
    }
    await vi.advanceTimersByTimeAsync(limits.readEveryMs);
    expect(told).toEqual([1, 5]);
  });
});
