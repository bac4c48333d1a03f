import { createHmac, timingSafeEqual } from 'node:crypto';

/** Makes paths that work without a token for a time, in `<img>` and `<audio>`. */
export interface SignedUrls {
  /** The same text for everybody, and for a while, so that browsers keep what is behind it. */
  sign(path: string): { readonly url: string; readonly expiresAt: number };
  /** Of this very path, in time. */
  isSigned(path: string, query: Readonly<Record<string, unknown>>): boolean;
}

/** 128 bits. */
const SIGNATURE_BYTES = 16;

/**
 * @param secrets the first signs, each counts: a secret can be replaced
 * @param forMs a URL works at least so long, and at most twice as long
 */
export function createSignedUrls(
  secrets: readonly [string, ...string[]],
  clock: { now(): number },
  forMs: number,
): SignedUrls {
  const signature = (secret: string, path: string, expires: string) =>
    createHmac('sha256', secret)
      .update(`${path}\n${expires}`)
      .digest()
      .subarray(0, SIGNATURE_BYTES)
      .toString('base64url');

  return {
    sign(path) {
      const expiresAt = (Math.floor(clock.now() / forMs) + 2) * forMs;
      const expires = String(expiresAt / 1_000);
      const url = `${path}?expires=${expires}&signature=${signature(secrets[0], path, expires)}`;
      return { url, expiresAt };
    },

    isSigned(path, { expires, signature: claimed }) {
      if (typeof expires !== 'string' || typeof claimed !== 'string') return false;
      if (!/^[0-9]{1,12}$/.test(expires) || Number(expires) * 1_000 <= clock.now()) return false;
      // The text, not the bytes that it means: those have more than one.
      const given = Buffer.from(claimed);
      return secrets.some((secret) => {
        const expected = Buffer.from(signature(secret, path, expires));
        return given.length === expected.length && timingSafeEqual(given, expected);
      });
    },
  };
}
