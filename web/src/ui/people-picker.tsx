import { useId, useState } from 'react';
import type { People } from '../talk/people.ts';
import type { PublicUser } from '../talk/state.ts';
import { Avatar } from './avatar.tsx';
import { usePeople, type Found } from './use-people.ts';

interface Props {
  people: People;
  label: string;
  /** Not offered: the reader, who is in already. */
  without: ReadonlySet<string>;
  /** Chosen so far, where several can be. */
  chosen?: readonly PublicUser[];
  onChoose(user: PublicUser): void;
  onDrop?(user: PublicUser): void;
}

/** Finds people by the beginning of their name. */
export function PeoplePicker({ people, label, without, chosen = [], onChoose, onDrop }: Props) {
  const id = useId();
  const [text, setText] = useState('');
  const found = usePeople(people, text);
  const offered =
    found.is === 'found'
      ? found.users.filter((user) => !without.has(user.id) && !chosen.some((one) => one.id === user.id))
      : [];

  function choose(user: PublicUser) {
    setText('');
    onChoose(user);
  }

  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {chosen.length > 0 && (
        <div className="chips">
          {chosen.map((user) => (
            <button
              key={user.id}
              type="button"
              className="chip chip--own"
              aria-label={`Remove ${user.username}`}
              onClick={() => onDrop?.(user)}
            >
              {user.username} <span aria-hidden="true">×</span>
            </button>
          ))}
        </div>
      )}
      <input
        id={id}
        className="input"
        type="search"
        value={text}
        autoCapitalize="none"
        autoComplete="off"
        spellCheck={false}
        placeholder="Name"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter') return;
          event.preventDefault();
          if (offered[0]) choose(offered[0]);
        }}
      />
      <p className="hint" role="status">
        {words(found, offered.length)}
      </p>
      {offered.length > 0 && (
        <ul className="people-list">
          {offered.map((user) => (
            <li key={user.id}>
              <button type="button" className="person" onClick={() => choose(user)}>
                <Avatar name={user.username} of="them" />
                <span>{user.username}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function words(found: Found, offered: number): string {
  switch (found.is) {
    case 'short':
      return 'Type the first two letters of a name or more.';
    case 'searching':
      return 'Searching…';
    case 'failed':
      return found.why;
    case 'found':
      return offered === 0 ? 'Nobody else has a name that begins so.' : '';
  }
}
