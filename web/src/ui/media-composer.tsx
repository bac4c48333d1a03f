import { useEffect, useRef, useState, type ComponentProps } from 'react';
import { useStore } from '../store.ts';
import { createRecorder } from '../uploads/recorder.ts';
import { keyOf, type Item, type Target } from '../uploads/tray.ts';
import { Composer } from './composer.tsx';
import { useDesk } from './desk.ts';
import { DropArea } from './drop-area.tsx';
import { ClipIcon, MicIcon } from './icons.tsx';
import { Bar } from './notices.tsx';
import { RecordingBar } from './recording.tsx';
import { Tray } from './tray.tsx';
import { microphoneWords } from './words.ts';

interface Props extends Pick<
  ComponentProps<typeof Composer>,
  'onSend' | 'initial' | 'onDraft' | 'onBlur' | 'onUp'
> {
  to: Target;
  /** Whom it goes to. */
  name: string;
  /** What is written goes with the first file; else it is a message of its own. */
  captions?: boolean;
}

const none: readonly Item[] = [];

/** The field for messages, with files and voice notes. */
export function MediaComposer({ to, name, captions = false, onSend, ...field }: Props) {
  const { uploads, microphone } = useDesk();
  const items = useStore(uploads.store)[keyOf(to)] ?? none;
  const [recorder] = useState(() => createRecorder(microphone));
  const recording = useStore(recorder.store);
  const [left, setLeft] = useState<string | null>(null);
  const chooser = useRef<HTMLInputElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const isBusy = recording.at === 'asking' || recording.at === 'on';
  const ready = items.some(({ step }) => step.at === 'chosen');

  useEffect(() => recorder.cancel, [recorder]);

  const focus = () => frame.current?.querySelector('textarea')?.focus();

  function choose(files: readonly File[]) {
    if (files.length === 0) return;
    setLeft(uploads.choose(to, files));
    focus();
  }

  function send(text: string) {
    if (text && !(ready && captions)) onSend(text);
    if (!ready) return;
    uploads.release(to, captions ? text : '');
    field.onDraft?.('');
  }

  async function sendVoice() {
    const note = await recorder.finish();
    if (note) uploads.sendVoice(to, note);
    // The field is back by then.
    requestAnimationFrame(focus);
  }

  return (
    <div ref={frame} className="compose">
      <DropArea name={name} onFiles={choose} />
      {left && (
        <Bar tone="warn" onDismiss={() => setLeft(null)}>
          {left}
        </Bar>
      )}
      {recording.at === 'refused' && (
        <Bar
          tone="bad"
          action={{ label: 'Try again', run: () => void recorder.start() }}
          onDismiss={recorder.cancel}
        >
          {microphoneWords[recording.problem]}
        </Bar>
      )}
      <Tray to={to} items={items} />
      {isBusy && (
        <RecordingBar
          recording={recording}
          onCancel={() => {
            recorder.cancel();
            requestAnimationFrame(focus);
          }}
          onSend={() => void sendVoice()}
        />
      )}
      <Composer
        {...field}
        hidden={isBusy}
        ready={ready}
        onSend={send}
        before={
          <>
            <input
              ref={chooser}
              type="file"
              multiple
              className="hidden"
              tabIndex={-1}
              aria-hidden="true"
              onChange={(event) => {
                choose([...(event.target.files ?? [])]);
                // The same file may be chosen once more.
                event.target.value = '';
              }}
            />
            <button
              type="button"
              className="icon-button icon-button--plain"
              aria-label="Attach files"
              title="Attach files"
              onClick={() => chooser.current?.click()}
            >
              <ClipIcon />
            </button>
          </>
        }
        idle={
          <button
            type="button"
            className="icon-button"
            aria-label="Record a voice note"
            title="Record a voice note"
            onClick={() => void recorder.start()}
          >
            <MicIcon />
          </button>
        }
      />
    </div>
  );
}
