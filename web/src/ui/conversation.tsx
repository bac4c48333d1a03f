import { useState } from 'react';
import type { State } from '../match/state.ts';
import { lastOwn } from '../talk/chat.ts';
import type { Chat, Message } from '../talk/state.ts';
import type { Talk } from '../talk/talk.ts';
import { ChatAvatar } from './chat-avatar.tsx';
import { Composer } from './composer.tsx';
import { Dialog } from './dialog.tsx';
import { BackIcon, InfoIcon, StopIcon } from './icons.tsx';
import { MediaComposer } from './media-composer.tsx';
import { Bar } from './notices.tsx';
import { TalkDetails } from './talk-details.tsx';
import { TalkLog } from './talk-log.tsx';
import { sizeWords, typingWords } from './talk-words.ts';

interface Props {
  talk: Talk;
  chat: Chat;
  me: string;
  divider: number | null;
  link: State['link'];
  onBack(): void;
}

export function Conversation({ talk, chat, me, divider, link, onBack }: Props) {
  const [editing, setEditing] = useState<Message | null>(null);
  const [deleting, setDeleting] = useState<Message | null>(null);
  const [details, setDetails] = useState(false);
  const [trouble, setTrouble] = useState<string | null>(null);
  const typing = typingWords(chat.typing, chat.type);

  function save(text: string) {
    if (!editing) return;
    setEditing(null);
    if (text !== editing.content) void talk.edit(editing, text).then(setTrouble);
  }

  function remove() {
    if (!deleting) return;
    setDeleting(null);
    void talk.remove(deleting).then(setTrouble);
  }

  return (
    <section className="conversation" aria-label={`Conversation: ${chat.name}`} data-chat={chat.id}>
      <header className="conversation__head">
        <button
          type="button"
          className="tool conversation__back"
          aria-label="All conversations"
          onClick={onBack}
        >
          <BackIcon />
        </button>
        <ChatAvatar chat={chat} />
        <div className="room__who">
          <h2>{chat.name}</h2>
          <p className="room__status" role="status">
            {typing ?? (chat.type === 'direct' ? '' : sizeWords(chat))}
          </p>
        </div>
        <button type="button" className="tool" aria-label="Details" onClick={() => setDetails(true)}>
          <InfoIcon />
        </button>
      </header>
      {trouble && (
        <div className="bars">
          <Bar tone="bad" onDismiss={() => setTrouble(null)}>
            {trouble}
          </Bar>
        </div>
      )}
      <TalkLog
        talk={talk}
        chat={chat}
        me={me}
        divider={divider}
        online={link === 'up'}
        onEdit={setEditing}
        onDelete={setDeleting}
        onReact={(message, reaction, on) => void talk.react(message, reaction, on).then(setTrouble)}
      />
      {editing && (
        <div className="editing">
          <p>Editing your message</p>
          <button
            type="button"
            className="icon-button icon-button--small"
            aria-label="Cancel editing"
            onClick={() => setEditing(null)}
          >
            <StopIcon />
          </button>
        </div>
      )}
      {editing ? (
        <Composer
          key={editing.id}
          initial={editing.content}
          eager
          onSend={save}
          onEscape={() => setEditing(null)}
        />
      ) : (
        <MediaComposer
          key="new"
          to={{ is: 'chat', id: chat.id }}
          name={chat.name}
          captions
          initial={talk.drafts.get(chat.id) ?? ''}
          onSend={(text) => {
            talk.drafts.delete(chat.id);
            talk.send(chat.id, text);
          }}
          onDraft={(text) => {
            talk.drafts.set(chat.id, text);
            talk.typing(chat.id, text.trim() !== '');
          }}
          onBlur={() => talk.typing(chat.id, false)}
          onUp={() => setEditing(lastOwn(chat, me) ?? null)}
        />
      )}
      {deleting && (
        <Dialog title="Delete this message?" onClose={() => setDeleting(null)}>
          <p>It is deleted for everybody in this conversation.</p>
          <div className="actions">
            <button type="button" className="button button--quiet" onClick={() => setDeleting(null)}>
              Cancel
            </button>
            <button type="button" className="button button--danger" onClick={remove}>
              Delete
            </button>
          </div>
        </Dialog>
      )}
      {details && <TalkDetails talk={talk} chat={chat} me={me} onClose={() => setDetails(false)} />}
    </section>
  );
}
