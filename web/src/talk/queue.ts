import { uploadedIn, type Attached } from '../uploads/attached.ts';
import type { Pending } from './state.ts';

/** What of the browser's `localStorage` is needed here. */
export interface Shelf {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** What a user wrote and the server has not confirmed. It outlives the page; two windows of one user share it. */
export interface Queue {
  /** In the order of writing. */
  read(userId: string): readonly Pending[];
  put(userId: string, item: Pending): void;
  remove(userId: string, tempId: string): void;
  /** For a guest who is gone. */
  clear(userId: string): void;
}

const prefixOf = (userId: string) => `passerby.unsent.${userId}.`;

/** One entry for each message, so that two windows do not undo each other's. `shelf` is null where storage is switched off. */
export function createQueue(shelf: Shelf | null): Queue {
  function attempt<T>(step: (shelf: Shelf) => T, otherwise: T): T {
    try {
      return shelf ? step(shelf) : otherwise;
    } catch {
      // Full or forbidden: then the message lasts as long as the page.
      return otherwise;
    }
  }

  const keysOf = (shelf: Shelf, userId: string): string[] =>
    Array.from({ length: shelf.length }, (_, at) => shelf.key(at) ?? '').filter((key) =>
      key.startsWith(prefixOf(userId)),
    );

  return {
    read: (userId) =>
      attempt((shelf) => {
        const items = keysOf(shelf, userId).map((key) => parse(shelf.getItem(key)));
        return items.filter((item) => item !== null).sort((a, b) => a.at - b.at);
      }, []),
    put: (userId, item) =>
      attempt((shelf) => shelf.setItem(prefixOf(userId) + item.tempId, JSON.stringify(item)), undefined),
    remove: (userId, tempId) => attempt((shelf) => shelf.removeItem(prefixOf(userId) + tempId), undefined),
    clear: (userId) =>
      attempt((shelf) => {
        for (const key of keysOf(shelf, userId)) shelf.removeItem(key);
      }, undefined),
  };
}

function parse(text: string | null): Pending | null {
  try {
    const item = JSON.parse(text ?? '') as Partial<Pending>;
    const { tempId, chatId, text: words, at, delivery, why } = item;
    const attached = attachedIn(item.attached);
    if (!tempId || !chatId || typeof words !== 'string' || typeof at !== 'number') return null;
    if (!words && !attached) return null;
    const failed = delivery === 'failed';
    return {
      tempId,
      chatId,
      text: words,
      at,
      delivery: failed ? 'failed' : 'waiting',
      ...(attached && { attached }),
      ...(failed && why !== undefined && { why }),
    };
  } catch {
    return null;
  }
}

function attachedIn(attached: Attached | undefined): Attached | null {
  const upload = uploadedIn(attached?.upload);
  return upload && { kind: attached?.kind === 'voice' ? 'voice' : 'file', upload };
}
