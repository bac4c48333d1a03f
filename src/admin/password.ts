import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { Writable, type Readable } from 'node:stream';

export interface Terminal {
  readonly input: Readable & { readonly isTTY?: boolean };
  /** Where questions are shown; the answers are not. */
  readonly output: Writable;
}

export interface ChosenPassword {
  readonly password: string;
  /** Nobody has seen it yet. */
  readonly generated: boolean;
}

/** 108 bits of chance; the prefix makes sure of a letter and a digit. */
const generated = (): ChosenPassword => ({
  password: `p1${randomBytes(15).toString('base64url').slice(0, 18)}`,
  generated: true,
});

/**
 * On a terminal asks twice, without showing it; nothing typed makes one by chance. Elsewhere takes the first line of the
 * input when `fromInput`, and makes one by chance otherwise.
 * @throws when the two differ, the input has no line, or the operator gives up (Ctrl-C, Ctrl-D)
 */
export async function choosePassword(
  { input, output }: Terminal,
  fromInput: boolean,
): Promise<ChosenPassword> {
  if (input.isTTY) return askedTwice(input, output);
  if (!fromInput) return generated();
  for await (const line of createInterface({ input })) return { password: line, generated: false };
  throw new Error('--password-stdin: the input is empty');
}

async function askedTwice(input: Readable, output: Writable): Promise<ChosenPassword> {
  // What is typed would be echoed there.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output: nowhere, terminal: true });
  const givenUp = new AbortController();
  lines.once('close', () => givenUp.abort());
  const ask = async (question: string) => {
    output.write(question);
    try {
      return await lines.question('', { signal: givenUp.signal });
    } catch {
      throw new Error('Given up; nothing was changed.');
    } finally {
      output.write('\n');
    }
  };
  try {
    const password = await ask('Password (nothing: one is made): ');
    if (password === '') return generated();
    if ((await ask('The same again: ')) !== password) throw new Error('The two differ; nothing was changed.');
    return { password, generated: false };
  } finally {
    lines.close();
  }
}
