import type { PushBody } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';
import { type Call, createCall } from '../call/call.ts';
import { MediaError } from '../call/media.ts';
import { type ChatSocket, createSocket, request } from '../net/socket.ts';
import { readPreferences, toOptions, writePreferences, type Preferences } from '../session/preferences.ts';
import type { Session } from '../session/session.ts';
import { seatVault } from '../session/vault.ts';
import { createStore, type Store } from '../store.ts';
import { type LinkHandle, keepLink } from './link.ts';
import { createModeration, type Moderation } from './moderation.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { reduce } from './reduce.ts';
import { createSearch } from './search.ts';
import { type Event, initialState, type Match, type State } from './state.ts';

/** One identity's connection, search and pair: what the screens show, and what their buttons do. */
export interface Live extends Moderation {
  readonly store: Store<State>;
  /** The one connection of this window; the conversations use it too. */
  readonly socket: ChatSocket;
  readonly call: Call;
  start(): void;
  stop(): void;
  /** Opens the devices that the mode needs, then searches. */
  seek(preferences: Preferences): Promise<void>;
  /** From a match or after one: on to another partner. */
  next(): void;
  /** Back to the options, out of whatever is going on. */
  leave(): void;
  send(text: string): void;
  sendUpload: Outbox['sendUpload'];
  resend(id: number): void;
  clear(): void;
  reconnect(): void;
  dismiss(): void;
}

/** The server looks at a silent old connection for 2 s and lets 1 s pass before it gives a seat back. */
const RETURN_DEADLINE_MS = 5_000;
/** For 5 s after a resume `user:match` answers that match instead of skipping it. */
const RESUME_STICKY_MS = 6_000;

