import type { Line } from '../talk/lines.ts';
import { AttachedView } from './attached.tsx';
import { MessageText } from './message-text.tsx';

interface Props {
  line: Extract<Line, { is: 'pending' }>;
  onResend(): void;
  onDiscard(): void;
}

const words = { sending: 'sending…', waiting: 'will be sent when you are connected', failed: 'not sent.' };

/** A message of ours that the server has not confirmed. */
export function PendingLine({ line: { key, item, joined }, onResend, onDiscard }: Props) {
  const { text, attached, delivery, why } = item;
  return (
    <li
      className={`line line--me${joined ? ' line--joined' : ''}`}
      data-key={key}
      data-delivery={delivery === 'waiting' ? 'held' : delivery}
    >
      <span className="hidden">You: </span>
      {attached && <AttachedView upload={attached.upload} />}
      {text && <MessageText text={text} />}
      <p className="line__meta">
        <span className={`delivery delivery--${delivery}`}>
          {words[delivery]}
          {why && ` ${why}`}
          {delivery === 'failed' && (
            <>
              <button type="button" className="link" onClick={onResend}>
                Try again
              </button>
              <button type="button" className="link" onClick={onDiscard}>
                Discard
              </button>
            </>
          )}
        </span>
      </p>
    </li>
  );
}
