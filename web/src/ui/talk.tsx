import { useState } from 'react';
import type { State } from '../match/state.ts';
import type { Place } from '../place.ts';
import { useStore } from '../store.ts';
import type { Talk } from '../talk/talk.ts';
import { Conversation } from './conversation.tsx';
import { NewTalk } from './new-talk.tsx';
import { TalkList } from './talk-list.tsx';

interface Props {
  talk: Talk;
  link: State['link'];
  chatId: string | null;
  go(place: Place, options?: { replace?: boolean }): void;
}

/** All conversations, and one of them: side by side, or on a phone one after the other. */
export function TalkView({ talk, link, chatId, go }: Props) {
  const { chats, list, shown, me } = useStore(talk.store);
  const [beginning, setBeginning] = useState(false);
  const chat = chatId === null ? undefined : chats[chatId];
  const open = (id: string | null, replace = false) => go({ view: 'talk', chatId: id }, { replace });

  return (
    <main className="talk" data-open={chatId !== null}>
      <TalkList
        talk={talk}
        chats={chats}
        list={list}
        me={me}
        current={chatId}
        onOpen={(id) => open(id, chatId !== null)}
        onNew={() => setBeginning(true)}
      />
      {chat ? (
        <Conversation
          key={chat.id}
          talk={talk}
          chat={chat}
          me={me}
          divider={shown?.id === chat.id ? shown.divider : null}
          link={link}
          onBack={() => open(null, true)}
        />
      ) : (
        <Nothing wanted={chatId !== null} list={list} onBack={() => open(null, true)} />
      )}
      {beginning && (
        <NewTalk
          talk={talk}
          onClose={() => setBeginning(false)}
          onOpened={(id) => {
            setBeginning(false);
            open(id, chatId !== null);
          }}
        />
      )}
    </main>
  );
}

function Nothing({ wanted, list, onBack }: { wanted: boolean; list: string; onBack(): void }) {
  return (
    <section className="conversation conversation--none">
      <p>
        {!wanted
          ? 'Choose a conversation, or begin one.'
          : list === 'loading'
            ? 'One moment…'
            : 'This conversation is not here, or not yours.'}
      </p>
      {wanted && (
        <button type="button" className="button" onClick={onBack}>
          All conversations
        </button>
      )}
    </section>
  );
}
