import type { RouteData } from '../../../src/contract.ts';
import { createStore, type Store } from '../store.ts';
import { closeMedia, openMedia } from './media.ts';
import { createPeer, type Incoming, type Outgoing, type Peer } from './peer.ts';

/** `interrupted` may recover by itself; `hung-up` is ours and lasts as long as the match, `ended` is the partner's doing. */
export type CallPhase = 'off' | 'connecting' | 'connected' | 'interrupted' | 'failed' | 'hung-up' | 'ended';

export interface CallState {
  kind: 'audio' | 'video' | null;
  phase: CallPhase;
  /** As RTCPeerConnection reports it; `closed` without one. */
  connection: RTCPeerConnectionState;
  local: MediaStream | null;
  remote: MediaStream | null;
  muted: boolean;
  cameraOff: boolean;
}

export interface Call {
  readonly store: Store<CallState>;
  /** Asks for the devices and keeps them until `close`, over any number of matches. @throws MediaError */
  open(kind: 'audio' | 'video'): Promise<void>;
  close(): void;
  /** A (new) negotiation with the partner of a match; only the initiator offers. Nothing after a hang-up in that match. */
  begin(matchId: string, initiator: boolean): void;
  take(signal: Incoming): void;
  /** The partner ended the call. */
  ended(): void;
  hangUp(): void;
  /** The match is over; the devices stay open. */
  leave(): void;
  setMuted(muted: boolean): void;
  setCameraOff(off: boolean): void;
}

interface Deps {
  iceServers(): Promise<RouteData<'GET /rtc/ice-servers'>>;
  send(signal: Outgoing | { event: 'webrtc:hangup' }): void;
}

const REBUILDS = 3;
const REBUILD_DELAY_MS = 1_000;
const ICE_MARGIN_MS = 60_000;

const silent: CallState = {
  kind: null,
  phase: 'off',
  connection: 'closed',
  local: null,
  remote: null,
  muted: false,
  cameraOff: false,
};

export function createCall({ iceServers, send }: Deps): Call {
  const store = createStore<CallState>(silent);
  const change = (patch: Partial<CallState>) => store.set({ ...store.get(), ...patch });
  let ice: { configuration: RTCConfiguration; until: number } | null = null;
  let peer: Peer | null = null;
  let matchId: string | null = null;
  let offers = false;
  let rebuilds = 0;
  let rebuild: ReturnType<typeof setTimeout> | undefined;
  /** Counts `open` and `close`, so that devices granted after a cancel are given back at once. */
  let opening = 0;

  async function configuration(): Promise<RTCConfiguration> {
    if (ice && ice.until > Date.now()) return ice.configuration;
    try {
      const { iceServers: servers, iceTransportPolicy, expiresAt } = await iceServers();
      ice = {
        configuration: { iceServers: servers as RTCIceServer[], iceTransportPolicy },
        until: Date.parse(expiresAt) - ICE_MARGIN_MS,
      };
      return ice.configuration;
    } catch {
      // On one network a call works without them.
      return { iceServers: [] };
    }
  }

  function drop(): void {
    clearTimeout(rebuild);
    peer?.close();
    peer = null;
  }

  function build(): Peer | null {
    const { local, kind } = store.get();
    drop();
    if (!local || !kind) return null;
    change({ phase: 'connecting', connection: 'new', remote: null });
    peer = createPeer({
      kind,
      local,
      configuration: configuration(),
      send,
      onRemote: (remote) => change({ remote }),
      onState: follow,
    });
    return peer;
  }

  function follow(connection: RTCPeerConnectionState): void {
    change({ connection });
    if (connection === 'connected') {
      rebuilds = 0;
      change({ phase: 'connected' });
    } else if (connection === 'disconnected') {
      change({ phase: 'interrupted' });
    } else if (connection === 'failed') {
      change({ phase: 'failed' });
      // One side rebuilds, or the two would overtake each other.
      if (offers && rebuilds++ < REBUILDS) rebuild = setTimeout(() => build()?.offer(), REBUILD_DELAY_MS);
    }
  }

  function finish(phase: 'hung-up' | 'ended'): void {
    drop();
    change({ phase, connection: 'closed', remote: null });
  }

  return {
    store,
    async open(kind) {
      const turn = ++opening;
      if (store.get().kind === kind && store.get().local?.active) return;
      closeMedia(store.get().local);
      store.set(silent);
      const local = await openMedia(kind);
      if (turn !== opening) return closeMedia(local);
      store.set({ ...silent, kind, local });
    },
    close() {
      opening++;
      drop();
      matchId = null;
      closeMedia(store.get().local);
      store.set(silent);
    },
    begin(id, initiator) {
      if (id !== matchId) change({ phase: 'off' });
      matchId = id;
      offers = initiator;
      rebuilds = 0;
      // After a hang-up the partner's page may be a new one that knows nothing of it.
      if (store.get().phase === 'hung-up') return send({ event: 'webrtc:hangup' });
      const next = build();
      if (initiator) next?.offer();
    },
    take(signal) {
      if (signal.event === 'webrtc:offer') {
        const { sdp } = signal.body.offer;
        if (store.get().phase === 'hung-up' || !store.get().local) return send({ event: 'webrtc:hangup' });
        if (peer?.isOffering() && offers) return;
        if (!peer?.accepts(sdp)) build();
      }
      peer?.take(signal);
    },
    ended: () => {
      if (store.get().kind && store.get().phase !== 'hung-up') finish('ended');
    },
    hangUp() {
      send({ event: 'webrtc:hangup' });
      finish('hung-up');
    },
    leave() {
      drop();
      matchId = null;
      change({ phase: 'off', connection: 'closed', remote: null });
    },
    setMuted(muted) {
      for (const track of store.get().local?.getAudioTracks() ?? []) track.enabled = !muted;
      change({ muted });
    },
    setCameraOff(cameraOff) {
      for (const track of store.get().local?.getVideoTracks() ?? []) track.enabled = !cameraOff;
      change({ cameraOff });
    },
  };
}
