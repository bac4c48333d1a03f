import { limits } from './limits.ts';
import type { Chat } from './state.ts';

/** Moves the user's read marks forward, each conversation's at most every so often. */
export interface Reading {
  /** The user has this conversation before them, down to its end. */
  seen(chat: Chat): void;
  stop(): void;
}

interface Deps {
  tell(chatId: string, messageId: string, seq: number): void;
  chatOf(id: string): Chat | undefined;
  now(): number;
}

export function createReading({ tell, chatOf, now }: Deps): Reading {
  let toldAt = Number.NEGATIVE_INFINITY;
  let told = { chatId: '', seq: 0 };
  let later: ReturnType<typeof setTimeout> | undefined;

  function seen(chat: Chat): void {
    clearTimeout(later);
    const last = chat.log.messages.at(-1);
    if (!chat.joined || !last || last.seq <= chat.readSeq) return;
    if (told.chatId === chat.id && told.seq >= last.seq) return;
    const wait = toldAt + limits.readEveryMs - now();
    if (told.chatId === chat.id && wait > 0) {
      later = setTimeout(() => {
        const present = chatOf(chat.id);
        if (present) seen(present);
      }, wait);
      return;
    }
    toldAt = now();
    told = { chatId: chat.id, seq: last.seq };
    tell(chat.id, last.id, last.seq);
  }

  return {
    seen,
    stop() {
      clearTimeout(later);
      told = { chatId: '', seq: 0 };
    },
  };
}
