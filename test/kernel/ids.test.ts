import { describe, expect, it } from 'vitest';
import { createIds } from '../../src/kernel/ids.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const LAST_DAY = Date.UTC(2093, 8, 1);

describe('ids', () => {
  const take = (count: number, next: () => string) => Array.from({ length: count }, next);
  const ascends = (ids: readonly string[]) =>
    ids.every((id, n) => n === 0 || Number(id) > Number(ids[n - 1]));

  it('are decimal strings that grow with time', () => {
    const clock = fakeClock();
    const ids = createIds(clock, 7);
    const made = [ids.next()];
    for (const ms of [1, 5, 60_000, 86_400_000]) {
      clock.advance(ms);
      made.push(ids.next());
    }
    expect(made.every((id) => /^[1-9][0-9]{0,15}$/.test(id))).toBe(true);
    expect(ascends(made)).toBe(true);
  });

  it('are ordered between workers too, a millisecond apart', () => {
    const clock = fakeClock();
    const [high, low] = [createIds(clock, 255), createIds(clock, 0)];
    const earlier = take(16, () => high.next());
    clock.advance(1);
    expect(Number(low.next())).toBeGreaterThan(Math.max(...earlier.map(Number)));
  });

  it('more than 16 in a millisecond borrow from the next ones, in order and without a repeat', () => {
    const clock = fakeClock();
    const ids = createIds(clock, 3);
    const made = take(100, () => ids.next());
    clock.advance(2);
    made.push(...take(100, () => ids.next()));
    clock.advance(1_000);
    made.push(ids.next());
    expect(ascends(made)).toBe(true);
    expect(new Set(made).size).toBe(201);
  });

  it('go on when the clock goes back', () => {
    let now = Date.UTC(2026, 0, 1);
    const ids = createIds({ ...fakeClock(), now: () => now }, 3);
    const made = take(5, () => ids.next());
    now -= 60 * 60_000;
    made.push(...take(40, () => ids.next()));
    now += 60 * 60_000 + 10;
    made.push(ids.next());
    expect(ascends(made)).toBe(true);
  });

  it('of different slots are different at the same moment', () => {
    const clock = fakeClock();
    const made = Array.from({ length: 256 }, (_, slot) => createIds(clock, slot)).flatMap((ids) =>
      take(40, () => ids.next()),
    );
    expect(new Set(made).size).toBe(256 * 40);
  });

  it('of a slot give it back: nobody else’s worker makes them', () => {
    for (const slot of [0, 1, 128, 255]) {
      const ids = createIds(fakeClock(), slot);
      for (const id of take(50, () => ids.next())) expect(Math.floor(Number(id) / 16) % 256).toBe(slot);
    }
  });

  it('stay exact as JSON numbers until 2093', () => {
    const ids = createIds(fakeClock(LAST_DAY), 255);
    const [id] = take(1_000, () => ids.next()).slice(-1);
    expect(Number(id)).toBeLessThan(2 ** 53);
    expect(String(JSON.parse(id ?? ''))).toBe(id);
  });

  it('refuse a slot that does not exist', () => {
    for (const slot of [-1, 256, 1.5, NaN]) expect(() => createIds(fakeClock(), slot)).toThrow(RangeError);
  });
});
