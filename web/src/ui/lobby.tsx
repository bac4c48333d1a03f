import { useEffect, useState } from 'react';
import { brand } from '../brand.ts';
import { createLive, type Live } from '../match/live.ts';
import { ApiError } from '../net/api.ts';
import type { Session, SessionNews } from '../session/session.ts';
import type { Identity } from '../session/vault.ts';
import { useStore } from '../store.ts';
import { Mark } from './mark.tsx';
import { Bar, LinkBar, NoticeBar } from './notices.tsx';
import { Options } from './options.tsx';
import { Preparing } from './preparing.tsx';
import { Returning, Waiting } from './waiting.tsx';
import { Room } from './room.tsx';
import { apiWords, newsWords } from './words.ts';

interface Props {
  session: Session;
  identity: Identity;
  news: SessionNews | null;
}

/** Everything behind the first screen: one identity with its connection. */
export function Lobby({ session, identity, news }: Props) {
  const [live] = useState(() => createLive(session));
  useEffect(() => {
    live.start();
    return () => live.stop();
  }, [live]);
  const { phase, link, notice } = useStore(live.store);
  const [trouble, setTrouble] = useState<string | null>(null);
  const inRoom = phase.at === 'matched' || phase.at === 'ended';

  async function separateGuest() {
    try {
      await session.startAsGuest();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTrouble(apiWords(error));
    }
  }

  return (
    <div className={inRoom ? 'app app--room' : 'app'} data-phase={phase.at} data-link={link}>
      {!inRoom && <Header identity={identity} session={session} live={live} />}
      <div className="bars">
        <LinkBar link={link} onReconnect={live.reconnect} />
        {news && (
          <Bar tone="info" onDismiss={session.dismissNews}>
            {newsWords[news]} You are {identity.user.username} now.
          </Bar>
        )}
        {notice && (
          <NoticeBar notice={notice} onDismiss={live.dismiss} onSeparateGuest={() => void separateGuest()} />
        )}
        {trouble && (
          <Bar tone="bad" onDismiss={() => setTrouble(null)}>
            {trouble}
          </Bar>
        )}
      </div>
      <Screen live={live} me={identity.user.username} />
    </div>
  );
}

function Screen({ live, me }: { live: Live; me: string }) {
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
      return <Room live={live} phase={phase} link={link} me={me} mode={preferences.mode} />;
  }
}

function Header({ identity, session, live }: { identity: Identity; session: Session; live: Live }) {
  function signOut() {
    live.leave();
    session.signOut();
  }
  return (
    <header className="top">
      <p className="top__brand">
        <Mark /> <span className="top__name">{brand}</span>
      </p>
      <p className="top__who">
        <strong>{identity.user.username}</strong>
        {identity.kind === 'guest' && <span className="tag">guest</span>}
      </p>
      <button type="button" className="button button--quiet button--small" onClick={signOut}>
        {identity.kind === 'guest' ? 'Leave' : 'Sign out'}
      </button>
    </header>
  );
}
