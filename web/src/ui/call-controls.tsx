import type { Call, CallState } from '../call/call.ts';
import { CameraIcon, CameraOffIcon, HangUpIcon, MicIcon, MicOffIcon } from './icons.tsx';

export function CallControls({ call, state, over }: { call: Call; state: CallState; over: boolean }) {
  const { muted, cameraOff, kind, phase } = state;
  const ended = over || phase === 'hung-up' || phase === 'ended';
  return (
    <div className="controls__call" role="group" aria-label="Call">
      <button
        type="button"
        className="icon-button"
        aria-pressed={muted}
        aria-label="Mute microphone"
        title={muted ? 'Microphone is off' : 'Microphone is on'}
        onClick={() => call.setMuted(!muted)}
      >
        {muted ? <MicOffIcon /> : <MicIcon />}
      </button>
      {kind === 'video' && (
        <button
          type="button"
          className="icon-button"
          aria-pressed={cameraOff}
          aria-label="Camera off"
          title={cameraOff ? 'Camera is off' : 'Camera is on'}
          onClick={() => call.setCameraOff(!cameraOff)}
        >
          {cameraOff ? <CameraOffIcon /> : <CameraIcon />}
        </button>
      )}
      <button
        type="button"
        className="icon-button icon-button--danger"
        aria-label="End call, keep chatting"
        title="End the call, keep chatting"
        disabled={ended}
        onClick={call.hangUp}
      >
        <HangUpIcon />
      </button>
    </div>
  );
}
