import { useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { linesOf, readersOf, type Line } from '../talk/lines.ts';
import type { Chat, Message } from '../talk/state.ts';
import type { Talk } from '../talk/talk.ts';
import { DownIcon } from './icons.tsx';
import { Bar } from './notices.tsx';
import { MessageLine } from './message-line.tsx';
import { PendingLine } from './pending-line.tsx';
import { bodyWords, count, dayTitle } from './talk-words.ts';
import { useNow } from './use-now.ts';
import { useScroll } from './use-scroll.ts';
import { useVisible } from './use-visible.ts';

interface Props {
  talk: Talk;
  chat: Chat;
  me: string;
  divider: number | null;
  online: boolean;
  onEdit(message: Message): void;
  onDelete(message: Message): void;
  onReact(message: Message, reaction: string, on: boolean): void;
}

export function TalkLog({ talk, chat, me, divider, online, onEdit, onDelete, onReact }: Props) {
  const { log, pending, unread } = chat;
  const lines = useMemo(() => linesOf(chat, { me, divider }), [chat, me, divider]);
  const { list, following, onScroll, toEnd } = useScroll(lines, pending.at(-1)?.tempId);
  const [active, setActive] = useState<string | null>(null);
  const visible = useVisible();
  const now = useNow(60_000);
  const last = log.messages.at(-1);

  useEffect(() => {
    if (visible && following) talk.seen();
  }, [talk, visible, following, last?.seq, chat.joined]);

  const top = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (!top.current || !log.moreBefore || !online) return;
    const observer = new IntersectionObserver(
      ([entry]) => entry?.isIntersecting && void talk.older(chat.id),
      { root: list.current, rootMargin: '500px 0px 0px' },
    );
    observer.observe(top.current);
    return () => observer.disconnect();
  }, [talk, chat.id, log.from, log.moreBefore, online, list]);

  /** Null closes what is open, and gives the focus back to its message. */
  function activate(key: string | null) {
    const open = key === null && list.current?.querySelector('.act')?.closest('.line');
    if (open) open.querySelector<HTMLElement>('.line__more')?.focus({ preventScroll: true });
    setActive(key);
  }

  /** One stop for the Tab key; the arrows go from message to message. */
  function onKeyDown(event: KeyboardEvent<HTMLOListElement>) {
    const step = event.key === 'ArrowUp' ? -1 : event.key === 'ArrowDown' ? 1 : 0;
    if (event.key === 'Escape') return activate(null);
    if (step === 0 || (event.target as HTMLElement).tagName === 'INPUT') return;
    const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('.line__more')];
    const at = buttons.indexOf(event.target as HTMLElement);
    const next = at === -1 ? buttons.at(-1) : buttons[at + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }

  const readers = readersOf(chat, me);
  return (
    <div className="talk-log">
      <ol
        ref={list}
        className="log"
        aria-label="Messages. The arrow keys go from one to the next."
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        {log.moreBefore && (
          <li ref={top} className="line line--page" role="status">
            {chat.trouble === null && 'Loading…'}
          </li>
        )}
        {chat.trouble !== null && (
          <li className="line line--page">
            <Bar tone="bad" action={{ label: 'Try again', run: () => void talk.older(chat.id) }}>
              {chat.trouble}
            </Bar>
          </li>
        )}
        {!log.moreBefore && lines.length === 0 && (
          <li className="line line--page">Nothing has been said here yet.</li>
        )}
        {lines.map((line) => (
          <LineOf
            key={line.key}
            line={line}
            chat={chat}
            me={me}
            talk={talk}
            now={now}
            active={active === line.key}
            seenBy={line.is === 'message' && line.message.seq === readers?.seq ? readers.count : 0}
            onActivate={activate}
            onEdit={onEdit}
            onDelete={onDelete}
            onReact={onReact}
          />
        ))}
      </ol>
      {/* Only what comes is read out, not the history that is loaded above it. */}
      <p className="hidden" aria-live="polite">
        {last && last.senderId !== me && `${last.sender.username}: ${bodyWords(last)}`}
      </p>
      {!following && (
        <button type="button" className="button button--small talk-log__down" onClick={toEnd}>
          <DownIcon /> {unread > 0 ? `${count(unread)} new` : 'Jump to newest'}
        </button>
      )}
    </div>
  );
}

interface LineProps extends Omit<Props, 'divider' | 'online'> {
  line: Line;
  active: boolean;
  seenBy: number;
  now: number;
  onActivate(key: string | null): void;
}

function LineOf({ line, chat, me, talk, now, onActivate, ...rest }: LineProps) {
  switch (line.is) {
    case 'day':
      return (
        <li className="line line--page line--day" data-key={line.key}>
          <time dateTime={new Date(line.at).toISOString()}>{dayTitle(line.at, now)}</time>
        </li>
      );
    case 'unread':
      return (
        <li className="line line--page line--unread" data-key={line.key}>
          <span>New messages</span>
        </li>
      );
    case 'pending':
      return (
        <PendingLine
          line={line}
          onResend={() => talk.resend(chat.id, line.item.tempId)}
          onDiscard={() => talk.discard(chat.id, line.item.tempId)}
        />
      );
    case 'message':
      return (
        <MessageLine
          line={line}
          me={me}
          direct={chat.type === 'direct'}
          mayDelete={line.mine || (chat.type !== 'direct' && chat.ownerId === me)}
          onActivate={onActivate}
          {...rest}
        />
      );
  }
}
