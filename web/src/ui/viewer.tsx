import { fitted, isPicture, type Picture } from '../uploads/attached.ts';
import { useDesk, type Viewed } from './desk.ts';
import { Dialog } from './dialog.tsx';
import { DownloadLink } from './file-card.tsx';
import { useFresh } from './use-fresh.ts';

/** One picture, as large as the window allows. */
export function Viewer({ picture, onClose }: { picture: Viewed; onClose(): void }) {
  const { name } = picture;
  const sent = 'upload' in picture && isPicture(picture.upload) ? picture.upload : null;
  return (
    <Dialog title={name} wide onClose={onClose}>
      {sent ? (
        <Sent picture={sent} />
      ) : (
        'src' in picture && <img className="viewer__picture" src={picture.src} alt={name} />
      )}
      <div className="actions viewer__actions">
        {sent && <DownloadLink upload={sent} className="button" />}
        <button type="button" className="button button--primary" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Sent({ picture }: { picture: Picture }) {
  const { links } = useDesk();
  const { upload, attempt, gone } = useFresh(picture);
  if (gone) return <p>This picture is not there any more.</p>;
  return (
    <img
      key={attempt}
      className="viewer__picture"
      src={upload.url}
      alt={upload.name}
      {...fitted(upload.width, upload.height, 4_096)}
      onError={() => links.failed(upload, attempt)}
    />
  );
}
