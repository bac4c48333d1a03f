import { describe, expect, it } from 'vitest';
import { retryOf } from '../../src/features/conversations/retry.ts';

const MINUTE = 60_000;
const NOW = 1_000 * 10 * MINUTE;
const hello = { type: 'text', text: 'hello', url: null };
const uuid = 'b2c7a1de-5f0e-4a57-9d39-0f4c0a1f6f11';

/** Whether a message that was sent `earlier` is found again by one sent at `now` (CONTRACT 24). */
function isFound(
  earlier: ReturnType<typeof retryOf>,
  at: number,
  later: ReturnType<typeof retryOf>,
): boolean {
  return [later.key, later.formerKey].includes(earlier.key) && at >= later.since;
}

describe('a message that is sent again', () => {
  it('is known for ever by a tempId of 16 characters or more, whatever it says now', () => {
    const [first, again] = [
      retryOf(uuid, '1', hello, NOW),
      retryOf(uuid, '2', { ...hello, text: 'hello!' }, NOW + 400 * 24 * 60 * MINUTE),
    ];
    expect(isFound(first, NOW, again)).toBe(true);
    expect(retryOf('x'.repeat(16), '1', hello, NOW)).toEqual({
      key: `t:${'x'.repeat(16)}`,
      formerKey: null,
      since: 0,
    });
  });

  it('is known by a short one only with the same content', () => {
    const first = retryOf('1', '1', hello, NOW);
    expect(isFound(first, NOW, retryOf('1', '2', hello, NOW + 1))).toBe(true);
    for (const other of [
      { ...hello, text: 'Hello' },
      { ...hello, type: 'file' },
      { ...hello, url: '/uploads/1' },
    ]) {
      expect(isFound(first, NOW, retryOf('1', '2', other, NOW + 1))).toBe(false);
    }
    expect(isFound(first, NOW, retryOf('2', '2', hello, NOW + 1))).toBe(false);
    expect(retryOf('x'.repeat(15), '1', hello, NOW).formerKey).not.toBeNull();
  });

  it.each([0, 1, 5 * MINUTE, 10 * MINUTE - 1])(
    'is found for ten minutes, begun %d ms into a slot',
    (into) => {
      const at = NOW + into;
      const first = retryOf('1', '1', hello, at);
      for (const later of [0, 5 * MINUTE, 10 * MINUTE]) {
        expect(isFound(first, at, retryOf('1', '2', hello, at + later))).toBe(true);
      }
      expect(isFound(first, at, retryOf('1', '2', hello, at + 10 * MINUTE + 1))).toBe(false);
    },
  );

  it('is another message without a tempId', () => {
    expect(retryOf(undefined, '1', hello, NOW).key).not.toBe(retryOf(undefined, '2', hello, NOW).key);
  });

  it('cannot take the key of what has none, or of the other kind', () => {
    const keys = [undefined, 'id:1', 't:1', 's:1', `id:${'1'.repeat(20)}`].map(
      (tempId) => retryOf(tempId, '1', hello, NOW).key,
    );
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys.slice(1).some((key) => key.startsWith('id:'))).toBe(false);
  });
});
