import { memo, type MouseEvent } from 'react';
import type { Line } from '../talk/lines.ts';
import type { Message } from '../talk/state.ts';
import { isUploadAddress } from '../uploads/attached.ts';
import { AttachedView } from './attached.tsx';
import { Gone } from './file-card.tsx';
import { MoreIcon } from './icons.tsx';
import { MessageActions } from './message-actions.tsx';
import { MessageText } from './message-text.tsx';
import { bodyWords, momentOf, timeOfDay } from './talk-words.ts';

interface Props {
  line: Extract<Line, { is: 'message' }>;
  me: string;
  direct: boolean;
  mayDelete: boolean;
  active: boolean;
  /** Others who have read it; counted for one's last message alone. */
  seenBy: number;
  onActivate(key: string | null): void;
  onEdit(message: Message): void;
  onDelete(message: Message): void;
  onReact(message: Message, reaction: string, on: boolean): void;
}

function MessageLineNow(props: Props) {
  const { line, me, active, onActivate, onReact } = props;
  const { key, message, mine, named, joined, closes } = line;
  const { deleted, type, reactions, sender, seq } = message;
  if (type === 'system') {
    return (
      <li className="line line--page line--system" data-key={key}>
        {message.content}
      </li>
    );
  }

  /** On a touch screen there is nothing to point with: a tap on the message shows what can be done. */
  function onTap(event: MouseEvent) {
    if (matchMedia('(hover: hover)').matches || (event.target as HTMLElement).closest('a, button, input'))
      return;
    onActivate(active ? null : key);
  }

  const who = mine ? 'You' : sender.username;
  return (
    <li
      className={`line line--${mine ? 'me' : 'them'}${joined ? ' line--joined' : ''}${deleted ? ' line--deleted' : ''}`}
      data-key={key}
      data-seq={seq}
      data-delivery={mine ? 'sent' : undefined}
    >
      {named ? <p className="line__name">{sender.username}</p> : <span className="hidden">{who}: </span>}
      <div className="line__body" onClick={deleted ? undefined : onTap}>
        <Body message={message} />
        {!deleted && (
          <button
            type="button"
            className="line__more"
            tabIndex={-1}
            aria-label={`Actions for ${who}: ${bodyWords(message).slice(0, 60)}`}
            aria-expanded={active}
            onClick={(event) => {
              event.stopPropagation();
              onActivate(active ? null : key);
            }}
          >
            <MoreIcon />
          </button>
        )}
      </div>
      {reactions.length > 0 && (
        <p className="reactions">
          {reactions.map(({ reaction, count, userIds }) => {
            const own = userIds.includes(me);
            return (
              <button
                key={reaction}
                type="button"
                className="reaction"
                aria-pressed={own}
                aria-label={`${reaction}, ${count}${own ? ', one of them yours' : ''}`}
                onClick={() => onReact(message, reaction, !own)}
              >
                {reaction} <span>{count}</span>
              </button>
            );
          })}
        </p>
      )}
      {active && <MessageActions {...props} />}
      <Meta {...props} closes={closes} />
    </li>
  );
}

function Body({ message }: { message: Message }) {
  const { deleted, content, url, upload, type } = message;
  if (deleted) return <p className="bubble">Message deleted</p>;
  if (type === 'file' || type === 'voice') {
    if (upload === null && url === null) return <Gone name={bodyWords({ ...message, content: '' })} />;
    if (upload)
      return (
        <div className="line__stack">
          <AttachedView upload={upload} />
          {content && <MessageText text={content} />}
        </div>
      );
  }
  if (content || !isUploadAddress(url)) return <MessageText text={bodyWords(message)} />;
  return (
    <p className="bubble">
      <a href={url} target="_blank" rel="noopener noreferrer">
        {bodyWords(message)}
      </a>
    </p>
  );
}

function Meta({ line, direct, seenBy, closes }: Props & { closes: boolean }) {
  const { message } = line;
  const edited = message.editedAt !== null && !message.deleted;
  if (!closes && !edited && seenBy === 0) return null;
  const at = Date.parse(message.createdAt);
  return (
    <p className="line__meta">
      {closes && (
        <time dateTime={message.createdAt} title={momentOf(at)}>
          {timeOfDay(at)}
        </time>
      )}
      {edited && <span>edited</span>}
      {seenBy > 0 && <span className="line__seen">{direct ? 'Seen' : `Seen by ${seenBy}`}</span>}
    </p>
  );
}

/** A long history is not drawn anew for each word that comes. */
export const MessageLine = memo(
  MessageLineNow,
  (before, after) =>
    before.line.message === after.line.message &&
    before.line.joined === after.line.joined &&
    before.line.closes === after.line.closes &&
    before.line.named === after.line.named &&
    before.active === after.active &&
    before.seenBy === after.seenBy &&
    before.mayDelete === after.mayDelete &&
    before.me === after.me,
);
