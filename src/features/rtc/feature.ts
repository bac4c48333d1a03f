import type { Connection } from '../../kernel/connection.ts';
import { featureOf } from '../../kernel/feature.ts';
import type { PairRelay } from '../matching/contract.ts';
import { rtcContract } from './contract.ts';
import { iceServersFor, type IceConfig } from './service.ts';

interface Needs {
  readonly pairs: PairRelay<(typeof rtcContract)['pushes']>;
  readonly clock: { now(): number };
  readonly config: { readonly rtc: IceConfig };
}

export const rtcFeature = featureOf(rtcContract)(({ pairs, clock, config }: Needs) => ({
  requests: {
    async 'webrtc:offer'(connection: Connection, { offer, type }) {
      await pairs.send(connection.id, 'webrtc:offer', ({ matchId, from }) => ({
        offer,
        type,
        from,
        matchId,
      }));
    },
    async 'webrtc:answer'(connection: Connection, { answer }) {
      await pairs.send(connection.id, 'webrtc:answer', ({ matchId, from }) => ({ answer, from, matchId }));
    },
    async 'webrtc:ice-candidate'(connection: Connection, { candidate }) {
      await pairs.send(connection.id, 'webrtc:ice-candidate', ({ matchId, from }) => ({
        candidate,
        from,
        matchId,
      }));
    },
    async 'webrtc:hangup'(connection: Connection) {
      await pairs.send(connection.id, 'webrtc:hangup', ({ matchId, from }) => ({ from, matchId }));
    },
  },
  routes: {
    'GET /rtc/ice-servers': ({ identity }) => iceServersFor(identity!.id, clock.now(), config.rtc),
  },
}));
