import type { MatchOptions } from './contract.ts';
import { timing } from './pool.ts';

/** What a waiting user wants, and since when. */
export interface Wish {
  readonly mode: MatchOptions['mode'];
  readonly language: string | undefined;
  /** Empty means none given. */
  readonly interests: ReadonlySet<string>;
  readonly since: number;
}

export function wishOf(options: MatchOptions, since: number): Wish {
  return { mode: options.mode, language: options.language, interests: new Set(options.interests), since };
}

/** Whether both accept each other at `now`, each by its own waiting time. None given fits all. Once true it stays true. */
export function fit(one: Wish, other: Wish, now: number): boolean {
  if (one.mode && other.mode && one.mode !== other.mode) return false;

  // Both must accept, and who has waited less is the choosier one.
  const waitedMs = now - Math.max(one.since, other.since);
  if (waitedMs < timing.languageWidenMs && one.language && other.language && one.language !== other.language)
    return false;
  if (waitedMs >= timing.interestsWidenMs) return true;
  return one.interests.size === 0 || other.interests.size === 0 || shareInterest(one, other);
}

function shareInterest(one: Wish, other: Wish): boolean {
  for (const interest of one.interests) if (other.interests.has(interest)) return true;
  return false;
}

/** Each once, in the order of `one`. */
export function sharedInterests(one: Wish, other: Wish): readonly string[] {
  return [...one.interests].filter((interest) => other.interests.has(interest));
}
