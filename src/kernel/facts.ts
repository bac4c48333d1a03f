/** Typed in-process announcements between features: `facts.announce('user.blocked', …)`. They reach this worker only. */
export interface Facts<M extends object> {
  /** Resolves when every listener is done; the first rejection rejects it after all have run. */
  announce<F extends keyof M & string>(fact: F, body: M[F]): Promise<void>;
  on<F extends keyof M & string>(fact: F, listener: (body: M[F]) => void | Promise<void>): void;
}

export function createFacts<M extends object>(): Facts<M> {
  const listeners = new Map<string, ((body: never) => void | Promise<void>)[]>();
  return {
    async announce(fact, body) {
      const results = await Promise.allSettled(
        (listeners.get(fact) ?? []).map(async (listener) => listener(body as never)),
      );
      const failed = results.find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    },
    on(fact, listener) {
      listeners.set(fact, [
        ...(listeners.get(fact) ?? []),
        listener as (body: never) => void | Promise<void>,
      ]);
    },
  };
}
