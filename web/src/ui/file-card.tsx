import type { MouseEvent, ReactNode } from 'react';
import type { Uploaded } from '../uploads/attached.ts';
import { bytesWords } from '../uploads/words.ts';
import { useDesk } from './desk.ts';
import { DownloadIcon, FileIcon } from './icons.tsx';
import { useFresh } from './use-fresh.ts';

interface LinkProps {
  upload: Uploaded;
  className: string;
  children?: ReactNode;
}

/** Saves the file under its name; an address that has expired is renewed first. */
export function DownloadLink({ upload: given, className, children }: LinkProps) {
  const { links } = useDesk();
  const { upload } = useFresh(given);

  function follow(event: MouseEvent<HTMLAnchorElement>) {
    if (Date.parse(upload.expiresAt) > Date.now()) return;
    event.preventDefault();
    void links.usable(upload).then(({ url, name }) => {
      const link = document.createElement('a');
      link.href = url;
      link.download = name;
      link.click();
    });
  }

  const label = `Download ${upload.name}, ${bytesWords(upload.size)}`;
  return (
    <a className={className} href={upload.url} download={upload.name} aria-label={label} onClick={follow}>
      {children ?? (
        <>
          <DownloadIcon /> Download
        </>
      )}
    </a>
  );
}

export function FileCard({ upload }: { upload: Uploaded }) {
  const { gone } = useFresh(upload);
  if (gone) return <Gone name={upload.name} />;
  return (
    <DownloadLink upload={upload} className="bubble file">
      <span className="file__icon">
        <FileIcon />
      </span>
      <span className="file__words">
        <span className="file__name">{upload.name}</span>
        <span className="file__size">{bytesWords(upload.size)}</span>
      </span>
      <DownloadIcon />
    </DownloadLink>
  );
}

export function Gone({ name }: { name: string }) {
  return <p className="bubble bubble--gone">{name} is not there any more.</p>;
}
