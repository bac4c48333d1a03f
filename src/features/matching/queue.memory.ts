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

  remove(entry: Entry): void {
    this.#entries.delete(entry);
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

  /** Each entry once for each step in which it began to accept more. Costs what became due, however many wait. */
  takeWidened(now: number): Set<Entry> {
    const widened = new Set<Entry>();
    for (const { afterMs, entries, widens } of this.#narrow) {
      for (const entry of entries) {
        if (now - entry.wish.since < afterMs) break;
        entries.delete(entry);
        if (widens(entry.wish)) widened.add(entry);
      }
    }
    return widened;
  }
}

function apart(one: Entry, other: Entry): boolean {
  return one.blocked.has(other.party.user.id) || other.blocked.has(one.party.user.id);
}

export class RecentPartners {
  // By user, newest partner first; users in order of their newest meeting, so that the sweep stops at the first who stays.
  readonly #meetings = new Map<string, readonly { partnerId: string; at: number }[]>();

  remember(one: string, other: string, now: number): void {
    this.#add(one, other, now);
    this.#add(other, one, now);
  }

  #add(userId: string, partnerId: string, at: number): void {
    const earlier = (this.#meetings.get(userId) ?? []).filter((meeting) => meeting.partnerId !== partnerId);
    this.#meetings.delete(userId);
    this.#meetings.set(userId, [{ partnerId, at }, ...earlier].slice(0, RECENT_PARTNERS));
  }

  of(userId: string, now: number): string[] {
    const meetings = this.#meetings.get(userId) ?? [];
    return meetings.filter(({ at }) => now - at < timing.recentMs).map(({ partnerId }) => partnerId);
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
