/** So much is done or asked about in one step: Redis does nothing else meanwhile. */
export const BATCH = 500;

/** Many at a time, never all. */
export async function inBatches<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let n = 0; n < items.length; n += BATCH) {
    await Promise.all(items.slice(n, n + BATCH).map(work));
  }
}
