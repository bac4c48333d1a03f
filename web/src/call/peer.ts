import type { PushBody, RequestArgs } from '../../../src/contract.ts';
import { answers, sessionOf, tagAnswer } from './sdp.ts';

export type Outgoing =
  | { event: 'webrtc:offer'; body: RequestArgs<'webrtc:offer'>[0] }
  | { event: 'webrtc:answer'; body: RequestArgs<'webrtc:answer'>[0] }
  | { event: 'webrtc:ice-candidate'; body: RequestArgs<'webrtc:ice-candidate'>[0] };

export type Incoming =
  | { event: 'webrtc:offer'; body: PushBody<'webrtc:offer'> }
  | { event: 'webrtc:answer'; body: PushBody<'webrtc:answer'> }
  | { event: 'webrtc:ice-candidate'; body: PushBody<'webrtc:ice-candidate'> };

export interface PeerOptions {
  kind: 'audio' | 'video';
  local: MediaStream;
  configuration: Promise<RTCConfiguration>;
  send(signal: Outgoing): void;
  onState(state: RTCPeerConnectionState): void;
  onRemote(stream: MediaStream): void;
}

/** One RTCPeerConnection from its first description to its end. A new negotiation is a new peer. */
export interface Peer {
  offer(): void;
  take(signal: Incoming): void;
  /** Whether an offer begins or continues this peer's negotiation, instead of replacing it by another. */
  accepts(offerSdp: string): boolean;
  /** Has sent an offer that nobody has answered. */
  isOffering(): boolean;
  /** Nothing is sent and no callback runs afterwards. */
  close(): void;
}

export function createPeer(options: PeerOptions): Peer {
  const early: (RTCIceCandidateInit | string | null)[] = [];
  let pc: RTCPeerConnection | null = null;
  let closed = false;
  let offered = false;
  let remoteSession: string | null = null;
  // Steps run one after the other, in the order the signals came; a close takes effect at each step's next `if (closed)`.
  let steps: Promise<void> = options.configuration.then(open);

  function open(configuration: RTCConfiguration): void {
    if (closed) return;
    pc = new RTCPeerConnection(configuration);
    for (const track of options.local.getTracks()) pc.addTrack(track, options.local);
    const remote = new MediaStream();
    pc.ontrack = ({ track }) => {
      remote.addTrack(track);
      options.onRemote(remote);
    };
    pc.onicecandidate = ({ candidate }) => {
      if (candidate && !closed)
        options.send({ event: 'webrtc:ice-candidate', body: { candidate: candidate.toJSON() } });
    };
    pc.onconnectionstatechange = () => {
      if (pc && !closed) options.onState(pc.connectionState);
    };
  }

  function step(run: (pc: RTCPeerConnection) => Promise<void>): void {
    steps = steps
      .then(async () => {
        if (pc && !closed) await run(pc);
      })
      .catch((error: unknown) => {
        if (closed) return;
        console.warn('call: negotiation failed', error);
        options.onState('failed');
      });
  }

  async function add(pc: RTCPeerConnection, candidate: RTCIceCandidateInit | string | null): Promise<void> {
    if (candidate === null) return;
    const init: RTCIceCandidateInit =
      typeof candidate === 'string' ? { candidate, sdpMLineIndex: 0 } : candidate;
    if (!init.candidate) return;
    // One of an earlier negotiation names a fragment that this one does not know; that is no failure.
    await pc.addIceCandidate(init).catch(() => undefined);
  }

  async function flush(pc: RTCPeerConnection): Promise<void> {
    for (const candidate of early.splice(0)) await add(pc, candidate);
  }

  function take(signal: Incoming): void {
    switch (signal.event) {
      case 'webrtc:offer': {
        const { sdp } = signal.body.offer;
        remoteSession = sessionOf(sdp);
        return step(async (pc) => {
          await pc.setRemoteDescription({ type: 'offer', sdp });
          await flush(pc);
          await pc.setLocalDescription();
          if (closed || !pc.localDescription) return;
          const answer = { type: 'answer', sdp: tagAnswer(pc.localDescription.sdp, sdp) } as const;
          options.send({ event: 'webrtc:answer', body: { answer } });
        });
      }
      case 'webrtc:answer': {
        const { sdp } = signal.body.answer;
        return step(async (pc) => {
          const ours = pc.localDescription?.sdp ?? '';
          if (pc.signalingState !== 'have-local-offer' || !answers(sdp, ours)) return;
          await pc.setRemoteDescription({ type: 'answer', sdp });
          remoteSession = sessionOf(sdp);
          await flush(pc);
        });
      }
      case 'webrtc:ice-candidate': {
        const candidate = signal.body.candidate as RTCIceCandidateInit | string | null;
        return step(async (pc) => {
          if (pc.remoteDescription) await add(pc, candidate);
          else early.push(candidate);
        });
      }
    }
  }

  return {
    take,
    offer() {
      offered = true;
      step(async (pc) => {
        await pc.setLocalDescription(await pc.createOffer());
        if (closed || !pc.localDescription) return;
        const offer = { type: 'offer', sdp: pc.localDescription.sdp } as const;
        options.send({ event: 'webrtc:offer', body: { offer, type: options.kind } });
      });
    },
    accepts: (offerSdp) => (remoteSession === null ? !offered : remoteSession === sessionOf(offerSdp)),
    isOffering: () => offered && remoteSession === null,
    close() {
      closed = true;
      pc?.close();
      pc = null;
    },
  };
}
