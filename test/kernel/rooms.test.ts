import { describe, expect, it } from 'vitest';
import { createIds } from '../../src/kernel/ids.ts';
import { roomOf, type RoomKind } from '../../src/kernel/rooms.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const kinds: readonly RoomKind[] = ['user', 'session', 'seat', 'room', 'chat', 'channel', 'live', 'discord'];
const FORBIDDEN_LENGTH = 20;

/** The alphabets of the contract (6): what a client may name, decimal ids, guests, socket ids, snowflakes. */
const alphabets = [
  {
    letters: 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:-',
    min: 1,
    max: 64,
    prefix: '',
  },
  { letters: '0123456789', min: 1, max: 16, prefix: '' },
  { letters: '0123456789', min: 1, max: 16, prefix: 'guest:' },
  { letters: 'abcXYZ019_-', min: 20, max: 20, prefix: '' },
  { letters: '0123456789', min: 17, max: 20, prefix: '' },
  // Short and poor in letters, so that chance finds collisions if there are any.
  { letters: ':r1', min: 1, max: 5, prefix: 'room' },
  { letters: ':.', min: 11, max: 16, prefix: '' },
] as const;

/** Deterministic (mulberry32), so that a failing test fails again. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe('rooms', () => {
  it('have their kind in front', () => {
    expect(roomOf('chat', 'general')).toBe('chat:general');
    expect(roomOf('seat', 'n1-AbCdEfGhIjKlMnOpQ')).toBe('seat:n1-AbCdEfGhIjKlMnOpQ');
  });

  it('never have 20 characters, whatever the length of the id', () => {
    for (const kind of kinds) {
      for (let length = 1; length <= 64; length++)
        expect(roomOf(kind, '7'.repeat(length))).not.toHaveLength(20);
    }
  });

  it('of users with the ids of today are not taken for sockets either', () => {
    for (const day of [Date.UTC(2026, 0, 1), Date.UTC(2030, 0, 1), Date.UTC(2093, 0, 1)]) {
      const id = createIds(fakeClock(day), 255).next();
      for (const kind of kinds) expect(roomOf(kind, id)).not.toHaveLength(FORBIDDEN_LENGTH);
    }
    const fifteenDigits = createIds(fakeClock(Date.UTC(2026, 0, 1)), 0).next();
    expect(fifteenDigits).toHaveLength(15);
    expect(roomOf('user', fifteenDigits)).toHaveLength(21);
  });

  it('are one for each kind and id, out of 200 000', () => {
    const random = chance(1);
    const below = (count: number) => Math.floor(random() * count);
    const owners = new Map<string, string>();
    for (let n = 0; n < 200_000; n++) {
      const kind = kinds[below(kinds.length)]!;
      const { letters, min, max, prefix } = alphabets[below(alphabets.length)]!;
      const length = min + below(max - min + 1);
      const id = prefix + Array.from({ length }, () => letters[below(letters.length)]).join('');
      const room = roomOf(kind, id);
      const owner = JSON.stringify([kind, id]);
      // So many calls of expect() would take seconds.
      if (room.length === FORBIDDEN_LENGTH || (owners.get(room) ?? owner) !== owner) {
        expect.fail(`${owner} and ${owners.get(room)} have the room ${room}`);
      }
      owners.set(room, owner);
    }
    expect(owners.size).toBeGreaterThan(100_000);
  });
});
