import { fit } from './fit.ts';
import type { Wish } from './fit.ts';
import { RECENT_PARTNERS, timing } from './pool.ts';
import type { Party } from './pool.ts';

/** A user's place in the queue. Asking again changes everything but the place and the time of arrival. */
export interface Entry {
  readonly kind: 'entry';
  party: Party;
  wish: Wish;
  matchId: string;
  blocked: Set<string>;
  /** Grows with every request: of two entries, the greater one asked last. */
  turn: number;
}

/** Who waits, in order of arrival. */
export class Queue {
  // Sets iterate in order of insertion, which here is the order of arrival.
  readonly #entries = new Set<Entry>();
  readonly #narrow = [
    {
      afterMs: timing.interestsWidenMs,
      entries: new Set<Entry>(),
      widens: ({ interests }: Wish) => interests.size > 0,
    },
    {
      afterMs: timing.languageWidenMs,
      entries: new Set<Entry>(),
      widens: ({ language }: Wish) => Boolean(language),
    },
  ];
  /** Entries that were claimed back, and when they are asked. */
  readonly #returned = new Map<Entry, number>();
  readonly #recents: RecentPartners;

  constructor(recents: RecentPartners) {
    this.#recents = recents;
  }

  get size(): number {
    return this.#entries.size;
  }

  has(entry: Entry): boolean {
    return this.#entries.has(entry);
  }

  add(entry: Entry): void {
    this.#entries.add(entry);
    for (const { entries } of this.#narrow) entries.add(entry);
  }

  /** Who waits since before, at the place of that time. Seats that others have still to claim go before new matches. */
  restore(entry: Entry, now: number): void {
    const askAt = now + timing.claimMs;
    insert(this.#entries, entry);
    for (const { afterMs, entries } of this.#narrow)
      if (entry.wish.since + afterMs > askAt) insert(entries, entry);
    this.#returned.set(entry, askAt);
  }

  remove(entry: Entry): void {
    this.#entries.delete(entry);
    this.#returned.delete(entry);
    for (const { entries } of this.#narrow) entries.delete(entry);
  }

  /** The longest-waiting other one who fits; a recent partner of either only when nobody else does. */
  partnerFor(entry: Entry, now: number): Entry | undefined {
    let met: Entry | undefined;
    for (const other of this.#entries) {
      if (other === entry || !fit(entry.wish, other.wish, now) || apart(entry, other)) continue;
      if (!this.#recents.met(entry.party.user.id, other.party.user.id, now)) return other;
      met ??= other;
    }
    return met;
  }

  /** Each entry once for each step in which it began to accept more, or was to be asked. Costs what became due, however many wait. */
  takeDue(now: number): Set<Entry> {
    const widened = new Set<Entry>();
    for (const { afterMs, entries, widens } of this.#narrow) {
      for (const entry of entries) {
        if (now - entry.wish.since < afterMs) break;
        entries.delete(entry);
        if (widens(entry.wish)) widened.add(entry);
      }
    }
    for (const [entry, askAt] of this.#returned) {
      if (now < askAt) break;
      this.#returned.delete(entry);
      widened.add(entry);
    }
    return widened;
  }
}

/** In order of time. */
function insert(entries: Set<Entry>, entry: Entry): void {
  const later = [...entries].filter(({ wish }) => wish.since > entry.wish.since);
  entries.add(entry);
  for (const other of later) {
    entries.delete(other);
    entries.add(other);
  }
}

function apart(one: Entry, other: Entry): boolean {
  return one.blocked.has(other.party.user.id) || other.blocked.has(one.party.user.id);
}

interface Meeting {
  readonly partnerId: string;
  /** Of their last match. */
  readonly matchId: string;
  readonly at: number;
}

/** Ids are numbers without leading zeros. */
export function isLater(matchId: string, than: string): boolean {
  return matchId.length === than.length ? matchId > than : matchId.length > than.length;
}

export class RecentPartners {
  // By user, newest partner first; users in order of their newest meeting, so that the sweep stops at the first who stays.
  readonly #meetings = new Map<string, readonly Meeting[]>();

  remember(one: string, other: string, matchId: string, now: number): void {
    this.#add(one, { partnerId: other, matchId, at: now });
    this.#add(other, { partnerId: one, matchId, at: now });
  }

  #add(userId: string, meeting: Meeting): void {
    const earlier = (this.#meetings.get(userId) ?? []).filter(
      ({ partnerId }) => partnerId !== meeting.partnerId,
    );
    this.#meetings.delete(userId);
    this.#meetings.set(userId, [meeting, ...earlier].slice(0, RECENT_PARTNERS));
  }

  #lately(userId: string, now: number): readonly Meeting[] {
    return (this.#meetings.get(userId) ?? []).filter(({ at }) => now - at < timing.recentMs);
  }

  of(userId: string, now: number): string[] {
    return this.#lately(userId, now).map(({ partnerId }) => partnerId);
  }

  /** Whether this match of the two, or a later one, is known to be over. */
  ended(one: string, other: string, matchId: string, now: number): boolean {
    const knows = (userId: string, partner: string) =>
      this.#lately(userId, now).some(
        (meeting) => meeting.partnerId === partner && !isLater(matchId, meeting.matchId),
      );
    return knows(one, other) || knows(other, one);
  }

  /** Asks both: each list is short, so one may have forgotten what the other remembers. */
  met(one: string, other: string, now: number): boolean {
    return this.of(one, now).includes(other) || this.of(other, now).includes(one);
  }

  sweep(now: number): void {
    for (const [userId, [newest]] of this.#meetings) {
      if (newest && now - newest.at < timing.recentMs) break;
      this.#meetings.delete(userId);
    }
  }
}
