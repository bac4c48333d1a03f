import { ApiError } from '../net/api.ts';
import { createStore, type Store } from '../store.ts';
import type { Attached, Uploaded } from './attached.ts';
import { type Item, keyOf, reduce, type Target, type TrayEvent, type Trays } from './tray.ts';
import { whyNot } from './words.ts';

/** What the user attaches: chosen, looked at, uploaded one after the other, and handed over as messages. */
export interface Uploads {
  readonly store: Store<Trays>;
  /** Shown until the user sends them. Null, or why some were left out. */
  choose(to: Target, files: readonly File[]): string | null;
  /** Uploads what was chosen; the words go with the first. */
  release(to: Target, caption: string): void;
  /** Uploaded at once. */
  sendVoice(to: Target, note: Recorded): void;
  retry(to: Target, id: string): void;
  /** Takes it away in whatever state it is; nothing of it stays on the server. */
  remove(to: Target, id: string): void;
  /** There is nobody to send to any more. */
  clear(to: Target): void;
  stop(): void;
}

export interface Recorded {
  readonly blob: Blob;
  readonly name: string;
  readonly durationMs: number;
}

export interface Post {
  /** Names the route and its field. */
  kind: 'file' | 'voice';
  blob: Blob;
  name: string;
  /** From 0 to 1. At 1 the server has everything and looks at it. */
  onShare(share: number): void;
  signal: AbortSignal;
}

interface Deps {
  /** @throws ApiError */
  post(what: Post): Promise<Uploaded>;
  /** Removes an upload that nobody is to get. */
  discard(id: string): void;
  /** False: there is nobody to hand it to. */
  deliver(to: Target, attached: Attached, caption: string): boolean;
  newId(): string;
  previews: { make(file: File): string | null; drop(preview: string): void };
}

/** In one tray; as many as the server takes in an hour. */
export const MOST_ITEMS = 10;
const LONGEST_NAME = 200;

export function createUploads({ post, discard, deliver, newId, previews }: Deps): Uploads {
  const store = createStore<Trays>({});
  const dispatch = (event: TrayEvent) => store.set(reduce(store.get(), event));
  const blobs = new Map<string, Blob>();
  /** What is being uploaded, by tray. */
  const running = new Map<string, { id: string; abort: AbortController }>();

  const itemsOf = (to: Target): readonly Item[] => store.get()[keyOf(to)] ?? [];

  function forget(item: Item): void {
    blobs.delete(item.id);
    if (item.preview !== null) previews.drop(item.preview);
  }

  function take(to: Target, item: Item): void {
    dispatch({ type: 'gone', key: keyOf(to), id: item.id });
    forget(item);
  }

  async function upload(to: Target, item: Item, abort: AbortController): Promise<void> {
    const { id, kind, name, caption } = item;
    const key = keyOf(to);
    const step = (share: number) =>
      !abort.signal.aborted && dispatch({ type: 'step', key, id, step: { at: 'sending', share } });
    step(0);
    try {
      const done = await post({ kind, name, blob: blobs.get(id)!, onShare: step, signal: abort.signal });
      if (abort.signal.aborted) return discard(done.id);
      if (!deliver(to, { kind, upload: done }, caption)) discard(done.id);
      take(to, item);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      dispatch({ type: 'step', key, id, step: { at: 'failed', ...whyNot(error) } });
    }
  }

  async function drain(to: Target): Promise<void> {
    const key = keyOf(to);
    if (running.has(key)) return;
    for (;;) {
      const item = itemsOf(to).find(({ step }) => step.at === 'waiting');
      if (!item) return;
      const abort = new AbortController();
      running.set(key, { id: item.id, abort });
      await upload(to, item, abort).finally(() => running.delete(key));
    }
  }

  function add(to: Target, item: Omit<Item, 'id' | 'caption'>, blob: Blob): void {
    const id = newId();
    blobs.set(id, blob);
    dispatch({ type: 'added', key: keyOf(to), items: [{ ...item, id, caption: '' }] });
  }

  function clear(to: Target): void {
    const items = itemsOf(to);
    running.get(keyOf(to))?.abort.abort();
    dispatch({ type: 'cleared', key: keyOf(to) });
    for (const item of items) forget(item);
  }

  return {
    store,
    clear,
    choose(to, files) {
      const room = Math.max(0, MOST_ITEMS - itemsOf(to).length);
      for (const file of files.slice(0, room)) {
        const { size } = file;
        const name = shortened(file.name);
        const preview = previews.make(file);
        add(to, { kind: 'file', name, size, preview, durationMs: null, step: { at: 'chosen' } }, file);
      }
      return files.length > room ? `At most ${MOST_ITEMS} files at a time; the rest was left out.` : null;
    },
    release(to, caption) {
      dispatch({ type: 'released', key: keyOf(to), caption });
      void drain(to);
    },
    sendVoice(to, { blob, name, durationMs }) {
      const { size } = blob;
      add(to, { kind: 'voice', name, size, preview: null, durationMs, step: { at: 'waiting' } }, blob);
      void drain(to);
    },
    retry(to, id) {
      dispatch({ type: 'step', key: keyOf(to), id, step: { at: 'waiting' } });
      void drain(to);
    },
    remove(to, id) {
      const item = itemsOf(to).find((other) => other.id === id);
      if (!item) return;
      const current = running.get(keyOf(to));
      if (current?.id === id) current.abort.abort();
      take(to, item);
    },
    stop() {
      for (const { abort } of running.values()) abort.abort();
      for (const items of Object.values(store.get())) for (const item of items) forget(item);
      store.set({});
    },
  };
}

/** As long as the server takes a name, with its extension. */
function shortened(name: string): string {
  if (name.length <= LONGEST_NAME) return name;
  const extension = /\.\w{1,10}$/.exec(name)?.[0] ?? '';
  return name.slice(0, LONGEST_NAME - extension.length) + extension;
}
