import { createContext, use } from 'react';
import type { Links } from '../uploads/links.ts';
import type { Uploaded } from '../uploads/attached.ts';
import type { Uploads } from '../uploads/uploads.ts';

/** A picture to be looked at large: one that was sent, or one that is about to be. */
export type Viewed = { name: string; upload: Uploaded } | { name: string; src: string };

/** What messages with uploads need, wherever they stand. */
export interface Desk {
  readonly uploads: Uploads;
  readonly links: Links;
  /** A stream of its own, to be closed by whoever asked. @throws MediaError */
  microphone(): Promise<MediaStream>;
  view(picture: Viewed): void;
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = use(DeskContext);
  if (!desk) throw new Error('no desk above');
  return desk;
}