export function createLive(session: Session): Live {
  const seat = seatVault.read();
  const preferences = readPreferences();
  const store = createStore<State>(
    initialState(seat ? { ...preferences, mode: seat.mode } : preferences, seat !== null),
  );
  const dispatch = (event: Event) => store.set(reduce(store.get(), event));
  let entryIds = 0;
  const entryId = () => ++entryIds;

  /** The match whose seat a (re)connection asks for. */
  let seatId: string | null = seat?.matchId ?? null;
  /** Left while the server could not hear it: not to be taken up again. */
  let abandoned: string | null = null;
  let resumedAt = Number.NEGATIVE_INFINITY;
  /** Counts decisions of the user, so that devices granted too late start no search. */
  let turn = 0;
  let returnTimer: ReturnType<typeof setTimeout> | undefined;

  const socket = createSocket(() => ({
    token: session.store.get().identity?.token ?? '',
    ...(seatId !== null && { matchId: seatId }),
  }));
  const call = createCall({
    iceServers: () => session.call('GET /rtc/ice-servers'),
    send: (signal) =>
      void (signal.event === 'webrtc:hangup'
        ? request(socket, signal.event)
        : request(socket, signal.event, signal.body as never)),
  });
  const outbox = createOutbox({
    store,
    dispatch,
    entryId,
    emit: (body) => request(socket, 'chat:message', body),
  });
  const search = createSearch({
    ask: () => request(socket, 'user:match', toOptions(store.get().preferences)),
    isWanted: () => store.get().phase.at === 'waiting',
    isConnected: () => socket.connected,
    onRefused: refused,
  });
  const moderation = createModeration({
    socket,
    shown: match,
    dispatch,
    onBlocked({ id }) {
      if (seatId === id) {
        takeSeat(null);
        call.leave();
      }
      dispatch({ type: 'unmatched', matchId: id, why: 'blocked' });
    },
  });
  const link: LinkHandle = keepLink({ socket, session, onLink, onReplaced: lose });

  function match(): Match | null {
    const { phase } = store.get();
    return phase.at === 'matched' || phase.at === 'ended' ? phase.match : null;
  }

  function takeSeat(matchId: string | null): void {
    seatId = matchId;
    seatVault.write(matchId === null ? null : { matchId, mode: store.get().preferences.mode });
  }

  /** The match is over without the server having said so. */
  function lose(): void {
    clearTimeout(returnTimer);
    const { phase } = store.get();
    takeSeat(null);
    if (phase.at === 'returning') dispatch({ type: 'stopped' });
    if (phase.at !== 'matched') return;
    call.leave();
    dispatch({ type: 'unmatched', matchId: phase.match.id, why: 'lost' });
  }

  function onLink(state: State['link']): void {
    clearTimeout(returnTimer);
    dispatch({ type: 'link', link: state });
    if (state !== 'up') return;
    const { phase } = store.get();
    if (phase.at === 'waiting') search.run();
    if (phase.at === 'matched' || phase.at === 'returning')
      returnTimer = setTimeout(lose, RETURN_DEADLINE_MS);
  }

  function refused({ error: { code, message } }: Failure): void {
    halt();
    if (code === 'CONFLICT') dispatch({ type: 'notice', notice: { is: 'elsewhere' } });
    // The server says separately, once per window, how long a rate limit lasts.
    else if (store.get().notice?.is !== 'limited')
      dispatch({ type: 'notice', notice: { is: 'failed', message } });
  }

  /** Ends what goes on here, without a word to the server. */
  function halt(): void {
    turn++;
    search.stop();
    clearTimeout(returnTimer);
    if (seatId !== null) abandoned = seatId;
    takeSeat(null);
    call.close();
    dispatch({ type: 'stopped' });
  }

  async function onMatched(body: PushBody<'user:matched'>): Promise<void> {
    clearTimeout(returnTimer);
    const { phase } = store.get();
    const unwanted = body.resumed ? body.matchId === abandoned : phase.at !== 'waiting';
    if (unwanted) {
      void request(socket, 'user:leave');
      if (phase.at === 'waiting') search.run();
      return;
    }
    search.stop();
    abandoned = null;
    if (body.resumed) resumedAt = performance.now();
    // The match came over from another window of this account. Nobody allowed a camera in this one.
    if (phase.at === 'choosing')
      dispatch({ type: 'preferred', preferences: { ...store.get().preferences, mode: 'text' } });
    dispatch({ type: 'matched', body, now: Date.now(), entryId: entryId() });
    takeSeat(body.matchId);
    if (body.resumed && !body.partnerAway) outbox.flush();
    const { mode } = store.get().preferences;
    if (mode === 'text') return;
    if (!call.store.get().local) {
      // A reloaded page: its devices have to be asked for again.
      try {
        await call.open(mode);
      } catch {
        dispatch({ type: 'notice', notice: { is: 'no-media' } });
      }
      if (match()?.id !== body.matchId) return;
      if (!call.store.get().local) return call.hangUp();
    }
    call.begin(body.matchId, body.initiator);
  }

  function listen(socket: ChatSocket): void {
    const now = () => Date.now();
    socket.on('user:matched', (body) => void onMatched(body));
    socket.on('user:unmatched', ({ matchId, reason }) => {
      if (matchId === abandoned) abandoned = null;
      if (matchId !== seatId) return;
      clearTimeout(returnTimer);
      takeSeat(null);
      call.leave();
      // What blocked us shall look like somebody who left.
      dispatch({ type: 'unmatched', matchId, why: reason === 'blocked' ? 'left' : reason });
      if (store.get().phase.at === 'returning') dispatch({ type: 'stopped' });
    });
    socket.on('user:partner-away', ({ matchId }) =>
      dispatch({ type: 'partner-away', matchId, now: now(), entryId: entryId() }),
    );
    socket.on('user:partner-back', ({ matchId }) => {
      if (matchId !== seatId) return;
      dispatch({ type: 'partner-back', matchId, now: now(), entryId: entryId() });
      outbox.flush();
      if (store.get().preferences.mode !== 'text') call.begin(matchId, false);
    });
    socket.on('chat:message', (body) => 'matchId' in body && outbox.receive(body));
    socket.on('chat:clear', ({ matchId }) =>
      dispatch({
        type: 'cleared',
        matchId,
        entry: { id: entryId(), at: now(), by: 'page', event: 'cleared-by-them' },
      }),
    );
    socket.on(
      'webrtc:offer',
      (body) => body.matchId === seatId && call.take({ event: 'webrtc:offer', body }),
    );
    socket.on(
      'webrtc:answer',
      (body) => body.matchId === seatId && call.take({ event: 'webrtc:answer', body }),
    );
    socket.on('webrtc:ice-candidate', (body) => {
      if (body.matchId === seatId) call.take({ event: 'webrtc:ice-candidate', body });
    });
    socket.on('webrtc:hangup', ({ matchId }) => matchId === seatId && call.ended());
    socket.on('rate_limit_exceeded', ({ retryAfterMs }) =>
      dispatch({ type: 'notice', notice: { is: 'limited', until: Date.now() + retryAfterMs } }),
    );
  }
  listen(socket);

  return {
    store,
    socket,
    call,
    start: () => link.open(),
    stop() {
      clearTimeout(returnTimer);
      search.stop();
      turn++;
      call.close();
      link.close();
    },
    async seek(preferences) {
      const mine = ++turn;
      dispatch({ type: 'preferred', preferences });
      writePreferences(preferences);
      if (preferences.mode === 'text') call.close();
      else {
        dispatch({ type: 'preparing' });
        try {
          await call.open(preferences.mode);
        } catch (error) {
          const problem = error instanceof MediaError ? error.problem : 'failed';
          if (mine === turn) dispatch({ type: 'media-problem', problem });
          return;
        }
      }
      if (mine !== turn) return;
      dispatch({ type: 'seeking', now: Date.now() });
      search.run();
    },
    next() {
      turn++;
      const leaving = store.get().phase.at === 'matched';
      if (leaving) abandoned = seatId;
      takeSeat(null);
      call.leave();
      dispatch({ type: 'seeking', now: Date.now() });
      if (leaving && performance.now() - resumedAt < RESUME_STICKY_MS) void request(socket, 'user:leave');
      search.run();
    },
    leave() {
      const { at } = store.get().phase;
      halt();
      if (at === 'waiting') void request(socket, 'user:match:cancel');
      if (at === 'matched') void request(socket, 'user:leave');
    },
    send: outbox.send,
    sendUpload: outbox.sendUpload,
    resend: outbox.resend,
    clear() {
      const id = match()?.id;
      if (id === undefined) return;
      void request(socket, 'chat:clear');
      const entry = { id: entryId(), at: Date.now(), by: 'page', event: 'cleared-by-me' } as const;
      dispatch({ type: 'cleared', matchId: id, entry });
    },
    ...moderation,
    reconnect: () => link.reopen(),
    dismiss: () => dispatch({ type: 'notice', notice: null }),
  };
}
