import type { RequestArgs } from '../../../src/contract.ts';

export type MatchOptions = NonNullable<RequestArgs<'user:match'>[0]>;
export type Mode = NonNullable<MatchOptions['mode']>;

/** What was chosen last: how to talk, about what, in which language ('' is any). */
export interface Preferences {
  mode: Mode;
  interests: readonly string[];
  language: string;
}

const KEY = 'passerby.preferences';
const defaults: Preferences = { mode: 'text', interests: [], language: '' };

export const toOptions = ({ mode, interests, language }: Preferences): MatchOptions => ({
  mode,
  interests: [...interests],
  ...(language && { language }),
});

export function readPreferences(): Preferences {
  try {
    return { ...defaults, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) };
  } catch {
    return defaults;
  }
}

export function writePreferences(preferences: Preferences): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // A convenience only.
  }
}
