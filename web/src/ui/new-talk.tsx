import { useState, type FormEvent } from 'react';
import { ApiError } from '../net/api.ts';
import { useStore } from '../store.ts';
import type { PublicUser } from '../talk/state.ts';
import type { Talk } from '../talk/talk.ts';
import { Dialog } from './dialog.tsx';
import { GroupIcon, PersonIcon, RoomIcon } from './icons.tsx';
import { Bar } from './notices.tsx';
import { PeoplePicker } from './people-picker.tsx';
import { apiWords } from './words.ts';

interface Props {
  talk: Talk;
  onClose(): void;
  onOpened(chatId: string): void;
}

type Kind = 'person' | 'group' | 'room';

const kinds: readonly { kind: Kind; title: string; icon: () => React.JSX.Element }[] = [
  { kind: 'person', title: 'Person', icon: PersonIcon },
  { kind: 'group', title: 'Group', icon: GroupIcon },
  { kind: 'room', title: 'Room', icon: RoomIcon },
];
const MAX_NAME = 100;

/** Begins a conversation: with a person, with several, or in a room that is open to all. */
export function NewTalk({ talk, onClose, onOpened }: Props) {
  const { me } = useStore(talk.store);
  const [kind, setKind] = useState<Kind>('person');
  const [name, setName] = useState('');
  const [chosen, setChosen] = useState<readonly PublicUser[]>([]);
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const mine = new Set([me]);

  async function open(begun: Promise<string>) {
    setBusy(true);
    setTrouble(null);
    try {
      onOpened(await begun);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTrouble(apiWords(error));
      setBusy(false);
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const given = name.trim();
    if (!given || busy) return;
    if (kind === 'room') void open(talk.enter(given.replace(/\s+/g, '-')));
    if (kind === 'group')
      void open(
        talk.withGroup(
          given,
          chosen.map(({ id }) => id),
        ),
      );
  }

  return (
    <Dialog title="New conversation" onClose={onClose}>
      <form className="form" onSubmit={submit}>
        <fieldset className="modes">
          <legend className="hidden">With whom</legend>
          {kinds.map(({ kind: value, title, icon: KindIcon }) => (
            <label key={value} className="mode mode--small">
              <input
                type="radio"
                name="kind"
                value={value}
                checked={kind === value}
                onChange={() => setKind(value)}
              />
              <KindIcon />
              <span className="mode__title">{title}</span>
            </label>
          ))}
        </fieldset>
        {kind !== 'person' && (
          <div className="field">
            <label htmlFor="talk-name">{kind === 'group' ? 'Name of the group' : 'Name of the room'}</label>
            <input
              id="talk-name"
              className="input"
              value={name}
              maxLength={kind === 'group' ? MAX_NAME : 64}
              autoComplete="off"
              autoCapitalize={kind === 'room' ? 'none' : 'sentences'}
              pattern={kind === 'room' ? '[A-Za-z0-9_.: \\-]*[A-Za-z_.: \\-][A-Za-z0-9_.: \\-]*' : undefined}
              title="Letters, digits, _ . : and -"
              required
              onChange={(event) => setName(event.target.value)}
            />
            {kind === 'room' && (
              <p className="hint">
                Everybody who knows the name can come in and read. A room that does not exist is made.
              </p>
            )}
          </div>
        )}
        {kind === 'person' && (
          <PeoplePicker
            people={talk.people}
            label="Find somebody"
            without={mine}
            onChoose={(user) => void open(talk.withPerson(user.id))}
          />
        )}
        {kind === 'group' && (
          <PeoplePicker
            people={talk.people}
            label="People"
            without={mine}
            chosen={chosen}
            onChoose={(user) => setChosen([...chosen, user])}
            onDrop={(user) => setChosen(chosen.filter(({ id }) => id !== user.id))}
          />
        )}
        {trouble && <Bar tone="bad">{trouble}</Bar>}
        <div className="actions">
          <button type="button" className="button button--quiet" onClick={onClose}>
            Cancel
          </button>
          {kind !== 'person' && (
            <button type="submit" className="button button--primary" disabled={busy || !name.trim()}>
              {kind === 'group' ? 'Create group' : 'Enter room'}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
