import { hash, verify } from '@node-rs/bcrypt';
import { limits } from './contract.ts';

/** bcrypt in the thread pool: the event loop goes on. */
export interface Passwords {
  /** @param password at most `limits.passwordMaxBytes`; bcrypt reads no further */
  hash(password: string): Promise<string>;
  /** False without a hash, after the same time as with one. */
  matches(password: string, hash: string | null): Promise<boolean>;
}

const COST = 10;

/** @param cost binary logarithm of the rounds; tests take the least, 4 */
export function createPasswords(cost = COST): Passwords {
  // Well-formed, and nobody's: the work of comparing is that of a real one.
  const nobodys = `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`;
  return {
    hash: (password) => hash(password, cost),
    async matches(password, stored) {
      // bcrypt would take a longer one for equal to its first 72 bytes.
      const tooLong = Buffer.byteLength(password) > limits.passwordMaxBytes;
      const equal = await verify(password.slice(0, limits.passwordMaxBytes), stored ?? nobodys);
      return equal && stored !== null && !tooLong;
    },
  };
}
