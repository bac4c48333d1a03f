import { byActivity, activeAt } from '../talk/chat.ts';
import type { Chat, TalkState } from '../talk/state.ts';
import type { Talk } from '../talk/talk.ts';
import { ChatAvatar } from './chat-avatar.tsx';
import { PlusIcon } from './icons.tsx';
import { Bar } from './notices.tsx';
import { ScreenTitle } from './screen.tsx';
import { count, previewWords, shortTime } from './talk-words.ts';
import { useNow } from './use-now.ts';

interface Props {
  talk: Talk;
  chats: TalkState['chats'];
  list: TalkState['list'];
  me: string;
  current: string | null;
  onOpen(chatId: string): void;
  onNew(): void;
}

export function TalkList({ talk, chats, list, me, current, onOpen, onNew }: Props) {
  const now = useNow(30_000);
  const rows = byActivity(chats);
  return (
    <section className="talks" aria-label="All conversations">
      <header className="talks__head">
        <ScreenTitle>Conversations</ScreenTitle>
        <button type="button" className="button button--primary button--small" onClick={onNew}>
          <PlusIcon /> New
        </button>
      </header>
      {list === 'failed' && (
        <Bar tone="bad" action={{ label: 'Try again', run: talk.retry }}>
          The list could not be loaded.
        </Bar>
      )}
      {rows.length === 0 ? (
        list !== 'failed' && (
          <p className="talks__none" role="status">
            {list === 'loading'
              ? 'Loading…'
              : 'Nothing here yet. Press New to find somebody by name, make a group, or join a room.'}
          </p>
        )
      ) : (
        <ul className="talks__list">
          {rows.map((chat) => (
            <Row
              key={chat.id}
              chat={chat}
              me={me}
              now={now}
              current={chat.id === current}
              onOpen={() => onOpen(chat.id)}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

function Row({
  chat,
  me,
  now,
  current,
  onOpen,
}: {
  chat: Chat;
  me: string;
  now: number;
  current: boolean;
  onOpen(): void;
}) {
  const at = activeAt(chat);
  const stuck = chat.pending.some(({ delivery }) => delivery === 'failed');
  return (
    <li>
      <button
        type="button"
        className="talk-row"
        aria-current={current ? 'true' : undefined}
        data-chat={chat.id}
        onClick={onOpen}
      >
        <ChatAvatar chat={chat} />
        <span className="talk-row__name">{chat.name}</span>
        <time className="talk-row__time" dateTime={new Date(at).toISOString()}>
          {shortTime(at, now)}
        </time>
        <span
          className={`talk-row__last${chat.typing.length > 0 ? ' talk-row__last--typing' : ''}${stuck ? ' talk-row__last--bad' : ''}`}
        >
          {previewWords(chat, me)}
        </span>
        {chat.unread > 0 && (
          <span className="badge">
            {count(chat.unread)} <span className="hidden">unread</span>
          </span>
        )}
      </button>
    </li>
  );
}
