import type { Chat } from '../talk/state.ts';
import { Avatar } from './avatar.tsx';
import { GroupIcon, RoomIcon } from './icons.tsx';

export function ChatAvatar({ chat: { type, name } }: { chat: Pick<Chat, 'type' | 'name'> }) {
  if (type === 'direct') return <Avatar name={name} of="them" />;
  return (
    <span className={`avatar avatar--${type === 'group' ? 'group' : 'room'}`} aria-hidden="true">
      {type === 'group' ? <GroupIcon /> : <RoomIcon />}
    </span>
  );
}
