import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { brand } from '../brand.ts';
import { createLive, type Live } from '../match/live.ts';
import { ApiError } from '../net/api.ts';
import { createPlaces, type Place } from '../place.ts';
import type { Session, SessionNews } from '../session/session.ts';
import { type Identity, sharedShelf } from '../session/vault.ts';
import { useStore } from '../store.ts';
import { unreadIn } from '../talk/chat.ts';
import { createQueue } from '../talk/queue.ts';
import { createTalk } from '../talk/talk.ts';
import { type Desk, DeskContext, type Viewed } from './desk.ts';
import { deskOf } from './desk-of.ts';
import { Mark } from './mark.tsx';
import { MeetBar } from './meet-bar.tsx';
import { Bar, LinkBar, NoticeBar } from './notices.tsx';
import { Options } from './options.tsx';
import { Preparing } from './preparing.tsx';
import { Returning, Waiting } from './waiting.tsx';
import { Room } from './room.tsx';
import { TalkView } from './talk.tsx';
import { useUnreadTitle, useUnseen } from './use-unseen.ts';
import { useVisible } from './use-visible.ts';
import { Viewer } from './viewer.tsx';
import { Views } from './views.tsx';
import { apiWords, newsWords } from './words.ts';

interface Props {
  session: Session;
  identity: Identity;
  news: SessionNews | null;
}

const shownAt = (place: Place): string | null => (place.view === 'talk' ? place.chatId : null);

/** Everything behind the first screen: one identity with its connection. */
export function Lobby({ session, identity, news }: Props) {
  const [live] = useState(() => createLive(session));
  const [talk] = useState(() => createTalk(session, live.socket, createQueue(sharedShelf())));
  const [places] = useState(createPlaces);
  const [desk] = useState(() => deskOf(session, live, talk));
  const [viewed, setViewed] = useState<Viewed | null>(null);
  const context = useMemo((): Desk => ({ ...desk, view: setViewed }), [desk]);
  useEffect(() => {
    // Before the screens follow: what was unread when a conversation is opened is marked on it.
    const follow = () => talk.show(shownAt(places.store.get()));
    follow();
    const unfollow = places.store.subscribe(follow);
    places.start();
    talk.start();
    live.start();
    live.socket.on('connect', desk.links.again);
    return () => {
      unfollow();
      desk.uploads.stop();
      live.stop();
      talk.stop();
      places.stop();
    };
  }, [live, talk, places, desk]);
  const { phase, link, notice } = useStore(live.store);
  const calling = useStore(live.call.store).kind !== null;
  const { chats } = useStore(talk.store);
  const place = useStore(places.store);
  const meeting = place.view === 'meet';
  const unread = { meet: useUnseen(phase, useVisible() && meeting), talk: unreadIn(chats) };
  useUnreadTitle(unread.meet + unread.talk);
  const [trouble, setTrouble] = useState<string | null>(null);
  const inRoom = meeting && (phase.at === 'matched' || phase.at === 'ended');
  const deep = place.view === 'talk' && place.chatId !== null;
  const goMeet = () => places.go({ view: 'meet' });
  const goTalk = () => places.go({ view: 'talk', chatId: null });

  async function separateGuest() {
    try {
      await session.startAsGuest();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTrouble(apiWords(error));
    }
  }

  return (
    <DeskContext value={context}>
      <div
        className={`app${inRoom ? ' app--room' : ''}${meeting ? '' : ' app--talk'}${deep ? ' app--deep' : ''}`}
        data-phase={phase.at}
        data-link={link}
        data-view={place.view}
      >
        {!inRoom && (
          <Header
            identity={identity}
            onSignOut={() => {
              live.leave();
              talk.forget();
              places.go({ view: 'meet' }, { replace: true });
              session.signOut();
            }}
          >
            <Views
              view={place.view}
              unread={unread}
              onView={(view) => (view === 'meet' ? goMeet() : goTalk())}
            />
          </Header>
        )}
        <div className="bars">
          <LinkBar link={link} onReconnect={live.reconnect} />
          {news && (
            <Bar tone="info" onDismiss={session.dismissNews}>
              {newsWords[news]} You are {identity.user.username} now.
            </Bar>
          )}
          {notice && (
            <NoticeBar
              notice={notice}
              onDismiss={live.dismiss}
              onSeparateGuest={() => void separateGuest()}
            />
          )}
          {trouble && (
            <Bar tone="bad" onDismiss={() => setTrouble(null)}>
              {trouble}
            </Bar>
          )}
          {!meeting && <MeetBar phase={phase} calling={calling} unread={unread.meet} onBack={goMeet} />}
        </div>
        {/* Hidden, not gone: the sound of a call goes on. */}
        <div className="view" hidden={!meeting}>
          <Screen live={live} me={identity.user.username} unread={unread.talk} onTalk={goTalk} />
        </div>
        {place.view === 'talk' && <TalkView talk={talk} link={link} chatId={place.chatId} go={places.go} />}
        {viewed && <Viewer picture={viewed} onClose={() => setViewed(null)} />}
      </div>
    </DeskContext>
  );
}

interface ScreenProps {
  live: Live;
  me: string;
  unread: number;
  onTalk(): void;
}

function Screen({ live, me, unread, onTalk }: ScreenProps) {
  const { phase, preferences, link } = useStore(live.store);
  switch (phase.at) {
    case 'returning':
      return <Returning />;
    case 'choosing':
      return <Options initial={preferences} onSeek={(chosen) => void live.seek(chosen)} />;
    case 'preparing':
      return (
        <Preparing
          problem={phase.problem}
          kind={preferences.mode}
          onRetry={() => void live.seek(preferences)}
          onText={() => void live.seek({ ...preferences, mode: 'text' })}
          onBack={live.leave}
        />
      );
    case 'waiting':
      return <Waiting live={live} since={phase.since} preferences={preferences} />;
    case 'matched':
    case 'ended':
      return (
        <Room
          live={live}
          phase={phase}
          link={link}
          me={me}
          mode={preferences.mode}
          unread={unread}
          onTalk={onTalk}
        />
      );
  }
}

interface HeaderProps {
  identity: Identity;
  children: ReactNode;
  onSignOut(): void;
}

function Header({ identity, children, onSignOut }: HeaderProps) {
  return (
    <header className="top">
      <p className="top__brand">
        <Mark /> <span className="top__name">{brand}</span>
      </p>
      {children}
      <p className="top__who">
        <strong>{identity.user.username}</strong>
        {identity.kind === 'guest' && <span className="tag">guest</span>}
      </p>
      <button type="button" className="button button--quiet button--small" onClick={onSignOut}>
        {identity.kind === 'guest' ? 'Leave' : 'Sign out'}
      </button>
    </header>
  );
}
