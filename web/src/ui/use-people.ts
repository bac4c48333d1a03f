import { useEffect, useState } from 'react';
import { ApiError } from '../net/api.ts';
import type { People } from '../talk/people.ts';
import type { PublicUser } from '../talk/state.ts';
import { apiWords } from './words.ts';

const MIN_LENGTH = 2;
/** After the last key. */
const PAUSE_MS = 250;

/** `short`: too little was typed. */
export type Found =
  | { is: 'short' }
  | { is: 'searching' }
  | { is: 'found'; users: readonly PublicUser[] }
  | { is: 'failed'; why: string };

/** People whose names begin with what is being typed. */
export function usePeople(people: People, text: string): Found {
  const wanted = text.trim();
  const [answer, setAnswer] = useState<{ to: string; found: Found } | null>(null);

  useEffect(() => {
    if (wanted.length < MIN_LENGTH) return;
    let current = true;
    const tell = (found: Found) => current && setAnswer({ to: wanted, found });
    const timer = setTimeout(() => {
      people.find(wanted).then(
        (users) => tell({ is: 'found', users }),
        (error: unknown) =>
          tell({ is: 'failed', why: error instanceof ApiError ? apiWords(error) : String(error) }),
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [people, wanted]);

  if (wanted.length < MIN_LENGTH) return { is: 'short' };
  return answer?.to === wanted ? answer.found : { is: 'searching' };
}
