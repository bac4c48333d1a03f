import type { CallState } from '../call/call.ts';
import { Avatar } from './avatar.tsx';
import { CameraOffIcon, MicOffIcon } from './icons.tsx';
import { Video } from './video.tsx';

interface Props {
  call: CallState;
  partner: string;
  me: string;
  presence: 'here' | 'away' | 'gone';
}

function words({ phase, kind }: CallState, partner: string, presence: Props['presence']): string | null {
  if (presence === 'gone') return 'The chat has ended.';
  if (presence === 'away') return `Waiting for ${partner} to come back…`;
  switch (phase) {
    case 'off':
    case 'connecting':
      return kind === 'video' ? 'Connecting the picture…' : 'Connecting the sound…';
    case 'interrupted':
      return 'The call is interrupted, waiting for it to recover…';
    case 'failed':
      return 'The call could not be connected. The chat goes on.';
    case 'hung-up':
      return 'You ended the call. The chat goes on.';
    case 'ended':
      return `${partner} ended the call. The chat goes on.`;
    case 'connected':
      return null;
  }
}

/** Both ends of a call. `data-state` is RTCPeerConnection's own word. */
export function CallView({ call, partner, me, presence }: Props) {
  const status = words(call, partner, presence);
  return (
    <section
      className="call"
      data-state={call.connection}
      data-phase={call.phase}
      data-presence={presence}
      aria-label="Call"
    >
      <div className="call__remote">
        {(call.kind === 'audio' || !call.remote) && <Avatar name={partner} of="them" />}
        {call.remote && <Video stream={call.remote} label={partner} />}
        {status && (
          <p className="call__status" role="status">
            {status}
          </p>
        )}
      </div>
      <div className="call__local">
        {call.kind === 'video' ? (
          <Video stream={call.local} label="Your camera" muted mirrored />
        ) : (
          <Avatar name={me} of="me" />
        )}
        {(call.muted || call.cameraOff) && (
          <span className="call__off">
            {call.muted && <MicOffIcon />}
            {call.cameraOff && <CameraOffIcon />}
          </span>
        )}
      </div>
    </section>
  );
}
