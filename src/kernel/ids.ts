import type { Clock } from './clock.ts';

/** Time-ordered integers below 2^53 as decimal strings: 41 bits of milliseconds, 8 of worker slot, 4 of sequence. */
export interface Ids {
  next(): string;
}

/** 2024-01-01T00:00:00Z; 41 bits last until 2093. */
const EPOCH_MS = 1_704_067_200_000;
const SLOTS = 256;
/** Workers that can make ids at the same time. */
export const ID_SLOTS = SLOTS - 1;
/**
 * Of primaries and tools, which make an account once in a while. Two that do so in the same millisecond meet the unique index.
 */
export const PRIMARY_SLOT = SLOTS - 1;
const PER_MILLISECOND = 16;

/**
 * @param slot held by this worker alone, 0–255
 * A clock that steps back, and more than 16 ids in a millisecond, borrow from the milliseconds ahead; order is kept.
 */
export function createIds(clock: Clock, slot: number): Ids {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS)
    throw new RangeError(`worker slot out of range: ${slot}`);
  let millisecond = 0;
  let sequence = 0;
  return {
    next() {
      const now = clock.now() - EPOCH_MS;
      if (now > millisecond) {
        millisecond = now;
        sequence = 0;
      } else if (++sequence === PER_MILLISECOND) {
        millisecond += 1;
        sequence = 0;
      }
      return String((millisecond * SLOTS + slot) * PER_MILLISECOND + sequence);
    },
  };
}
