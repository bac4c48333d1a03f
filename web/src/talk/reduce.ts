import { chatOf, receive, settled, withPosition } from './chat.ts';
import { asDeleted, emptyLog, withChange, withOlder, withSync } from './log.ts';
import type { Chat, TalkEvent, TalkState } from './state.ts';

/** Pure. What concerns a conversation that is not known changes nothing. */
export function reduce(state: TalkState, event: TalkEvent): TalkState {
  switch (event.type) {
    case 'listed': {
      const chats: Record<string, Chat> = {};
      for (const info of event.chats) chats[info.id] = chatOf(state, info);
      // The list may be older than what was opened meanwhile.
      const kept = state.shown && state.chats[state.shown.id];
      if (kept && !chats[kept.id]) chats[kept.id] = kept;
      return placed(opened(state, { ...state, list: 'ready', chats }));
    }
    case 'list-failed':
      return state.list === 'ready' ? state : { ...state, list: 'failed' };
    case 'known': {
      const chat = chatOf(state, event.chat);
      return placed(opened(state, { ...state, chats: { ...state.chats, [chat.id]: chat } }));
    }
    case 'left': {
      const { [event.chatId]: gone, ...chats } = state.chats;
      if (!gone) return state;
      return { ...state, chats, shown: state.shown?.id === gone.id ? null : state.shown };
    }
    case 'disconnected':
      return everyChat(state, (chat) => ({ ...chat, joined: false, typing: [] }));
    case 'time':
      return everyChat(state, (chat) =>
        chat.typing.some(({ until }) => until <= event.now)
          ? { ...chat, typing: chat.typing.filter(({ until }) => until > event.now) }
          : chat,
      );
    case 'shown':
      if (event.chatId === null) return state.shown ? { ...state, shown: null } : state;
      return { ...state, shown: { id: event.chatId, divider: dividerOf(state.chats[event.chatId]) } };
    case 'wrote':
      // Whoever answers has seen what is new.
      return within(
        state.shown ? { ...state, shown: { ...state.shown, divider: null } } : state,
        event.item.chatId,
        (chat) => ({ ...chat, pending: [...chat.pending, event.item] }),
      );
    case 'message':
      return within(state, event.message.chatId, (chat) => receive(chat, event.message, state.me));
    default:
      return within(state, event.chatId, (chat) => change(chat, event, state.me));
  }
}

type OfOne = Extract<
  TalkEvent,
  {
    type:
      | 'joined'
      | 'older'
      | 'trouble'
      | 'synced'
      | 'reset'
      | 'reactions'
      | 'deleted'
      | 'read'
      | 'typing'
      | 'typing-ended'
      | 'delivery'
      | 'discarded';
  }
>;

function change(chat: Chat, event: OfOne, me: string): Chat {
  switch (event.type) {
    case 'joined':
      return withPosition({ ...chat, joined: true }, event);
    case 'trouble':
      return { ...chat, trouble: event.trouble };
    case 'older':
      if (event.before !== chat.log.from) return chat;
      return { ...chat, trouble: null, log: withOlder(chat.log, event) };
    case 'synced':
      return event.messages.reduce((all, message) => receive(all, message, me, { live: false }), {
        ...chat,
        log: withSync(chat.log, event),
      });
    case 'reset':
      return {
        ...chat,
        log: emptyLog(event.upTo, event.epoch),
        counted: { unread: 0, seq: event.upTo },
        readSeq: Math.min(chat.readSeq, event.upTo),
      };
    case 'reactions': {
      const { seq, reactions } = event;
      return withLast({ ...chat, log: withChange(chat.log, seq, (message) => ({ ...message, reactions })) });
    }
    case 'deleted': {
      const last = chat.last?.seq === event.seq ? asDeleted(chat.last) : chat.last;
      return { ...chat, last, log: withChange(chat.log, event.seq, asDeleted) };
    }
    case 'read':
      if (event.userId === me) return { ...chat, readSeq: Math.max(chat.readSeq, event.seq) };
      if ((chat.reads[event.userId] ?? 0) >= event.seq) return chat;
      return { ...chat, reads: { ...chat.reads, [event.userId]: event.seq } };
    case 'typing': {
      const others = chat.typing.filter(({ userId }) => userId !== event.typist.userId);
      return { ...chat, typing: [...others, event.typist] };
    }
    case 'typing-ended':
      return { ...chat, typing: chat.typing.filter(({ userId }) => userId !== event.userId) };
    case 'delivery': {
      const { tempId, delivery, why } = event;
      const pending = chat.pending.map((item) => {
        if (item.tempId !== tempId) return item;
        const { why: _, ...rest } = item;
        return { ...rest, delivery, ...(why !== undefined && { why }) };
      });
      return { ...chat, pending };
    }
    case 'discarded':
      return { ...chat, pending: chat.pending.filter(({ tempId }) => tempId !== event.tempId) };
  }
}

/** The preview in the list follows what was edited in the log. */
function withLast(chat: Chat): Chat {
  const { last, log } = chat;
  const same = last && log.messages.find(({ seq }) => seq === last.seq);
  return same && same !== last ? { ...chat, last: same } : chat;
}

function within(state: TalkState, chatId: string, step: (chat: Chat) => Chat): TalkState {
  const chat = state.chats[chatId];
  if (!chat) return state;
  const next = step(chat);
  if (next === chat) return state;
  const watched = state.shown?.id === chatId;
  return { ...state, chats: { ...state.chats, [chatId]: settled(next, state.me, watched) } };
}

function everyChat(state: TalkState, step: (chat: Chat) => Chat): TalkState {
  let changed = false;
  const chats = Object.fromEntries(
    Object.entries(state.chats).map(([id, chat]) => {
      const next = step(chat);
      changed ||= next !== chat;
      return [id, next];
    }),
  );
  return changed ? { ...state, chats } : state;
}

const dividerOf = (chat: Chat | undefined): number | null => (chat && chat.unread > 0 ? chat.readSeq : null);

/** A conversation may be on the screen before anything is known of it. */
function opened(before: TalkState, state: TalkState): TalkState {
  const { shown } = state;
  if (!shown || before.chats[shown.id] || !state.chats[shown.id]) return state;
  return { ...state, shown: { ...shown, divider: dividerOf(state.chats[shown.id]) } };
}

/** Puts what was written before a reload into its conversations. */
function placed(state: TalkState): TalkState {
  const mine = state.unplaced.filter(({ chatId }) => state.chats[chatId]);
  if (mine.length === 0) return state;
  const chats = { ...state.chats };
  for (const item of mine) {
    const chat = chats[item.chatId]!;
    if (!chat.pending.some(({ tempId }) => tempId === item.tempId))
      chats[item.chatId] = { ...chat, pending: [...chat.pending, item] };
  }
  return { ...state, chats, unplaced: state.unplaced.filter(({ chatId }) => !state.chats[chatId]) };
}
