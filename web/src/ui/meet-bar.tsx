import type { Phase } from '../match/state.ts';
import { Bar } from './notices.tsx';
import { count } from './talk-words.ts';

interface Props {
  phase: Phase;
  calling: boolean;
  unread: number;
  onBack(): void;
}

/** Beside the conversations: what goes on meanwhile where strangers meet. */
export function MeetBar({ phase, calling, unread, onBack }: Props) {
  const words = wordsOf(phase, calling);
  if (words === null) return null;
  const news = unread > 0 ? ` ${count(unread)} new.` : '';
  return (
    <Bar tone="info" action={{ label: 'Go there', run: onBack }}>
      {words}
      {news}
    </Bar>
  );
}

function wordsOf(phase: Phase, calling: boolean): string | null {
  switch (phase.at) {
    case 'waiting':
      return 'Still looking for someone to meet.';
    case 'matched':
      return calling
        ? `Your call with ${phase.match.partner.name} goes on.`
        : `You are chatting with ${phase.match.partner.name}.`;
    case 'ended':
      return `The chat with ${phase.match.partner.name} has ended.`;
    case 'returning':
    case 'choosing':
    case 'preparing':
      return null;
  }
}
