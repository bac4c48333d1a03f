import type { RouteBody, RouteData, RouteName } from '../../../src/contract.ts';
import { ApiError, type CallArgs, callApi, unreachable } from '../net/api.ts';
import { createStore, type Store } from '../store.ts';
import { type Identity, seatVault, vault } from './vault.ts';

/** Why the first screen is shown again, or what happened to the identity meanwhile. */
export type SessionNews = 'ended' | 'expired' | 'new-guest';

export interface SessionState {
  identity: Identity | null;
  news: SessionNews | null;
  /** Counts deliberate changes of who this window is. Renewing a token is none. */
  epoch: number;
}

/** `replaced`: the guest was gone and is another one now. `ended`: back to the first screen. */
export type Renewal = 'renewed' | 'replaced' | 'ended' | 'unreachable';

export interface Session {
  readonly store: Store<SessionState>;
  /** @throws ApiError */
  startAsGuest(): Promise<void>;
  /** @throws ApiError */
  signIn(body: RouteBody<'POST /auth/login'>): Promise<void>;
  /** @throws ApiError */
  register(body: RouteBody<'POST /auth/register'>): Promise<void>;
  /** Forgets the identity here at once and tells the server, whatever it answers. */
  signOut(): void;
  /** After `rejected` was refused or is about to expire. Calls that overlap share one renewal. */
  renew(rejected: string, options: { replaceGuest: boolean }): Promise<Renewal>;
  /** Whether the server still knows us, after it closed the connection. Renews an expired token on the way. */
  check(): Promise<'alive' | 'replaced' | 'ended' | 'unreachable'>;
  /** Calls a route as this identity; a refused token is renewed once. @throws ApiError */
  call<R extends RouteName>(route: R, ...options: CallArgs<R>): Promise<RouteData<R>>;
  /** Runs a step with the token of this identity; where that is refused, once more with a renewed one. @throws ApiError */
  withToken<T>(step: (token: string | undefined) => Promise<T>): Promise<T>;
  end(news: SessionNews): void;
  dismissNews(): void;
}

export function createSession(): Session {
  const store = createStore<SessionState>({ identity: vault.read(), news: null, epoch: 0 });
  let renewing: Promise<Renewal> | null = null;

  const change = (patch: Partial<SessionState>) => store.set({ ...store.get(), ...patch });

  function adopt(identity: Identity, news: SessionNews | null, deliberate: boolean): void {
    vault.write(identity);
    change({ identity, news, epoch: store.get().epoch + (deliberate ? 1 : 0) });
  }

  function end(news: SessionNews | null): void {
    const { identity } = store.get();
    if (identity) vault.forget(identity.kind);
    seatVault.write(null);
    change({ identity: null, news, epoch: store.get().epoch + 1 });
  }

  async function becomeGuest(news: SessionNews | null, deliberate: boolean): Promise<void> {
    const credentials = await callApi('POST /auth/guest', undefined, { body: {} });
    adopt({ ...credentials, kind: 'guest' }, news, deliberate);
  }

  async function becomeAccount(credentials: RouteData<'POST /auth/login'>): Promise<void> {
    vault.forget('guest');
    seatVault.write(null);
    adopt({ ...credentials, kind: 'account' }, null, true);
  }

  async function renewNow(rejected: string, replaceGuest: boolean): Promise<Renewal> {
    const current = store.get().identity;
    if (!current) return 'ended';
    const stored = vault.readKind(current.kind) ?? current;
    if (stored.token !== rejected && stored.user.id === current.user.id) {
      change({ identity: stored });
      return 'renewed';
    }
    try {
      const credentials = await callApi('POST /auth/refresh', undefined, {
        body: { refreshToken: current.refreshToken },
      });
      adopt({ ...credentials, kind: current.kind }, store.get().news, false);
      return 'renewed';
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) return 'unreachable';
    }
    const expired =
      current.user.expiresAt !== null && Date.parse(current.user.expiresAt) <= Date.now() + 60_000;
    if (current.kind === 'account' || !(replaceGuest || expired)) {
      end(expired ? 'expired' : 'ended');
      return 'ended';
    }
    try {
      await becomeGuest('new-guest', false);
      return 'replaced';
    } catch {
      return 'unreachable';
    }
  }

  async function renew(rejected: string, { replaceGuest }: { replaceGuest: boolean }): Promise<Renewal> {
    // Two windows of one account must not use one refresh token twice: that would look like theft and end the session.
    const guarded = () =>
      'locks' in navigator
        ? navigator.locks.request('passerby.renew', () => renewNow(rejected, replaceGuest))
        : renewNow(rejected, replaceGuest);
    renewing ??= guarded().finally(() => (renewing = null));
    return renewing;
  }

  async function withToken<T>(step: (token: string | undefined) => Promise<T>): Promise<T> {
    const token = store.get().identity?.token;
    try {
      return await step(token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || token === undefined) throw error;
      const renewal = await renew(token, { replaceGuest: false });
      if (renewal === 'renewed') return step(store.get().identity?.token);
      throw renewal === 'unreachable' ? unreachable() : error;
    }
  }

  const call = <R extends RouteName>(route: R, ...options: CallArgs<R>): Promise<RouteData<R>> =>
    withToken((token) => callApi(route, token, ...options));

  return {
    store,
    renew,
    call,
    withToken,
    end,
    dismissNews: () => change({ news: null }),
    startAsGuest: () => becomeGuest(null, true),
    signIn: async (body) => becomeAccount(await callApi('POST /auth/login', undefined, { body })),
    register: async (body) => becomeAccount(await callApi('POST /auth/register', undefined, { body })),
    signOut() {
      const token = store.get().identity?.token;
      end(null);
      void callApi('POST /auth/logout', token).catch(() => {
        // The identity is forgotten here in any case; on the server it ends by itself.
      });
    },
    async check() {
      const before = store.get().identity?.user.id;
      try {
        const { user } = await call('GET /auth/me');
        const { identity } = store.get();
        if (identity) adopt({ ...identity, user }, store.get().news, false);
        return 'alive';
      } catch (error) {
        const { identity } = store.get();
        if (!identity) return 'ended';
        if (identity.user.id !== before) return 'replaced';
        if (error instanceof ApiError && error.status === 401) {
          end('ended');
          return 'ended';
        }
        return 'unreachable';
      }
    },
  };
}
