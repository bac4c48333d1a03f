import { useState, type FormEvent } from 'react';
import type { Mode, Preferences } from '../session/preferences.ts';
import { CameraIcon, MicIcon, NextIcon, TextIcon } from './icons.tsx';
import { InterestField } from './interest-field.tsx';
import { PeopleHere } from './people-here.tsx';
import { ScreenTitle } from './screen.tsx';

const modes: readonly { mode: Mode; title: string; text: string; icon: () => React.JSX.Element }[] = [
  { mode: 'text', title: 'Text', text: 'Just write', icon: TextIcon },
  { mode: 'audio', title: 'Audio', text: 'Talk and write', icon: MicIcon },
  { mode: 'video', title: 'Video', text: 'See, talk and write', icon: CameraIcon },
];

const languages = [
  ['', 'Any language'],
  ['ar', 'العربية'],
  ['de', 'Deutsch'],
  ['en', 'English'],
  ['es', 'Español'],
  ['fr', 'Français'],
  ['hi', 'हिन्दी'],
  ['it', 'Italiano'],
  ['ja', '日本語'],
  ['ko', '한국어'],
  ['nl', 'Nederlands'],
  ['pl', 'Polski'],
  ['pt', 'Português'],
  ['ru', 'Русский'],
  ['tr', 'Türkçe'],
  ['uk', 'Українська'],
  ['zh', '中文'],
] as const;

export function Options({
  initial,
  onSeek,
}: {
  initial: Preferences;
  onSeek(preferences: Preferences): void;
}) {
  const [preferences, setPreferences] = useState(initial);
  const change = (patch: Partial<Preferences>) => setPreferences({ ...preferences, ...patch });

  function submit(event: FormEvent) {
    event.preventDefault();
    onSeek(preferences);
  }

  return (
    <main className="search">
      <form className="card options" onSubmit={submit}>
        <ScreenTitle>How would you like to talk?</ScreenTitle>
        <fieldset className="modes">
          <legend className="hidden">Way of talking</legend>
          {modes.map(({ mode, title, text, icon: ModeIcon }) => (
            <label key={mode} className="mode">
              <input
                type="radio"
                name="mode"
                value={mode}
                checked={preferences.mode === mode}
                onChange={() => change({ mode })}
              />
              <ModeIcon />
              <span className="mode__title">{title}</span>
              <span className="mode__text">{text}</span>
            </label>
          ))}
        </fieldset>
        <p className="hint options__privacy">
          {preferences.mode === 'text'
            ? 'Messages pass through this server and are stored nowhere; files and voice notes are deleted an hour after the chat.'
            : 'Your browser will ask for the devices. Calls may go straight from device to device, and the other one may then see your network address.'}
        </p>
        <InterestField interests={preferences.interests} onChange={(interests) => change({ interests })} />
        <div className="field">
          <label htmlFor="language">Language</label>
          <select
            id="language"
            className="input"
            value={preferences.language}
            onChange={(event) => change({ language: event.target.value })}
          >
            {languages.map(([code, name]) => (
              <option key={code} value={code} lang={code || undefined}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <button type="submit" className="button button--primary button--large">
          Find someone <NextIcon />
        </button>
      </form>
      <PeopleHere />
    </main>
  );
}
