import { fitted, isPicture, isSound, type Picture, type Uploaded } from '../uploads/attached.ts';
import { useDesk } from './desk.ts';
import { FileCard, Gone } from './file-card.tsx';
import { useFresh } from './use-fresh.ts';
import { VoiceNote } from './voice-note.tsx';

/** Side of the square that a picture has in a message, in CSS pixels. */
const SIDE = 260;

/** An upload in a message, by what it is. */
export function AttachedView({ upload }: { upload: Uploaded }) {
  if (isSound(upload)) return <VoiceNote sound={upload} />;
  if (isPicture(upload)) return <PictureView picture={upload} />;
  return <FileCard upload={upload} />;
}

function PictureView({ picture }: { picture: Picture }) {
  const { links, view } = useDesk();
  const { upload, attempt, gone } = useFresh(picture);
  if (gone) return <Gone name={upload.name} />;
  return (
    <button
      type="button"
      className="picture"
      aria-label={`Picture: ${upload.name}. Open it large.`}
      onClick={() => view({ name: upload.name, upload })}
    >
      <img
        key={attempt}
        src={upload.thumbnailUrl}
        alt=""
        loading="lazy"
        {...fitted(upload.width, upload.height, SIDE)}
        onError={() => links.failed(upload, attempt)}
      />
    </button>
  );
}
