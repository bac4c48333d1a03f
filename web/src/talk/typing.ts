import { limits } from './limits.ts';

/** Tells the others that the user is typing, rarely, and that it has ended, once. */
export interface Typing {
  /** `writing`: something was typed, and something stands in the field. */
  note(chatId: string, writing: boolean): void;
  stop(): void;
}

export function createTyping(tell: (chatId: string, isTyping: boolean) => void, now: () => number): Typing {
  let current: { chatId: string; toldAt: number } | null = null;

  function end(): void {
    if (current) tell(current.chatId, false);
    current = null;
  }

  return {
    note(chatId, writing) {
      if (current && current.chatId !== chatId) end();
      if (!writing) return end();
      if (current && now() - current.toldAt < limits.typingEveryMs) return;
      current = { chatId, toldAt: now() };
      tell(chatId, true);
    },
    stop: end,
  };
}
