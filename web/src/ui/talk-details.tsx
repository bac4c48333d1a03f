import { useEffect, useState, type FormEvent } from 'react';
import { ApiError } from '../net/api.ts';
import type { Chat, PublicUser } from '../talk/state.ts';
import type { Talk } from '../talk/talk.ts';
import { Avatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { StopIcon } from './icons.tsx';
import { Bar } from './notices.tsx';
import { PeoplePicker } from './people-picker.tsx';
import { sizeWords } from './talk-words.ts';
import { apiWords } from './words.ts';

interface Props {
  talk: Talk;
  chat: Chat;
  me: string;
  onClose(): void;
}

/** Who is in a conversation, and what can be done about it. */
export function TalkDetails({ talk, chat, me, onClose }: Props) {
  const { id, channelId, type, peer } = chat;
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const owner = chat.ownerId === me;

  /** Does it, learns what came of it, and says what went wrong. */
  async function attempt(step: () => Promise<unknown>, { closes = false } = {}) {
    setBusy(true);
    setTrouble(null);
    try {
      await step();
      if (closes) return onClose();
      await talk.learn(id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTrouble(apiWords(error));
    }
    setBusy(false);
  }

  useEffect(() => {
    talk.learn(id).catch((error: unknown) => {
      if (error instanceof ApiError) setTrouble(apiWords(error));
    });
  }, [talk, id]);

  async function block() {
    if (!peer) return;
    setBusy(true);
    setTrouble(await talk.block(peer.id));
    setBusy(false);
  }

  const leave = () => void attempt(() => talk.leave(id), { closes: true });
  return (
    <Dialog title={chat.name} onClose={onClose}>
      {trouble && <Bar tone="bad">{trouble}</Bar>}
      {type === 'direct' ? (
        <p>Only the two of you are in this conversation.</p>
      ) : (
        <>
          {(type === 'group' || owner) && (
            <Rename
              key={chat.name}
              name={chat.name}
              busy={busy}
              onRename={(name) => void attempt(() => talk.people.rename(channelId, name))}
            />
          )}
          <Members
            chat={chat}
            me={me}
            onRemove={
              owner && type === 'group'
                ? (user) => void attempt(() => talk.people.remove(channelId, user.id))
                : null
            }
          />
          {owner && type === 'group' && (
            <PeoplePicker
              people={talk.people}
              label="Add people"
              without={new Set(chat.members?.map((member) => member.id))}
              onChoose={(user) => void attempt(() => talk.people.add(channelId, [user.id]))}
            />
          )}
        </>
      )}
      <div className="actions">
        {type === 'direct' ? (
          <>
            <button type="button" className="button" disabled={busy} onClick={() => void block()}>
              Block
            </button>
            <button type="button" className="button button--danger" disabled={busy} onClick={leave}>
              Remove from my list
            </button>
          </>
        ) : (
          <button type="button" className="button button--danger" disabled={busy} onClick={leave}>
            {type === 'group' ? 'Leave group' : 'Leave room'}
          </button>
        )}
        <button type="button" className="button button--quiet" onClick={onClose}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

function Rename({ name, busy, onRename }: { name: string; busy: boolean; onRename(name: string): void }) {
  const [draft, setDraft] = useState(name);
  function submit(event: FormEvent) {
    event.preventDefault();
    if (draft.trim() && draft.trim() !== name) onRename(draft.trim());
  }
  return (
    <form className="field" onSubmit={submit}>
      <label htmlFor="rename">Name</label>
      <div className="field__row">
        <input
          id="rename"
          className="input"
          value={draft}
          maxLength={100}
          autoComplete="off"
          onChange={(event) => setDraft(event.target.value)}
        />
        <button type="submit" className="button" disabled={busy || !draft.trim() || draft.trim() === name}>
          Rename
        </button>
      </div>
    </form>
  );
}

interface MembersProps {
  chat: Chat;
  me: string;
  onRemove: ((user: PublicUser) => void) | null;
}

function Members({ chat, me, onRemove }: MembersProps) {
  const { members, memberCount, ownerId } = chat;
  if (members === null) return <p>Loading who is here…</p>;
  const more = (memberCount ?? 0) - members.length;
  return (
    <section>
      <h3>{sizeWords(chat)}</h3>
      <ul className="people-list people-list--still">
        {members.map((user) => (
          <li key={user.id} className="person">
            <Avatar name={user.username} of={user.id === me ? 'me' : 'them'} />
            <span>{user.id === me ? `${user.username} (you)` : user.username}</span>
            {user.id === ownerId && <span className="tag">owner</span>}
            {onRemove && user.id !== me && user.id !== ownerId && (
              <button
                type="button"
                className="icon-button icon-button--small"
                aria-label={`Remove ${user.username}`}
                onClick={() => onRemove(user)}
              >
                <StopIcon />
              </button>
            )}
          </li>
        ))}
      </ul>
      {more > 0 && <p className="hint">and {more} more</p>}
    </section>
  );
}
