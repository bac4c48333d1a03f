import type { Person } from './person.ts';

/** What a client would show: its partner, by nothing but what it was told. */
export interface Held {
  readonly matchId: string;
  readonly partnerId: string;
  readonly isAway: boolean;
}

/** Follows what these people are told; null for who has no partner. Only sockets that a person has by now count. */
export function followHeld() {
  const held = new Map<string, Held | null>();

  return {
    of: (person: Person) => held.get(person.id) ?? null,
    /** As if it had reconnected: what was held before stays, as a page keeps it. */
    follow(person: Person): void {
      const { id, socket } = person;
      if (!held.has(id)) held.set(id, null);
      const change = (matchId: string, next: Partial<Held> | null) => {
        const before = held.get(id);
        if (before?.matchId === matchId) held.set(id, next && { ...before, ...next });
      };
      socket.on('user:matched', ({ matchId, matchedUser, partnerAway = false }) =>
        held.set(id, { matchId, partnerId: matchedUser.id, isAway: partnerAway }),
      );
      socket.on('user:unmatched', ({ matchId }) => change(matchId, null));
      socket.on('user:partner-away', ({ matchId }) => change(matchId, { isAway: true }));
      socket.on('user:partner-back', ({ matchId }) => change(matchId, { isAway: false }));
    },
    forget: (person: Person) => void held.delete(person.id),
    all: (): ReadonlyMap<string, Held | null> => held,
  };
}
