import { useEffect, useRef, useState } from 'react';
import { ClipIcon } from './icons.tsx';

interface Props {
  /** Whom the files go to. */
  name: string;
  onFiles(files: readonly File[]): void;
}

const holdsFiles = (transfer: DataTransfer | null): transfer is DataTransfer =>
  transfer?.types.includes('Files') ?? false;

/** Folders look like files, and cannot be read. */
const filesOf = (transfer: DataTransfer): readonly File[] =>
  [...transfer.items]
    .filter((item) => item.kind === 'file' && !item.webkitGetAsEntry()?.isDirectory)
    .map((item) => item.getAsFile())
    .filter((file) => file !== null);

/** Takes what is dropped anywhere on the view, and pictures that are pasted. */
export function DropArea({ name, onFiles }: Props) {
  const [over, setOver] = useState(false);
  const frame = useRef<HTMLDivElement>(null);
  const latest = useRef(onFiles);
  useEffect(() => {
    latest.current = onFiles;
  });

  useEffect(() => {
    /** The other view may be the one in front, or a dialog. */
    const isShown = () => !!frame.current?.checkVisibility() && !document.querySelector('dialog[open]');

    function onDragOver(event: DragEvent) {
      if (!holdsFiles(event.dataTransfer) || !isShown()) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
      setOver(true);
    }
    function onDragLeave(event: DragEvent) {
      if (event.relatedTarget === null) setOver(false);
    }
    function onDrop(event: DragEvent) {
      setOver(false);
      if (!holdsFiles(event.dataTransfer) || !isShown()) return;
      event.preventDefault();
      latest.current(filesOf(event.dataTransfer));
    }
    function onPaste(event: ClipboardEvent) {
      const { clipboardData } = event;
      // Office programs put a picture of the text beside the text.
      if (!clipboardData || clipboardData.types.includes('text/plain') || !isShown()) return;
      const pictures = [...clipboardData.files].filter(({ type }) => type.startsWith('image/'));
      if (pictures.length === 0) return;
      event.preventDefault();
      latest.current(pictures);
    }
    addEventListener('dragenter', onDragOver);
    addEventListener('dragover', onDragOver);
    addEventListener('dragleave', onDragLeave);
    addEventListener('drop', onDrop);
    addEventListener('paste', onPaste);
    return () => {
      removeEventListener('dragenter', onDragOver);
      removeEventListener('dragover', onDragOver);
      removeEventListener('dragleave', onDragLeave);
      removeEventListener('drop', onDrop);
      removeEventListener('paste', onPaste);
    };
  }, []);

  return (
    <div ref={frame} className="drop">
      {over && (
        <div className="drop__area">
          <p>
            <ClipIcon /> Drop files here for {name}
          </p>
        </div>
      )}
    </div>
  );
}
