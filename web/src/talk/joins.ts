import type { Answer } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';
import { limits } from './limits.ts';

interface Deps {
  ask(chatId: string): Promise<Answer<'chat:join'> | Failure>;
  isJoined(chatId: string): boolean;
  onJoined(answer: Extract<Answer<'chat:join'>, { success: true }>): void;
  /** It is not there, or not ours. */
  onGone(chatId: string): void;
  now(): number;
}

export interface Joins {
  /** Joins one at once, whatever the budget says: somebody is looking at it. False: not now. */
  one(chatId: string): Promise<boolean>;
  /** Joins these one by one, in this order, as far as the minute's budget goes; the rest later. */
  all(chatIds: readonly string[]): Promise<void>;
  /** The connection is gone, and with it every join. */
  stop(): void;
}

const MINUTE_MS = 60_000;
const AT_ONCE = 8;
const RETRY_MS = 15_000;

export function createJoins({ ask, isJoined, onJoined, onGone, now }: Deps): Joins {
  /** Refused for the moment only. */
  const deferred = new Set<string>();
  const running = new Map<string, Promise<boolean>>();
  let times: number[] = [];
  let turn = 0;
  let rest: ReturnType<typeof setTimeout> | undefined;

  async function attempt(chatId: string): Promise<boolean> {
    times.push(now());
    const mine = turn;
    const answer = await ask(chatId);
    if (mine !== turn) return false;
    deferred.delete(chatId);
    if (answer.success) onJoined(answer);
    else if (answer.error.code === 'NOT_FOUND') onGone(chatId);
    else if (answer.error.retryable) deferred.add(chatId);
    return answer.success;
  }

  function one(chatId: string): Promise<boolean> {
    if (isJoined(chatId)) return Promise.resolve(true);
    const already = running.get(chatId);
    if (already) return already;
    const joining = attempt(chatId).finally(() => running.get(chatId) === joining && running.delete(chatId));
    running.set(chatId, joining);
    return joining;
  }

  async function all(chatIds: readonly string[]): Promise<void> {
    clearTimeout(rest);
    const mine = turn;
    const open = chatIds.filter((id) => !isJoined(id));
    let at = 0;
    while (at < open.length && mine === turn) {
      times = times.filter((time) => now() - time < MINUTE_MS);
      const room = Math.min(AT_ONCE, limits.joinsPerMinute - times.length);
      if (room <= 0) {
        const left = open.slice(at);
        rest = setTimeout(() => void all(left), MINUTE_MS - (now() - times[0]!) + 100);
        return;
      }
      await Promise.all(open.slice(at, at + room).map(one));
      at += room;
    }
    if (mine !== turn || deferred.size === 0) return;
    rest = setTimeout(() => void all([...deferred]), RETRY_MS);
  }

  return {
    one,
    all,
    stop() {
      turn++;
      clearTimeout(rest);
      running.clear();
      deferred.clear();
    },
  };
}
