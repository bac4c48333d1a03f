/** What is on its way to be sent, by whom it goes to. Plain data; changed by `reduce` alone. */
export type Trays = Readonly<Record<string, readonly Item[]>>;

/** A conversation, or the pair of a match. */
export interface Target {
  readonly is: 'chat' | 'match';
  readonly id: string;
}

export const keyOf = ({ is, id }: Target): string => `${is} ${id}`;

export interface Item {
  readonly id: string;
  readonly kind: 'file' | 'voice';
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** A `blob:` address of a picture. */
  readonly preview: string | null;
  /** Of a voice note. */
  readonly durationMs: number | null;
  readonly caption: string;
  readonly step: Step;
}

/** `chosen` waits for the user to press Send; `waiting` for those before it. `again`: trying once more may help. */
export type Step =
  | { readonly at: 'chosen' }
  | { readonly at: 'waiting' }
  | { readonly at: 'sending'; readonly share: number }
  | { readonly at: 'failed'; readonly why: string; readonly again: boolean };

export type TrayEvent =
  | { type: 'added'; key: string; items: readonly Item[] }
  /** Everything chosen is to be sent; the words go with the first. */
  | { type: 'released'; key: string; caption: string }
  | { type: 'step'; key: string; id: string; step: Step }
  | { type: 'gone'; key: string; id: string }
  | { type: 'cleared'; key: string };

export function reduce(trays: Trays, event: TrayEvent): Trays {
  const { key } = event;
  const items = trays[key] ?? [];
  switch (event.type) {
    case 'added':
      return { ...trays, [key]: [...items, ...event.items] };
    case 'released': {
      const first = items.find(({ step }) => step.at === 'chosen');
      if (!first) return trays;
      return {
        ...trays,
        [key]: items.map((item) =>
          item.step.at === 'chosen'
            ? { ...item, step: { at: 'waiting' }, caption: item === first ? event.caption : '' }
            : item,
        ),
      };
    }
    case 'step':
      if (!items.some(({ id }) => id === event.id)) return trays;
      return {
        ...trays,
        [key]: items.map((item) => (item.id === event.id ? { ...item, step: event.step } : item)),
      };
    case 'gone': {
      const left = items.filter(({ id }) => id !== event.id);
      if (left.length === items.length) return trays;
      return left.length === 0 ? without(trays, key) : { ...trays, [key]: left };
    }
    case 'cleared':
      return key in trays ? without(trays, key) : trays;
  }
}

function without(trays: Trays, key: string): Trays {
  const { [key]: _, ...rest } = trays;
  return rest;
}
