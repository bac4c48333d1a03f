import { AppError } from '../../kernel/errors.ts';

/** Runs what it is given one after the other. @throws UNAVAILABLE when `maxWaiting` wait already */
export type Turns = <T>(task: () => Promise<T>) => Promise<T>;

export function turns(maxWaiting: number): Turns {
  let taken = 0;
  let last: Promise<unknown> = Promise.resolve();
  return async (task) => {
    if (taken > maxWaiting)
      throw new AppError('UNAVAILABLE', 'Too many files are being looked at. Try again.');
    taken += 1;
    const result = last.then(task);
    last = result.then(
      () => (taken -= 1),
      () => (taken -= 1),
    );
    return await result;
  };
}
