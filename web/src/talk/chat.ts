import { limits } from './limits.ts';
import { countAfter, emptyLog, isGapped, shortened, withMessage } from './log.ts';
import type { Chat, ChatDetails, ChatInfo, Message, TalkState } from './state.ts';

/** Pure steps of one conversation. */

/** As the server describes it now, with what this page knows beyond that. */
export function chatOf({ chats, me }: TalkState, info: ChatInfo | ChatDetails): Chat {
  const known = chats[info.id];
  const counted = { unread: info.unread, seq: info.lastSeq };
  const described = {
    id: info.id,
    channelId: info.channelId,
    type: info.type,
    name: info.name,
    ownerId: info.ownerId,
    peer: info.peer,
    createdAt: info.createdAt,
    members: 'members' in info ? info.members : (known?.members ?? null),
    memberCount: 'memberCount' in info ? info.memberCount : (known?.memberCount ?? null),
  };
  if (!known) {
    return {
      ...described,
      joined: false,
      readSeq: info.readSeq,
      counted,
      unread: info.unread,
      last: info.lastMessage,
      log: emptyLog(info.lastSeq),
      pending: [],
      typing: [],
      reads: {},
      trouble: null,
    };
  }
  const { log } = known;
  // What is behind matters only where the messages are shown; elsewhere the count of the server will do.
  const skips = log.messages.length === 0 && info.lastSeq > log.to;
  return settled(
    {
      ...known,
      ...described,
      readSeq: Math.max(known.readSeq, info.readSeq),
      counted: info.lastSeq >= known.counted.seq ? counted : known.counted,
      last: newer(info.lastMessage, known.last),
      log: skips ? emptyLog(info.lastSeq, log.epoch) : log,
    },
    me,
    true,
  );
}

/** Of one message the first is the newer one. */
function newer(told: Message | null, known: Message | null): Message | null {
  return known && (!told || known.seq > told.seq) ? known : told;
}

/** Where the server says that the conversation stands, right after this socket joined it. */
export function withPosition(
  chat: Chat,
  { readSeq, lastSeq, epoch }: { readSeq: number; lastSeq: number; epoch: string },
): Chat {
  const { log } = chat;
  if (log.epoch !== null && log.epoch !== epoch) {
    const counted = { unread: 0, seq: lastSeq };
    return { ...chat, readSeq, counted, log: emptyLog(lastSeq, epoch) };
  }
  return {
    ...chat,
    readSeq: Math.max(chat.readSeq, readSeq),
    log: { ...log, epoch, target: Math.max(log.target, lastSeq) },
  };
}

/** A message that was pushed, acknowledged or asked for. `live`: it is being said now. */
export function receive(chat: Chat, message: Message, me: string, { live = true } = {}): Chat {
  const mine = message.senderId === me;
  const next = {
    ...chat,
    last: !chat.last || message.seq >= chat.last.seq ? message : chat.last,
    log: live ? withMessage(chat.log, message) : chat.log,
  };
  if (mine && message.tempId !== undefined)
    next.pending = chat.pending.filter(({ tempId }) => tempId !== message.tempId);
  if (live) next.typing = chat.typing.filter(({ userId }) => userId !== message.senderId);
  return next;
}

/** With its unread messages counted anew; one that nobody looks at is kept short. */
export function settled(chat: Chat, me: string, watched: boolean): Chat {
  const { log, readSeq, counted } = chat;
  let { unread } = counted;
  if (log.from <= readSeq + 1) unread = countAfter(log, readSeq, me);
  else {
    if (readSeq >= counted.seq) unread = 0;
    unread += countAfter(log, Math.max(readSeq, counted.seq), me);
  }
  unread = Math.min(unread, limits.unread);
  if (watched || log.messages.length <= limits.keptUnseen || isGapped(log)) {
    return unread === chat.unread ? chat : { ...chat, unread };
  }
  return { ...chat, unread, counted: { unread, seq: log.to }, log: shortened(log, limits.keptShort) };
}

/** The last own message that can still be changed. */
export const lastOwn = (chat: Chat, me: string): Message | undefined =>
  chat.log.messages.findLast(({ senderId, type, deleted }) => senderId === me && type === 'text' && !deleted);

/** When something last happened there, in ms. */
export const activeAt = ({ pending, last, createdAt }: Chat): number =>
  pending.at(-1)?.at ?? Date.parse(last?.createdAt ?? createdAt);

/** Newest activity first. */
export const byActivity = (chats: TalkState['chats']): readonly Chat[] =>
  Object.values(chats).sort((a, b) => activeAt(b) - activeAt(a) || (a.id < b.id ? 1 : -1));

export const unreadIn = (chats: TalkState['chats']): number =>
  Object.values(chats).reduce((sum, { unread }) => sum + unread, 0);
