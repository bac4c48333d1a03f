import { useEffect, useRef } from 'react';
import { brand } from '../brand.ts';
import type { Entry } from '../match/state.ts';

/** Counts in the window's title what came while the window was hidden. */
export function useUnreadTitle(log: readonly Entry[]): void {
  const seen = useRef(0);
  const newest = useRef(0);
  const last = log.findLast((entry) => entry.by !== 'me')?.id ?? 0;

  useEffect(() => {
    newest.current = last;
    if (!document.hidden) seen.current = last;
    const unread = log.filter((entry) => entry.by !== 'me' && entry.id > seen.current).length;
    document.title = unread === 0 ? brand : `(${unread}) ${brand}`;
  }, [log, last]);

  useEffect(() => {
    function onVisible() {
      if (document.hidden) return;
      seen.current = newest.current;
      document.title = brand;
    }
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      document.removeEventListener('visibilitychange', onVisible);
      document.title = brand;
    };
  }, []);
}
