import { useEffect, useLayoutEffect, useRef } from 'react';
import type { Delivery, Entry, Match } from '../match/state.ts';
import { AttachedView } from './attached.tsx';

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
/** Closer to the end than this, the reader follows the conversation. In CSS pixels. */
const FOLLOW_PX = 80;

interface Props {
  log: readonly Entry[];
  match: Match;
  /** Null when there is nobody to send to any more. */
  onResend: ((id: number) => void) | null;
}

export function ChatLog({ log, match, onResend }: Props) {
  const list = useRef<HTMLOListElement>(null);
  const following = useRef(true);
  const last = log.at(-1);

  useLayoutEffect(() => {
    const element = list.current;
    if (element && (following.current || last?.by === 'me')) element.scrollTop = element.scrollHeight;
  }, [last]);

  // Also when it was hidden behind the other view, and had no height.
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      if (following.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  function onScroll() {
    const element = list.current;
    if (element && element.clientHeight > 0)
      following.current = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW_PX;
  }

  return (
    <ol
      ref={list}
      className="log"
      role="log"
      aria-live="polite"
      aria-label="Conversation"
      tabIndex={0}
      onScroll={onScroll}
    >
      {log.map((entry, index) => (
        <Line
          key={entry.id}
          entry={entry}
          match={match}
          onResend={onResend}
          joined={isJoined(log[index - 1], entry)}
          closes={!isJoined(entry, log[index + 1])}
        />
      ))}
    </ol>
  );
}

/** Same author within a minute: one block, with the time under its last message. */
function isJoined(before: Entry | undefined, entry: Entry | undefined): boolean {
  return before !== undefined && before.by === entry?.by && entry.at - before.at < 60_000;
}

interface LineProps extends Omit<Props, 'log'> {
  entry: Entry;
  joined: boolean;
  closes: boolean;
}

function Line({ entry, match, onResend, joined, closes }: LineProps) {
  if (entry.by === 'page') return <li className="line line--page">{pageWords(entry, match)}</li>;
  const mine = entry.by === 'me';
  const told = closes || (mine && entry.delivery !== 'sent');
  return (
    <li
      className={`line line--${entry.by}${joined ? ' line--joined' : ''}`}
      data-delivery={entry.by === 'me' ? entry.delivery : undefined}
    >
      <span className="hidden">{mine ? 'You: ' : `${match.partner.name}: `}</span>
      {'attached' in entry && entry.attached ? (
        <AttachedView upload={entry.attached.upload} />
      ) : (
        <p className="bubble">
          {'link' in entry ? (
            <a href={entry.link} target="_blank" rel="noreferrer">
              {entry.text}
            </a>
          ) : (
            entry.text
          )}
        </p>
      )}
      {told && (
        <p className="line__meta">
          <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
          {mine && <DeliveryMark entry={entry} onResend={onResend} />}
        </p>
      )}
    </li>
  );
}

const deliveryWords: Readonly<Record<Delivery, string>> = {
  sending: 'sending…',
  sent: 'sent',
  held: 'will be sent when you are both back',
  failed: 'not sent.',
  unsure: 'no answer, perhaps not sent.',
};

function DeliveryMark({
  entry,
  onResend,
}: {
  entry: Extract<Entry, { by: 'me' }>;
  onResend: Props['onResend'];
}) {
  const { id, delivery, why } = entry;
  const retry = delivery === 'failed' || delivery === 'unsure';
  return (
    <span className={`delivery delivery--${delivery}`}>
      {deliveryWords[delivery]}
      {delivery === 'failed' && why && ` ${why}`}
      {retry && onResend && (
        <button type="button" className="link" onClick={() => onResend(id)}>
          Try again
        </button>
      )}
    </span>
  );
}

function pageWords(entry: Extract<Entry, { by: 'page' }>, { partner }: Match): string {
  switch (entry.event) {
    case 'met':
      return `You are talking to ${partner.name}. Say hello.`;
    case 'away':
      return `${partner.name}’s connection dropped.`;
    case 'back':
      return `${partner.name} is back.`;
    case 'cleared-by-me':
      return 'You cleared the conversation for both of you.';
    case 'cleared-by-them':
      return `${partner.name} cleared the conversation.`;
  }
}
