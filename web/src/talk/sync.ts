import type { Answer, RequestArgs } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';
import type { Store } from '../store.ts';
import { limits } from './limits.ts';
import { isGapped } from './log.ts';
import type { Chat, TalkEvent, TalkState } from './state.ts';

type Positions = RequestArgs<'chat:sync'>[0]['conversations'];

interface Deps {
  store: Store<TalkState>;
  dispatch(event: TalkEvent): void;
  ask(conversations: Positions): Promise<Answer<'chat:sync'> | Failure>;
  isConnected(): boolean;
  /** What was known of it is void; it is on the screen or its count is asked for again. */
  onReset(chatId: string): void;
  random(): number;
}

export interface Sync {
  /** Fetches what these missed. */
  run(chatIds: readonly string[]): Promise<void>;
  /** Looks for missing numbers; they are asked for if they do not come by themselves. */
  watch(): void;
  stop(): void;
}

const RETRY_MS = 3_000;

export function createSync({ store, dispatch, ask, isConnected, onReset, random }: Deps): Sync {
  const waiting = new Map<string, ReturnType<typeof setTimeout>>();
  let stopped = false;

  const chatOf = (id: string): Chat | undefined => store.get().chats[id];

  /**
   * Where messages are loaded, their changes matter too; elsewhere only what is new. What was loaded and never synchronised, because the
   * connection went in between, is read again.
   */
  function positionOf({ log }: Chat): number | string {
    return log.messages.length === 0 ? log.to : (log.cursor ?? log.from - 1);
  }

  function take(
    chatId: string,
    result: Extract<Answer<'chat:sync'>, { success: true }>['conversations'][string],
  ) {
    if ('error' in result) {
      if (result.error.code === 'NOT_FOUND') dispatch({ type: 'left', chatId });
      return false;
    }
    const { epoch } = chatOf(chatId)?.log ?? {};
    if ('reset' in result || (epoch && epoch !== result.epoch)) {
      dispatch({ type: 'reset', chatId, upTo: result.upTo, epoch: result.epoch, floor: result.floor });
      onReset(chatId);
      return false;
    }
    dispatch({ type: 'synced', chatId, ...result });
    return result.more;
  }

  async function some(chatIds: readonly string[]): Promise<void> {
    let left = chatIds;
    for (let round = 0; left.length > 0 && isConnected() && !stopped; round++) {
      const known = left.map(chatOf).filter((chat) => chat !== undefined);
      if (known.length === 0) return;
      if (round >= limits.syncRounds) return giveUp(known);
      const answer = await ask(Object.fromEntries(known.map((chat) => [chat.id, positionOf(chat)])));
      if (!answer.success) {
        if (!answer.error.retryable || !isConnected() || stopped) return;
        for (const { id } of known) askAfter(id, RETRY_MS);
        return;
      }
      left = Object.entries(answer.conversations)
        .filter(([chatId, result]) => take(chatId, result))
        .map(([chatId]) => chatId);
    }
  }

  /** Too far behind to catch up message by message: its history is read anew from the end. */
  function giveUp(chats: readonly Chat[]): void {
    for (const { id, log } of chats) {
      dispatch({ type: 'reset', chatId: id, upTo: log.target, epoch: log.epoch ?? '', floor: 0 });
      onReset(id);
    }
  }

  function askAfter(id: string, ms: number): void {
    if (waiting.has(id)) return;
    const timer = setTimeout(
      () => {
        waiting.delete(id);
        void run([id]);
      },
      ms * (1 + random() / 2),
    );
    waiting.set(id, timer);
  }

  async function run(chatIds: readonly string[]): Promise<void> {
    for (let at = 0; at < chatIds.length; at += limits.syncConversations)
      await some(chatIds.slice(at, at + limits.syncConversations));
    watch();
  }

  function watch(): void {
    if (stopped || !isConnected()) return;
    for (const chat of Object.values(store.get().chats)) {
      const timer = waiting.get(chat.id);
      if (chat.joined && isGapped(chat.log)) askAfter(chat.id, limits.gapMs);
      else if (timer && !isGapped(chat.log)) {
        clearTimeout(timer);
        waiting.delete(chat.id);
      }
    }
  }

  return {
    run,
    watch,
    stop() {
      stopped = true;
      for (const timer of waiting.values()) clearTimeout(timer);
      waiting.clear();
    },
  };
}
