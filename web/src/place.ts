import { createStore, type Store } from './store.ts';

/** Which view is shown. It stands in the address, so that the browser's back button and a reload keep to it. */
export type Place = { readonly view: 'meet' } | { readonly view: 'talk'; readonly chatId: string | null };

const TALK = /^#talk(?:\/(.+))?$/;

function read(): Place {
  const found = TALK.exec(location.hash);
  if (!found) return { view: 'meet' };
  try {
    return { view: 'talk', chatId: found[1] === undefined ? null : decodeURIComponent(found[1]) };
  } catch {
    return { view: 'talk', chatId: null };
  }
}

const addressOf = (place: Place): string => {
  if (place.view === 'meet') return location.pathname;
  return place.chatId === null ? '#talk' : `#talk/${encodeURIComponent(place.chatId)}`;
};

export interface Places {
  readonly store: Store<Place>;
  /** `replace`: the back button shall not return to where one is now. */
  go(place: Place, options?: { replace?: boolean }): void;
  start(): void;
  stop(): void;
}

export function createPlaces(): Places {
  const store = createStore<Place>(read());
  const follow = () => store.set(read());
  return {
    store,
    go(place, { replace = false } = {}) {
      history[replace ? 'replaceState' : 'pushState'](null, '', addressOf(place));
      store.set(place);
    },
    start: () => addEventListener('popstate', follow),
    stop: () => removeEventListener('popstate', follow),
  };
}
