import { useEffect, useRef, useState } from 'react';

interface Props {
  stream: MediaStream | null;
  label: string;
  muted?: boolean;
  mirrored?: boolean;
}

/** Plays a stream, with or without a picture in it. A browser that refuses sound without a press gets a button for it. */
export function Video({ stream, label, muted = false, mirrored = false }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [refused, setRefused] = useState(false);

  function play() {
    video.current?.play().then(
      () => setRefused(false),
      // A newer stream aborts the play of the one before; only a policy needs the user.
      (error: unknown) => setRefused((error as DOMException).name === 'NotAllowedError'),
    );
  }

  useEffect(() => {
    if (!video.current || video.current.srcObject === stream) return;
    video.current.srcObject = stream;
    if (stream) play();
  }, [stream]);

  return (
    <>
      <video
        ref={video}
        className={mirrored ? 'video video--mirrored' : 'video'}
        aria-label={label}
        muted={muted}
        playsInline
      />
      {refused && (
        <button type="button" className="button button--primary video__play" onClick={play}>
          Play sound and picture
        </button>
      )}
    </>
  );
}
