/**
 * How the text of one variable becomes a value. Each parser carries one reason, written so that it can
 * follow the variable's name: `PORT: must be a whole number from 0 to 65535`.
 */
import { isIP } from 'node:net';
import { z } from 'zod';

/** Text in, `T` out; `undefined` from `read` means that the text is not acceptable, for `reason`. */
export type Parser<T> = z.ZodType<T, string>;

function parser<T>(reason: string, read: (text: string) => T | undefined): Parser<T> {
  return z.string().transform((text, context): T => {
    const value = read(text);
    if (value === undefined) {
      context.addIssue({ code: 'custom', message: reason });
      return z.NEVER;
    }
    return value;
  });
}

/** Node's timers hold a signed 32-bit number of milliseconds; more fires at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

export const text: Parser<string> = z.string();

export function oneOf<const T extends string>(...allowed: T[]): Parser<T> {
  return parser(`must be one of ${allowed.join(', ')}`, (given) => allowed.find((word) => word === given));
}

export function integer(min: number, max: number): Parser<number> {
  return parser(`must be a whole number from ${min} to ${max}`, (given) => {
    const value = /^\d{1,16}$/.test(given) ? Number(given) : NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

export function milliseconds(min: number): Parser<number> {
  return integer(min, LONGEST_TIMER_MS);
}

export const boolean: Parser<boolean> = parser('must be true or false', (given) => {
  const word = given.toLowerCase();
  if (['true', '1', 'yes', 'on'].includes(word)) return true;
  return ['false', '0', 'no', 'off'].includes(word) ? false : undefined;
});

const SECONDS_PER_UNIT: Record<string, number> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `7d`, `24h`, `15m`, `90s`, or plain seconds; gives seconds. */
export const duration: Parser<number> = parser(
  'must be a time such as 7d, 24h, 15m or 3600 (seconds)',
  (given) => {
    const [, amount, unit = ''] = /^(\d{1,9}) ?([smhdw]?)$/.exec(given.toLowerCase()) ?? [];
    const seconds = Number(amount) * (SECONDS_PER_UNIT[unit] ?? NaN);
    return seconds > 0 ? seconds : undefined;
  },
);

/** Splits at commas and keeps what is not blank; undefined as soon as `read` refuses one part. */
function each<T>(given: string, read: (part: string) => T | undefined): T[] | undefined {
  const parts = given.split(',').map((part) => part.trim());
  const values = parts.filter((part) => part !== '').map(read);
  return values.some((value) => value === undefined) ? undefined : (values as T[]);
}

/** An origin as browsers send it: scheme and host in lower case, no default port, no slash. */
function origin(given: string): string | undefined {
  if (given === '*') return given;
  const [, scheme, host] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#@*\s]+)\/?$/i.exec(given) ?? [];
  if (scheme === undefined || host === undefined || !URL.canParse(given)) return undefined;
  // Browsers give app schemes (capacitor://localhost) no origin of their own in URL: build it by hand.
  return /^https?$/i.test(scheme) ? new URL(given).origin : `${scheme}://${host}`.toLowerCase();
}

export const origins: Parser<string[]> = parser(
  'must be origins such as https://chat.example.org, separated by commas',
  (given) => {
    const all = each(given, origin);
    return all && [...new Set(all)];
  },
);

export const emails: Parser<string[]> = parser('must be e-mail addresses, separated by commas', (given) =>
  each(given, (part) => (/^[^\s@]+@[^\s@]+$/.test(part) ? part.toLowerCase() : undefined)),
);

/** A comma-separated list of addresses that begin with one of the schemes, as they stand. */
export function addresses(example: string, ...schemes: string[]): Parser<string[]> {
  const begins = new RegExp(`^(${schemes.join('|')}):\\S+$`, 'i');
  return parser(`must be addresses such as ${example}, separated by commas`, (given) =>
    each(given, (part) => (begins.test(part) ? part : undefined)),
  );
}

/** One address with a host, that begins with one of the schemes. */
export function url(example: string, ...schemes: string[]): Parser<string> {
  // Several hosts (mongodb://a,b/db) are no URL to the WHATWG parser: only the beginning is checked.
  const begins = new RegExp(`^(${schemes.join('|')})://[^\\s/]+\\S*$`, 'i');
  return parser(`must be an address such as ${example}`, (given) => (begins.test(given) ? given : undefined));
}

export const nodeId: Parser<string> = parser('must be 1 to 6 characters of a-z and 0-9', (given) =>
  /^[a-z0-9]{1,6}$/.test(given) ? given : undefined,
);

const PROXY_NAMES = ['loopback', 'linklocal', 'uniquelocal'];

function proxy(given: string): string | undefined {
  const [address = '', bits, ...rest] = given.split('/');
  const version = isIP(address);
  const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  return PROXY_NAMES.includes(given) || (version !== 0 && fits && rest.length === 0) ? given : undefined;
}

/** Express' `trust proxy`: a flag, a number of hops, or names and networks. */
export const trustProxy: Parser<string | boolean | number> = parser(
  'must be true, false, a number of proxies, or a list of loopback, linklocal, uniquelocal, addresses and networks',
  (given) => {
    if (given === 'true' || given === 'false') return given === 'true';
    if (/^\d{1,2}$/.test(given)) return Number(given);
    return each(given, proxy)?.join(', ');
  },
);
