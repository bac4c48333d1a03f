import { ApiError } from '../net/api.ts';
import { createStore, type Store } from '../store.ts';
import type { Uploaded } from './attached.ts';

/** An upload with an address that may work. `attempt` changes when it is to be loaded again, maybe from the same address. */
export interface Fresh {
  readonly upload: Uploaded;
  readonly attempt: number;
  readonly gone: boolean;
}

/** Signed addresses expire; this asks for new ones. */
export interface Links {
  readonly store: Store<Readonly<Record<string, Fresh>>>;
  /** Loading failed. Asks once; when the answer's address fails at once too, the upload is gone. */
  failed(upload: Uploaded, attempt: number): void;
  /** The connection is back: what failed without one is tried again. */
  again(): void;
  /** With an address that has not expired, where one can be had: for what is loaded only when the user asks. */
  usable(upload: Uploaded): Promise<Uploaded>;
}

interface Deps {
  /** @throws ApiError */
  ask(id: string): Promise<Uploaded>;
  now(): number;
}

/** What fails so soon after it was asked for fails for good. */
const PATIENCE_MS = 30_000;

/** What is known best: a message may bring a newer address than the one that was asked for. */
export function newest(upload: Uploaded, known: Fresh | undefined): Fresh {
  if (known?.gone || (known && known.upload.expiresAt >= upload.expiresAt)) return known;
  return { upload, attempt: known?.attempt ?? 0, gone: false };
}

export function createLinks({ ask, now }: Deps): Links {
  const store = createStore<Readonly<Record<string, Fresh>>>({});
  const asking = new Map<string, Promise<void>>();
  const askedAt = new Map<string, number>();
  /** Not answered. */
  const stuck = new Map<string, Uploaded>();

  function renew(upload: Uploaded): Promise<void> {
    const { id } = upload;
    const already = asking.get(id);
    if (already) return already;
    const put = (next: Omit<Fresh, 'attempt'>) => {
      const attempt = (store.get()[id]?.attempt ?? 0) + 1;
      store.set({ ...store.get(), [id]: { ...next, attempt } });
    };
    stuck.delete(id);
    askedAt.set(id, now());
    const renewing = ask(id)
      .then(
        (fresh) => put({ upload: fresh, gone: false }),
        (error: unknown) => {
          if (!(error instanceof ApiError)) throw error;
          if (error.status >= 400 && error.status < 500 && error.code !== 'RATE_LIMITED')
            put({ upload, gone: true });
          else stuck.set(id, upload);
        },
      )
      .finally(() => asking.delete(id));
    asking.set(id, renewing);
    return renewing;
  }

  return {
    store,
    failed(upload, attempt) {
      const { id } = upload;
      const known = store.get()[id];
      if (known && (known.gone || known.attempt > attempt)) return;
      const isAsked = known !== undefined && known.upload.expiresAt >= upload.expiresAt;
      if (isAsked && now() - (askedAt.get(id) ?? 0) < PATIENCE_MS)
        store.set({ ...store.get(), [id]: { ...known, gone: true } });
      else void renew(upload);
    },
    again() {
      for (const upload of [...stuck.values()]) void renew(upload);
    },
    async usable(upload) {
      const best = newest(upload, store.get()[upload.id]);
      if (!best.gone && Date.parse(best.upload.expiresAt) <= now()) await renew(best.upload);
      return newest(upload, store.get()[upload.id]).upload;
    },
  };
}
