import type { ChatSocket } from '../net/socket.ts';
import type { Session } from '../session/session.ts';
import type { State } from './state.ts';

interface Deps {
  socket: ChatSocket;
  session: Session;
  onLink(link: State['link']): void;
  /** The guest we were is gone; the connection goes on as a new one. */
  onReplaced(): void;
}

export interface LinkHandle {
  open(): void;
  /** After `closed`: the user wants to try again. */
  reopen(): void;
  close(): void;
}

const RETRY_MS = 4_000;
/** A server that closes us twice within this time means it. */
const CLOSED_AGAIN_MS = 15_000;
const RENEW_MARGIN_MS = 60_000;
const MIN_RENEW_MS = 30_000;
/** Longest delay a browser's timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Keeps the socket connected as long as there is an identity. A lost transport is socket.io's own affair; this file adds
 * what it does not do: a refused token is renewed once, a server-side disconnect leads to asking whether the session
 * still lives, and a token is renewed before it ends under a live socket.
 */
export function keepLink({ socket, session, onLink, onReplaced }: Deps): LinkHandle {
  let renewed = false;
  let closedAt = Number.NEGATIVE_INFINITY;
  let wanted = false;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let renewal: ReturnType<typeof setTimeout> | undefined;

  function connect(delayMs = 0): void {
    clearTimeout(retry);
    retry = setTimeout(() => wanted && socket.connect(), delayMs);
  }

  function rest(): void {
    onLink('closed');
  }

  async function refused(): Promise<void> {
    const token = session.store.get().identity?.token;
    if (token === undefined) return;
    if (renewed) return session.end('ended');
    renewed = true;
    const outcome = await session.renew(token, { replaceGuest: true });
    if (outcome === 'replaced') onReplaced();
    if (outcome === 'unreachable') renewed = false;
    if (outcome !== 'ended') connect(outcome === 'unreachable' ? RETRY_MS : 0);
  }

  async function thrownOut(): Promise<void> {
    const again = performance.now() - closedAt < CLOSED_AGAIN_MS;
    closedAt = performance.now();
    const verdict = await session.check();
    if (verdict === 'ended') return;
    if (verdict === 'replaced') onReplaced();
    if (verdict === 'alive' && again) return rest();
    connect(verdict === 'unreachable' ? RETRY_MS : 0);
  }

  /** A socket ends with its token, so a new one is shown to the server in time. A guest's end cannot be put off. */
  function planRenewal(): void {
    clearTimeout(renewal);
    const identity = session.store.get().identity;
    if (!identity || (identity.user.expiresAt && identity.expiresAt >= identity.user.expiresAt)) return;
    const delay = Math.max(Date.parse(identity.expiresAt) - Date.now() - RENEW_MARGIN_MS, MIN_RENEW_MS);
    renewal = setTimeout(() => void renewNow(identity.token), Math.min(delay, MAX_TIMER_MS));
  }

  async function renewNow(token: string): Promise<void> {
    if ((await session.renew(token, { replaceGuest: false })) === 'renewed') {
      const fresh = session.store.get().identity?.token;
      if (fresh !== undefined && socket.connected) socket.emit('authenticate', { token: fresh });
    }
    if (wanted) planRenewal();
  }

  socket.on('connect', () => {
    renewed = false;
    planRenewal();
    onLink('up');
  });
  socket.on('disconnect', (reason) => {
    clearTimeout(renewal);
    if (!wanted) return;
    onLink('lost');
    if (reason === 'io server disconnect') void thrownOut();
  });
  socket.on('connect_error', (error) => {
    if (!wanted) return;
    onLink('lost');
    // Active: the transport failed and socket.io tries again by itself.
    if (socket.active) return;
    const code = (error as Error & { data?: { code?: string } }).data?.code;
    if (code === 'UNAUTHENTICATED') void refused();
    else connect(RETRY_MS);
  });

  return {
    open() {
      wanted = true;
      connect();
    },
    reopen() {
      onLink('connecting');
      connect();
    },
    close() {
      wanted = false;
      clearTimeout(retry);
      clearTimeout(renewal);
      socket.disconnect();
    },
  };
}
