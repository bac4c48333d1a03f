import type { Place } from '../place.ts';
import { TextIcon } from './icons.tsx';
import { count } from './talk-words.ts';

export interface Unread {
  meet: number;
  talk: number;
}

interface Props {
  view: Place['view'];
  unread: Unread;
  onView(view: Place['view']): void;
}

/** The way between the two views; neither ends what goes on in the other. */
export function Views({ view, unread, onView }: Props) {
  return (
    <nav className="views" aria-label="Views">
      <View title="Meet" unread={unread.meet} current={view === 'meet'} onPress={() => onView('meet')} />
      <View
        title="Conversations"
        unread={unread.talk}
        current={view === 'talk'}
        onPress={() => onView('talk')}
      />
    </nav>
  );
}

function View({
  title,
  unread,
  current,
  onPress,
}: {
  title: string;
  unread: number;
  current: boolean;
  onPress(): void;
}) {
  return (
    <button
      type="button"
      className="views__view"
      aria-current={current ? 'page' : undefined}
      onClick={onPress}
    >
      {title}
      <Badge unread={unread} />
    </button>
  );
}

/** From a room, which has no other way out of it but to end it. */
export function TalkTool({ unread, onPress }: { unread: number; onPress(): void }) {
  return (
    <button type="button" className="tool tool--badged" onClick={onPress}>
      <TextIcon /> <span>Conversations</span>
      <Badge unread={unread} />
    </button>
  );
}

function Badge({ unread }: { unread: number }) {
  if (unread === 0) return null;
  return (
    <b className="badge">
      {count(unread)}
      <i className="hidden"> unread</i>
    </b>
  );
}
