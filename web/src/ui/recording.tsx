import { useLayoutEffect, useRef, type KeyboardEvent } from 'react';
import type { Recording } from '../uploads/recorder.ts';
import { clockWords } from '../uploads/words.ts';
import { BinIcon, SendIcon } from './icons.tsx';
import { Waveform } from './waveform.tsx';

interface Props {
  recording: Extract<Recording, { at: 'asking' | 'on' }>;
  onCancel(): void;
  onSend(): void;
}

/** In the place of the field while a voice note is recorded. */
export function RecordingBar({ recording, onCancel, onSend }: Props) {
  const cancel = useRef<HTMLButtonElement>(null);
  const send = useRef<HTMLButtonElement>(null);
  const { at } = recording;
  // At once: what had the focus is gone, and Escape counts from here on.
  useLayoutEffect(() => (at === 'on' ? send : cancel).current?.focus(), [at]);

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape') onCancel();
  }

  return (
    <div className="recording" role="group" aria-label="Voice note" onKeyDown={onKeyDown}>
      <button
        ref={cancel}
        type="button"
        className="icon-button"
        aria-label="Cancel voice note"
        onClick={onCancel}
      >
        <BinIcon />
      </button>
      {recording.at === 'asking' ? (
        <p className="recording__words" role="status">
          Your browser is asking for the microphone. Please choose “Allow”.
        </p>
      ) : (
        <>
          <span
            className={`recording__dot${recording.full ? ' recording__dot--full' : ''}`}
            aria-hidden="true"
          />
          <span className="recording__time" role="timer" aria-label="Length of the voice note">
            {clockWords(recording.ms)}
          </span>
          <div className="recording__level">
            <Waveform bars={recording.levels.map((level) => level * 100)} share={1} />
          </div>
          <p className="hidden" role="status">
            {recording.full ? 'The recording has stopped.' : 'Recording.'}
          </p>
          {recording.full && <span className="recording__words">stopped</span>}
        </>
      )}
      <button
        ref={send}
        type="button"
        className="icon-button icon-button--send"
        aria-label="Send voice note"
        disabled={recording.at !== 'on'}
        onClick={onSend}
      >
        <SendIcon />
      </button>
    </div>
  );
}
