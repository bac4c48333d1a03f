import { useState } from 'react';
import { brand } from '../brand.ts';
import { ApiError } from '../net/api.ts';
import type { Session, SessionNews } from '../session/session.ts';
import { AccountForm } from './account-form.tsx';
import { Mark } from './mark.tsx';
import { Bar } from './notices.tsx';
import { PeopleHere } from './people-here.tsx';
import { apiWords, newsWords } from './words.ts';

const rules = [
  ['Adults only.', 'You are 18 or older, and so is everybody you meet.'],
  ['Be decent.', 'No harassment, no hate, no threats, nothing sexual that was not asked for.'],
  ['Stay a stranger.', 'Keep names, addresses and numbers to yourself, and do not record others.'],
  ['Do not sell.', 'No advertising, no links to lure people elsewhere.'],
  ['Leave any time.', 'Next, block and report are always one press away.'],
] as const;

export function Welcome({ session, news }: { session: Session; news: SessionNews | null }) {
  const [accepted, setAccepted] = useState(false);
  const [way, setWay] = useState<'choose' | 'sign-in' | 'register'>('choose');
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);

  async function startAsGuest() {
    setBusy(true);
    setTrouble(null);
    try {
      await session.startAsGuest();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTrouble(apiWords(error));
      setBusy(false);
    }
  }

  return (
    <div className="welcome" data-phase="welcome">
      <Mark as="art" />
      <section className="welcome__pitch">
        <p className="welcome__brand">
          <Mark /> {brand}
        </p>
        <h1>Talk to someone you have never met.</h1>
        <p className="welcome__lead">
          One stranger at a time, by text, voice or video. You share an interest, or simply the moment. When
          either of you moves on, it is gone.
        </p>
        <ul className="welcome__facts">
          <li>No sign-up needed</li>
          <li>Messages are never stored</li>
          <li>Runs on this server alone, without trackers</li>
        </ul>
        <PeopleHere />
      </section>

      <main className="card welcome__card">
        {news && <Bar tone="warn">{newsWords[news]}</Bar>}
        {way === 'choose' ? (
          <>
            <h2>House rules</h2>
            <ol className="rules">
              {rules.map(([title, text]) => (
                <li key={title}>
                  <strong>{title}</strong> {text}
                </li>
              ))}
            </ol>
            <div className="welcome__go">
              <label className="check">
                <input
                  type="checkbox"
                  checked={accepted}
                  onChange={(event) => setAccepted(event.target.checked)}
                />
                <span>I am an adult and I accept the rules</span>
              </label>
              {trouble && <Bar tone="bad">{trouble}</Bar>}
              <button
                type="button"
                className="button button--primary button--large"
                disabled={!accepted || busy}
                onClick={() => void startAsGuest()}
              >
                {busy ? 'One moment…' : 'Start as a guest'}
              </button>
            </div>
            <div className="welcome__other">
              <button type="button" className="button" disabled={!accepted} onClick={() => setWay('sign-in')}>
                Sign in
              </button>
              <button
                type="button"
                className="button"
                disabled={!accepted}
                onClick={() => setWay('register')}
              >
                Create account
              </button>
            </div>
            {!accepted && <p className="hint">Tick the box above to go on.</p>}
          </>
        ) : (
          <AccountForm
            key={way}
            way={way}
            session={session}
            onBack={() => setWay('choose')}
            onOther={() => setWay(way === 'sign-in' ? 'register' : 'sign-in')}
          />
        )}
      </main>
    </div>
  );
}
