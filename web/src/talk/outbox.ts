import type { Failure } from '../../../src/kernel/contract.ts';
import type { Store } from '../store.ts';
import type { Attached } from '../uploads/attached.ts';
import type { Queue } from './queue.ts';
import type { Message, Pending, TalkEvent, TalkState } from './state.ts';

type Answer = { success: true; message: Message } | Failure;

interface Deps {
  store: Store<TalkState>;
  dispatch(event: TalkEvent): void;
  queue: Queue;
  isConnected(): boolean;
  emit(item: Pick<Pending, 'chatId' | 'text' | 'tempId' | 'attached'>): Promise<Answer>;
  /** Opens the conversation on this socket, where that has not happened. False: not now. */
  ensureJoined(chatId: string): Promise<boolean>;
  now(): number;
  newId(): string;
}

export interface Outbox {
  /** With an upload the text is its caption. */
  send(chatId: string, text: string, attached?: Attached): void;
  resend(chatId: string, tempId: string): void;
  discard(chatId: string, tempId: string): void;
  /** Sends what waits, each conversation in the order of writing. */
  flush(): void;
  stop(): void;
}

const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000] as const;

/**
 * The messages of ours that are not confirmed. One conversation's go one after the other, so that their order holds whatever
 * happens to one of them; a message that is sent twice has the same `tempId` and is one.
 */
export function createOutbox(deps: Deps): Outbox {
  const { store, dispatch, queue } = deps;
  /** Conversations that are being sent to, or wait for the next attempt. */
  const busy = new Map<string, ReturnType<typeof setTimeout> | null>();

  const pendingOf = (chatId: string) => store.get().chats[chatId]?.pending ?? [];

  function mark(item: Pending, delivery: Pending['delivery'], why?: string): void {
    const { chatId, tempId } = item;
    dispatch({ type: 'delivery', chatId, tempId, delivery, ...(why !== undefined && { why }) });
    const marked = pendingOf(chatId).find((other) => other.tempId === tempId);
    if (marked && delivery === 'failed') queue.put(store.get().me, marked);
  }

  async function drain(chatId: string, failures = 0): Promise<void> {
    if (busy.get(chatId) === null) return;
    clearTimeout(busy.get(chatId) ?? undefined);
    busy.set(chatId, null);
    const wait = (failed: number) => {
      const delay = RETRY_MS[Math.min(failed, RETRY_MS.length - 1)]!;
      busy.set(
        chatId,
        setTimeout(() => void drain(chatId, failed + 1), delay),
      );
    };

    for (;;) {
      const item = pendingOf(chatId).find(({ delivery }) => delivery !== 'failed');
      if (!item) break;
      const { me } = store.get();
      if (!deps.isConnected() || !(await deps.ensureJoined(chatId))) {
        mark(item, 'waiting');
        if (deps.isConnected()) return wait(failures);
        break;
      }
      mark(item, 'sending');
      const answer = await deps.emit(item);
      // Another person is in this window now.
      if (store.get().me !== me) break;
      if (answer.success) {
        failures = 0;
        queue.remove(me, item.tempId);
        dispatch({ type: 'message', message: { ...answer.message, tempId: item.tempId } });
        dispatch({ type: 'discarded', chatId, tempId: item.tempId });
      } else if (answer.error.retryable) {
        mark(item, 'waiting');
        if (deps.isConnected()) return wait(failures);
        break;
      } else mark(item, 'failed', answer.error.message);
    }
    busy.delete(chatId);
  }

  return {
    send(chatId, text, attached) {
      const { me } = store.get();
      const delivery = deps.isConnected() ? 'sending' : 'waiting';
      const item: Pending = {
        tempId: deps.newId(),
        chatId,
        text,
        ...(attached && { attached }),
        at: deps.now(),
        delivery,
      };
      queue.put(me, item);
      dispatch({ type: 'wrote', item });
      // An attempt that waits for its time keeps the order: this one goes behind it.
      if (!busy.has(chatId)) void drain(chatId);
    },
    resend(chatId, tempId) {
      const item = pendingOf(chatId).find((other) => other.tempId === tempId);
      if (!item) return;
      mark(item, 'waiting');
      queue.put(store.get().me, { ...item, delivery: 'waiting' });
      void drain(chatId);
    },
    discard(chatId, tempId) {
      queue.remove(store.get().me, tempId);
      dispatch({ type: 'discarded', chatId, tempId });
    },
    flush() {
      for (const chat of Object.values(store.get().chats)) if (chat.pending.length > 0) void drain(chat.id);
    },
    stop() {
      for (const timer of busy.values()) clearTimeout(timer ?? undefined);
      busy.clear();
    },
  };
}
