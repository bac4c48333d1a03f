import type { Answer } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';

interface Deps {
  ask(): Promise<Answer<'user:match'> | Failure>;
  isWanted(): boolean;
  isConnected(): boolean;
  /** The server will not search for us now; trying again would not change that. */
  onRefused(failure: Failure): void;
}

export interface Search {
  /** Searches until there is a match, `stop`, or a refusal. Running again begins anew. */
  run(): void;
  stop(): void;
}

const RETRY_MS = [1_000, 2_000, 4_000] as const;

export function createSearch({ ask, isWanted, isConnected, onRefused }: Deps): Search {
  let turn = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;

  async function attempt(mine: number, number: number): Promise<void> {
    const answer = await ask();
    // The match itself comes as a push. Without a connection the next one searches again.
    if (mine !== turn || answer.success || !isWanted() || !isConnected()) return;
    const { code, retryable } = answer.error;
    if (code === 'RATE_LIMITED' || code === 'CONFLICT' || !retryable) return onRefused(answer);
    retry = setTimeout(() => void attempt(mine, number + 1), RETRY_MS[Math.min(number, RETRY_MS.length - 1)]);
  }

  function stop(): void {
    turn++;
    clearTimeout(retry);
  }

  return {
    stop,
    run() {
      stop();
      void attempt(turn, 0);
    },
  };
}
