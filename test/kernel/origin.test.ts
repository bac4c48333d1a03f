import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { originAllowed } from '../../src/kernel/origin.ts';

const LISTED = ['https://chat.example.org', 'http://localhost:3000'];

it.each([
  { says: 'no page at all', origin: undefined, passes: true },
  { says: 'a listed one', origin: 'https://chat.example.org', passes: true },
  { says: 'our own', origin: 'http://me.example:3001', passes: true },
  { says: 'our own behind TLS', origin: 'https://me.example:3001', passes: true },
  { says: 'a foreign one', origin: 'https://evil.example', passes: false },
  { says: 'another port', origin: 'http://me.example:3002', passes: false },
  { says: 'another scheme of a listed one', origin: 'http://chat.example.org', passes: false },
  {
    says: 'one that begins like a listed one',
    origin: 'https://chat.example.org.evil.example',
    passes: false,
  },
  { says: 'one that ends like ours', origin: 'http://evil-me.example:3001', passes: false },
  { says: 'ours as a name in front', origin: 'http://me.example:3001@evil.example', passes: false },
  { says: 'a sandboxed page', origin: 'null', passes: false },
  { says: 'nonsense', origin: '%%', passes: false },
  { says: 'nothing', origin: '', passes: false },
])('an origin that is $says', ({ origin, passes }) => {
  const request = (host: string | undefined) => ({ headers: { origin, host } }) as IncomingMessage;
  expect(originAllowed(request('me.example:3001'), LISTED)).toBe(passes);
  expect(originAllowed(request('me.example:3001'), ['*'])).toBe(true);
});

it('a request that names no host has no origin of its own', () => {
  const request = { headers: { origin: 'null' } } as IncomingMessage;
  expect(originAllowed(request, [])).toBe(false);
});
