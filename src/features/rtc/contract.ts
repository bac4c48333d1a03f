import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { Timestamp, boundedText } from '../../kernel/schemas.ts';

export const limits = { sdpLength: 65_536, candidateLength: 4096, signalSize: 80_000 } as const;

export const SessionDescription = z.object({
  type: z.enum(['offer', 'answer', 'pranswer', 'rollback']),
  sdp: boundedText(limits.sdpLength),
});

/** RTCIceCandidateInit; null or an empty candidate says "that was all" and is relayed too. */
export const IceCandidate = z
  .union([
    z.string().max(limits.candidateLength),
    z.object({
      candidate: z.string().max(limits.candidateLength).optional(),
      sdpMid: z.string().max(64).nullish(),
      sdpMLineIndex: z.number().int().nullish(),
      usernameFragment: z.string().max(256).nullish(),
    }),
  ])
  .nullable();

const addressed = { from: z.string(), matchId: z.string() };
const CallType = z.enum(['audio', 'video']);
const signal = { bucket: 'signal', maxSize: limits.signalSize } as const;

export const rtcContract = contractOf({
  name: 'rtc',
  requests: {
    'webrtc:offer': request({
      args: [z.object({ offer: SessionDescription, type: CallType.default('video') })],
      ...signal,
    }),
    'webrtc:answer': request({ args: [z.object({ answer: SessionDescription })], ...signal }),
    'webrtc:ice-candidate': request({ args: [z.object({ candidate: IceCandidate })], ...signal }),
    'webrtc:hangup': request({ args: [], ...signal }),
  },
  pushes: {
    'webrtc:offer': z.object({ offer: SessionDescription, type: CallType, ...addressed }),
    'webrtc:answer': z.object({ answer: SessionDescription, ...addressed }),
    'webrtc:ice-candidate': z.object({ candidate: IceCandidate, ...addressed }),
    'webrtc:hangup': z.object(addressed),
  },
  routes: {
    /** TURN credentials by coturn's REST scheme, the same for a user until they are close to their end. */
    'GET /rtc/ice-servers': route({
      data: z.object({
        iceServers: z.array(
          z.object({
            urls: z.array(z.string()),
            username: z.string().optional(),
            credential: z.string().optional(),
          }),
        ),
        iceTransportPolicy: z.enum(['all', 'relay']),
        expiresAt: Timestamp,
      }),
    }),
  },
});
