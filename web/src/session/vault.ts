import type { RouteData } from '../../../src/contract.ts';

type Credentials = RouteData<'POST /auth/guest'>;

/** Who this window is. A guest lives and dies with the window; an account is shared by all windows of the browser. */
export interface Identity extends Credentials {
  kind: 'guest' | 'account';
}

const KEY = { guest: 'passerby.guest', account: 'passerby.account' } as const;

const shelf = (kind: Identity['kind']) => (kind === 'guest' ? sessionStorage : localStorage);

/** Storage can be switched off in a browser; then an identity lasts as long as the page. */
function attempt<T>(step: () => T): T | null {
  try {
    return step();
  } catch {
    return null;
  }
}

function readKind(kind: Identity['kind']): Identity | null {
  return attempt(() => {
    const found = JSON.parse(shelf(kind).getItem(KEY[kind]) ?? 'null') as Partial<Identity> | null;
    return found?.token && found.refreshToken && found.user ? ({ ...found, kind } as Identity) : null;
  });
}

export const vault = {
  /** The window's own guest comes first: whoever became a guest here did so on purpose. */
  read: (): Identity | null => readKind('guest') ?? readKind('account'),
  readKind,
  write: (identity: Identity) =>
    attempt(() => shelf(identity.kind).setItem(KEY[identity.kind], JSON.stringify(identity))),
  forget: (kind: Identity['kind']) => attempt(() => shelf(kind).removeItem(KEY[kind])),
};

/** What a reload needs to come back into the same match; per window, and no message is in it. */
export interface Seat {
  matchId: string;
  mode: 'text' | 'audio' | 'video';
}

const SEAT = 'passerby.seat';

export const seatVault = {
  read: (): Seat | null => attempt(() => JSON.parse(sessionStorage.getItem(SEAT) ?? 'null') as Seat | null),
  write: (seat: Seat | null) =>
    attempt(() =>
      seat ? sessionStorage.setItem(SEAT, JSON.stringify(seat)) : sessionStorage.removeItem(SEAT),
    ),
};

/** What windows of this browser share; null where storage is switched off. */
export const sharedShelf = (): Storage | null => attempt(() => localStorage);
