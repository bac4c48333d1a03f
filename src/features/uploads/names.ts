import { AppError } from '../../kernel/errors.ts';
import { cleaned } from '../../kernel/schemas.ts';
import { limits } from './contract.ts';

/** Turn the order of what follows around: `exe.gpj` would be shown as `jpg.exe`. */
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A file's name as others are shown it.
 * @throws BAD_INPUT for none, a path, or one that is too long
 */
export function fileName(given: string): string {
  const name = cleaned(given)
    .replace(DIRECTIONS, '')
    .replace(/[\n\t]/g, ' ')
    .trim();
  const problem =
    name === ''
      ? 'must have a name'
      : /[/\\]/.test(given) || name === '.' || name === '..'
        ? 'must be a name without a path'
        : name.length > limits.nameLength
          ? `must have at most ${limits.nameLength} characters`
          : null;
  if (problem !== null) throw new AppError('BAD_INPUT', `The file’s name ${problem}.`, { filename: problem });
  return name;
}
