import { expect, test } from 'vitest';
import { createSignedUrls } from '../../src/kernel/signed-urls.ts';
import { fakeClock } from '../contracts/fake-clock.ts';

const HOUR_MS = 3_600_000;

const queryOf = (url: string) => Object.fromEntries(new URL(url, 'http://localhost').searchParams);

test('a signed path works for one to two hours, as it is and for nothing else', () => {
  const clock = fakeClock(Date.UTC(2026, 0, 1, 12, 20));
  const urls = createSignedUrls(['secret'], clock, HOUR_MS);
  const { url, expiresAt } = urls.sign('/uploads/1');
  expect(expiresAt).toBe(Date.UTC(2026, 0, 1, 14));
  const query = queryOf(url);
  expect(urls.isSigned('/uploads/1', query)).toBe(true);
  expect(urls.isSigned('/uploads/2', query)).toBe(false);
  expect(urls.isSigned('/uploads/1', { ...query, expires: String(expiresAt / 1_000 + 1) })).toBe(false);
  for (const signature of ['', 'x', `${query['signature']}A`, ['x'], undefined, { $ne: '' }]) {
    expect(urls.isSigned('/uploads/1', { ...query, signature })).toBe(false);
  }
  for (const expires of ['', '1e99', '-1', 'NaN', ['1'], undefined]) {
    expect(urls.isSigned('/uploads/1', { ...query, expires })).toBe(false);
  }

  clock.advance(39 * 60_000);
  expect(urls.sign('/uploads/1').url).toBe(url);
  clock.advance(60_000);
  expect(urls.sign('/uploads/1').url).not.toBe(url);
  clock.advance(HOUR_MS - 1);
  expect(urls.isSigned('/uploads/1', query)).toBe(true);
  clock.advance(1);
  expect(urls.isSigned('/uploads/1', query)).toBe(false);
});

test('what was signed by a secret of before counts on, and nobody else’s does', () => {
  const clock = fakeClock();
  const query = queryOf(createSignedUrls(['before'], clock, HOUR_MS).sign('/uploads/1').url);
  expect(createSignedUrls(['now', 'before'], clock, HOUR_MS).isSigned('/uploads/1', query)).toBe(true);
  expect(createSignedUrls(['now'], clock, HOUR_MS).isSigned('/uploads/1', query)).toBe(false);
});
