import { useEffect, useRef, useState } from 'react';
import type { Line } from '../talk/lines.ts';
import type { Message } from '../talk/state.ts';
import { BinIcon, EditIcon } from './icons.tsx';

interface Props {
  line: Extract<Line, { is: 'message' }>;
  me: string;
  mayDelete: boolean;
  onActivate(key: string | null): void;
  onEdit(message: Message): void;
  onDelete(message: Message): void;
  onReact(message: Message, reaction: string, on: boolean): void;
}

const quick = ['👍', '❤️', '😂', '😮', '😢', '🙏'];
/** In UTF-16 units: room for an emoji of several people. The server allows 64 bytes. */
const MAX_LENGTH = 20;

/** What can be done with a message, under it. */
export function MessageActions({ line, me, mayDelete, onActivate, onEdit, onDelete, onReact }: Props) {
  const { message, mine } = line;
  const [other, setOther] = useState('');
  const group = useRef<HTMLDivElement>(null);

  useEffect(() => {
    group.current?.querySelector('button')?.focus({ preventScroll: true });
    group.current?.scrollIntoView({ block: 'nearest' });
  }, []);

  function react(reaction: string) {
    const own = message.reactions.some((given) => given.reaction === reaction && given.userIds.includes(me));
    onReact(message, reaction, !own);
    onActivate(null);
  }

  return (
    <div ref={group} className="act" role="group" aria-label="Message actions">
      <div className="act__quick">
        {quick.map((reaction) => (
          <button
            key={reaction}
            type="button"
            className="act__emoji"
            aria-label={`React with ${reaction}`}
            onClick={() => react(reaction)}
          >
            {reaction}
          </button>
        ))}
        <form
          className="act__other"
          onSubmit={(event) => {
            event.preventDefault();
            if (other.trim()) react(other.trim());
          }}
        >
          <input
            className="act__input"
            value={other}
            maxLength={MAX_LENGTH}
            placeholder="other"
            aria-label="Another reaction"
            enterKeyHint="done"
            onChange={(event) => setOther(event.target.value)}
          />
        </form>
      </div>
      {(mine || mayDelete) && (
        <div className="act__rest">
          {mine && message.type === 'text' && (
            <button
              type="button"
              className="tool"
              onClick={() => {
                onActivate(null);
                onEdit(message);
              }}
            >
              <EditIcon /> Edit
            </button>
          )}
          {mayDelete && (
            <button
              type="button"
              className="tool tool--bad"
              onClick={() => {
                onActivate(null);
                onDelete(message);
              }}
            >
              <BinIcon /> Delete
            </button>
          )}
        </div>
      )}
    </div>
  );
}
