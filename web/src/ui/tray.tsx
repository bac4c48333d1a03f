import type { Target, Item } from '../uploads/tray.ts';
import { bytesWords, clockWords } from '../uploads/words.ts';
import { useDesk } from './desk.ts';
import { FileIcon, MicIcon, StopIcon } from './icons.tsx';

/** What is chosen, and what is on its way, above the field. */
export function Tray({ to, items }: { to: Target; items: readonly Item[] }) {
  if (items.length === 0) return null;
  return (
    <ul className="tray" aria-label="Attachments">
      {items.map((item) => (
        <TrayItem key={item.id} to={to} item={item} />
      ))}
    </ul>
  );
}

function TrayItem({ to, item }: { to: Target; item: Item }) {
  const { uploads, view } = useDesk();
  const { id, kind, name, preview, step } = item;
  const title = kind === 'voice' ? 'Voice note' : name;
  return (
    <li className="tray__item" data-step={step.at}>
      {preview === null ? (
        <span className="tray__icon">{kind === 'voice' ? <MicIcon /> : <FileIcon />}</span>
      ) : (
        <button
          type="button"
          className="tray__picture"
          aria-label={`Look at ${name}`}
          onClick={() => view({ name, src: preview })}
        >
          <img src={preview} alt="" />
        </button>
      )}
      <div className="tray__words">
        <p className="tray__name">{title}</p>
        <State item={item} />
      </div>
      {step.at === 'failed' && step.again && (
        <button type="button" className="button button--small" onClick={() => uploads.retry(to, id)}>
          Try again
        </button>
      )}
      <button
        type="button"
        className="icon-button icon-button--small"
        aria-label={
          step.at === 'sending' || step.at === 'waiting' ? `Cancel sending ${title}` : `Remove ${title}`
        }
        onClick={() => uploads.remove(to, id)}
      >
        <StopIcon />
      </button>
    </li>
  );
}

function State({ item: { name, size, durationMs, step } }: { item: Item }) {
  const extent = durationMs === null ? bytesWords(size) : clockWords(durationMs);
  switch (step.at) {
    case 'chosen':
      return <p className="tray__state">{extent}</p>;
    case 'waiting':
      return <p className="tray__state">{extent} · waits for the one before</p>;
    case 'sending':
      return (
        <p className="tray__state tray__state--sending">
          <progress className="progress" max={1} value={step.share} aria-label={`Sending ${name}`} />
          <span>{step.share < 1 ? `${Math.floor(step.share * 100)} %` : 'almost there…'}</span>
        </p>
      );
    case 'failed':
      return (
        <p className="tray__state tray__state--bad" role="alert">
          {step.why}
        </p>
      );
  }
}
