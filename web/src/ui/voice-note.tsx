import { useEffect, useRef, useState } from 'react';
import { barsOf, type Sound } from '../uploads/attached.ts';
import { clockWords } from '../uploads/words.ts';
import { useDesk } from './desk.ts';
import { Gone } from './file-card.tsx';
import { PauseIcon, PlayIcon } from './icons.tsx';
import { useFresh } from './use-fresh.ts';
import { Waveform } from './waveform.tsx';

const BARS = 64;
/** One at a time; starting one pauses another. */
let playing: HTMLAudioElement | null = null;

/** False: it did not begin; its error event says more, where there is one. */
async function begin(audio: HTMLAudioElement, url: string, ms: number): Promise<boolean> {
  if (playing !== audio) playing?.pause();
  playing = audio;
  // What failed is loaded anew, also from the same address.
  if (audio.error || audio.getAttribute('src') !== url) audio.src = url;
  if (Math.abs(audio.currentTime * 1_000 - ms) > 20) audio.currentTime = ms / 1_000;
  return audio.play().then(
    () => true,
    () => false,
  );
}

/** Plays a voice note; its waveform is the way to go to and fro in it. */
export function VoiceNote({ sound }: { sound: Sound }) {
  const { links } = useDesk();
  const { upload, attempt, gone } = useFresh(sound);
  const { durationMs, waveform } = sound;
  const audio = useRef<HTMLAudioElement>(null);
  const [isPlaying, setPlaying] = useState(false);
  const [ms, setMs] = useState(0);
  /** Where to go on when the sound has to be loaded again. */
  const wanted = useRef<{ ms: number } | null>(null);

  useEffect(() => {
    if (!isPlaying) return;
    let frame = requestAnimationFrame(function follow() {
      setMs(Math.min((audio.current?.currentTime ?? 0) * 1_000, durationMs));
      frame = requestAnimationFrame(follow);
    });
    return () => cancelAnimationFrame(frame);
  }, [isPlaying, durationMs]);

  // A new address, or the same one again.
  useEffect(() => {
    const resumed = wanted.current;
    if (attempt > 0 && resumed && audio.current)
      void begin(audio.current, upload.url, resumed.ms).then((begun) => begun && (wanted.current = null));
  }, [attempt, upload.url]);

  async function toggle() {
    if (isPlaying) return audio.current?.pause();
    const from = ms >= durationMs - 50 ? 0 : ms;
    wanted.current = { ms: from };
    const { url } = await links.usable(upload);
    if (audio.current && (await begin(audio.current, url, from))) wanted.current = null;
  }

  function onError() {
    if (isPlaying) wanted.current = { ms };
    setPlaying(false);
    links.failed(upload, attempt);
  }

  function seek(to: number) {
    setMs(to);
    if (audio.current && audio.current.readyState > 0) audio.current.currentTime = to / 1_000;
  }

  if (gone) return <Gone name="This voice note" />;
  return (
    <div className="bubble voice" role="group" aria-label={`Voice note, ${clockWords(durationMs)}`}>
      <button
        type="button"
        className="voice__play"
        aria-label={isPlaying ? 'Pause voice note' : 'Play voice note'}
        onClick={() => void toggle()}
      >
        {isPlaying ? <PauseIcon /> : <PlayIcon />}
      </button>
      <div className="voice__wave">
        <Waveform bars={barsOf(waveform, BARS)} share={durationMs > 0 ? ms / durationMs : 0} />
        <input
          type="range"
          className="voice__seek"
          min={0}
          max={durationMs}
          step={Math.max(50, Math.round(durationMs / 50))}
          value={Math.round(ms)}
          aria-label="Position in the voice note"
          aria-valuetext={`${clockWords(ms)} of ${clockWords(durationMs)}`}
          onChange={(event) => seek(event.target.valueAsNumber)}
        />
      </div>
      <span className="voice__time" aria-hidden="true">
        {clockWords(isPlaying || ms > 0 ? ms : durationMs)}
      </span>
      <audio
        ref={audio}
        preload="none"
        onPlay={() => setPlaying(true)}
        onPause={() => setPlaying(false)}
        onEnded={() => {
          setPlaying(false);
          setMs(0);
        }}
        onError={onError}
      />
    </div>
  );
}
