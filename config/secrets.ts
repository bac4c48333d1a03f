/** The secret that signs tokens: made once for development, judged strictly for production. */
import { hkdfSync, randomBytes } from 'node:crypto';
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MIN_LENGTH = 32;
const HOW_TO_MAKE_ONE = 'make one with: openssl rand -hex 32';

/** Values printed in the reference documents, and what people write in their place. */
const SAMPLES = [/^your[-_ ]/i, /change[-_ ]?(me|this|it)/i, /^(super[-_ ]?)?secret/i];

/** Why this text must not sign tokens in production; undefined when it may. Never names the value. */
export function weakness(secret: string): string | undefined {
  if (SAMPLES.some((sample) => sample.test(secret))) {
    return `is a sample value from a document; ${HOW_TO_MAKE_ONE}`;
  }
  if (secret.length < MIN_LENGTH) return `must have at least ${MIN_LENGTH} characters; ${HOW_TO_MAKE_ONE}`;
  return undefined;
}

export const MISSING_SECRET = `is required in production; ${HOW_TO_MAKE_ONE}`;

/**
 * The generated secret of this data directory: 64 hex characters in `jwt-secret`, mode 0600, made by the
 * first caller. Processes that start at the same moment all get the same one.
 * Throws when the directory cannot be written or the file is damaged.
 */
export function keptSecret(dataDir: string): string {
  const file = join(dataDir, 'jwt-secret');
  const kept = read(file) ?? make(dataDir, file);
  if (kept.length < MIN_LENGTH) throw new Error(`${file} is damaged: delete it to have a new one made`);
  return kept;
}

function read(file: string): string | undefined {
  try {
    const secret = readFileSync(file, 'utf8').trim();
    chmodSync(file, 0o600);
    return secret;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function make(dataDir: string, file: string): string {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}-${randomBytes(4).toString('hex')}`;
  writeFileSync(draft, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // link() takes a name only if nobody has it, with the whole content behind it at once.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(draft);
  }
  return readFileSync(file, 'utf8').trim();
}

/** A secret for another purpose that changes when the token secret does, and tells nothing about it. */
const derived = (secret: string, purpose: string): string =>
  Buffer.from(hkdfSync('sha256', secret, '', `realtime-chat ${purpose}`, 32)).toString('hex');

export const refreshSecretOf = (secret: string): string => derived(secret, 'refresh tokens');
export const urlSecretOf = (secret: string): string => derived(secret, 'signed URLs');
