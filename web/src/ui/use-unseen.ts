import { useEffect, useState } from 'react';
import { brand } from '../brand.ts';
import type { Phase } from '../match/state.ts';

/** Counts what came from a partner while nobody was looking. */
export function useUnseen(phase: Phase, looking: boolean): number {
  const [seen, setSeen] = useState(0);
  const log = phase.at === 'matched' || phase.at === 'ended' ? phase.log : [];
  const newest = log.findLast((entry) => entry.by !== 'me')?.id ?? 0;
  if (looking && seen < newest) setSeen(newest);
  return looking ? 0 : log.filter((entry) => entry.by !== 'me' && entry.id > seen).length;
}

/** Says in the window's title how much is unread. */
export function useUnreadTitle(unread: number): void {
  useEffect(() => {
    document.title = unread === 0 ? brand : `(${unread}) ${brand}`;
    return () => {
      document.title = brand;
    };
  }, [unread]);
}
