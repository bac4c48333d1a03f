import { ApiError } from '../net/api.ts';
import { type ChatSocket, request } from '../net/socket.ts';
import type { Session } from '../session/session.ts';
import { createStore, type Store } from '../store.ts';
import type { Attached } from '../uploads/attached.ts';
import { type Acts, createActs, failureWords } from './acts.ts';
import { byActivity } from './chat.ts';
import { createJoins } from './joins.ts';
import { limits } from './limits.ts';
import { listen } from './listen.ts';
import { isGapped } from './log.ts';
import { createOutbox, type Outbox } from './outbox.ts';
import { createPeople, type People } from './people.ts';
import type { Queue } from './queue.ts';
import { createReading } from './reading.ts';
import { reduce } from './reduce.ts';
import { type ChatInfo, initialTalk, type TalkEvent, type TalkState } from './state.ts';
import { createSync } from './sync.ts';
import { newTempId } from './temp-id.ts';
import { createTyping } from './typing.ts';

/** One user's conversations: what the screens show, and what their buttons do. */
export interface Talk extends Acts, Pick<Outbox, 'send' | 'resend' | 'discard'> {
  /** A message whose file is uploaded. False: the conversation is not there any more. */
  sendUpload(chatId: string, attached: Attached, caption: string): boolean;
  readonly store: Store<TalkState>;
  readonly people: People;
  start(): void;
  stop(): void;
  /** Asks for the list once more after it failed. */
  retry(): void;
  /** The user signs out: nothing they wrote stays on this device. */
  forget(): void;
  /** The conversation on the screen; null is none. */
  show(chatId: string | null): void;
  /** Each opens one and resolves to its id. @throws ApiError */
  withPerson(userId: string): Promise<string>;
  withGroup(name: string, userIds: readonly string[]): Promise<string>;
  /** Joins a public room; an unknown name makes it. Resolves to its id. @throws ApiError */
  enter(name: string): Promise<string>;
  /** Learns what a conversation is now; a new one is joined. @throws ApiError */
  learn(chatId: string): Promise<void>;
  /** Loads what is in front of the known messages. */
  older(chatId: string): Promise<void>;
  /** The user has the shown conversation before them, down to its end. */
  seen(): void;
  /** Something was typed; `writing`: and stands in the field. */
  typing(chatId: string, writing: boolean): void;
  /** Ends the membership; of a direct conversation hides it. @throws ApiError */
  leave(chatId: string): Promise<void>;
  /** What stands in the field of each conversation. */
  readonly drafts: Map<string, string>;
}

const LIST_RETRY_MS = 8_000;

export function createTalk(session: Session, socket: ChatSocket, queue: Queue): Talk {
  const userId = () => session.store.get().identity?.user.id.toString() ?? '';
  const begin = (me: string) => initialTalk(me, queue.read(me));
  const store = createStore<TalkState>(begin(userId()));
  const dispatch = (event: TalkEvent) => {
    store.set(reduce(store.get(), event));
    sync.watch();
  };
  const chatOf = (id: string) => store.get().chats[id];
  const isJoined = (id: string) => chatOf(id)?.joined ?? false;
  const now = () => Date.now();
  const people = createPeople(session);
  const drafts = new Map<string, string>();
  const loading = new Set<string>();
  let listTimer: ReturnType<typeof setTimeout> | undefined;
  let clock: ReturnType<typeof setInterval> | undefined;

  const sync = createSync({
    store,
    dispatch,
    ask: (conversations) => request(socket, 'chat:sync', { conversations }),
    isConnected: () => socket.connected,
    onReset(chatId) {
      if (store.get().shown?.id === chatId) void older(chatId);
      void learn(chatId).catch(() => {});
    },
    random: Math.random,
  });
  const joins = createJoins({
    ask: (chatId) => request(socket, 'chat:join', chatId),
    isJoined,
    onJoined: ({ success: _, name: __, type: ___, ...position }) => dispatch({ type: 'joined', ...position }),
    onGone: (chatId) => dispatch({ type: 'left', chatId }),
    now,
  });
  const outbox = createOutbox({
    store,
    dispatch,
    queue,
    isConnected: () => socket.connected,
    ensureJoined: joins.one,
    async emit({ chatId, text, tempId, attached }) {
      const said = attached
        ? { type: attached.kind, content: { id: attached.upload.id, ...(text && { caption: text }) } }
        : { content: text };
      const answer = await request(socket, 'chat:message', { chatId, tempId, ...said });
      if (!answer.success) return answer;
      if ('message' in answer) return { success: true, message: answer.message };
      throw new TypeError('the answer is of a pair');
    },
    now,
    newId: newTempId,
  });
  const typing = createTyping(
    (chatId, isTyping) => void request(socket, 'chat:typing', { chatId, isTyping }),
    now,
  );
  const reading = createReading({
    tell(chatId, messageId, seq) {
      dispatch({ type: 'read', chatId, userId: store.get().me, seq });
      void request(socket, 'chat:read', { chatId, messageId }).then(({ success }) => {
        if (!success) reading.stop();
      });
    },
    chatOf,
    now,
  });

  /** False: the list could not be had. */
  async function refresh(): Promise<boolean> {
    const { me } = store.get();
    try {
      const { conversations } = await session.call('GET /conversations');
      if (store.get().me === me) dispatch({ type: 'listed', chats: conversations });
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (store.get().me === me) dispatch({ type: 'list-failed' });
      return false;
    }
  }

  /** After each connection: what is shown comes first, then the rest is joined, then what was missed is fetched. */
  async function arrive(): Promise<void> {
    clearTimeout(listTimer);
    const { shown } = store.get();
    const first = shown ? catchUp(shown.id) : null;
    if (!(await refresh())) listTimer = setTimeout(() => socket.connected && void arrive(), LIST_RETRY_MS);
    const busiest = byActivity(store.get().chats).slice(0, limits.joined);
    await joins.all(busiest.map(({ id }) => id));
    await first;
    outbox.flush();
    const behind = Object.values(store.get().chats).filter(
      ({ id, joined, log }) => joined && id !== shown?.id && (log.messages.length > 0 || isGapped(log)),
    );
    await sync.run(behind.map(({ id }) => id));
  }

  /** Makes one conversation complete and live. */
  async function catchUp(chatId: string): Promise<void> {
    if (!chatOf(chatId)) await learn(chatId).catch(() => {});
    if (!chatOf(chatId) || !(await joins.one(chatId))) return;
    outbox.flush();
    const isEmpty = chatOf(chatId)?.log.messages.length === 0;
    // Before the history: changes of it count from here on.
    await sync.run([chatId]);
    if (isEmpty) await older(chatId);
  }

  async function older(chatId: string): Promise<void> {
    const chat = chatOf(chatId);
    if (!chat?.log.moreBefore || loading.has(chatId)) return;
    loading.add(chatId);
    const { from } = chat.log;
    // Unread ones shall fit in, so that the line in front of them can be shown.
    const limit = Math.min(limits.pageMax, limits.page + (chat.log.messages.length === 0 ? chat.unread : 0));
    try {
      const page = await session.call('GET /conversations/:id/messages', {
        params: { id: chatId },
        query: { beforeSeq: from, limit },
      });
      const { messages, moreBefore, floor } = page;
      dispatch({ type: 'older', chatId, before: from, messages, moreBefore, floor });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      dispatch({ type: 'trouble', chatId, trouble: error.message });
    } finally {
      loading.delete(chatId);
    }
  }

  async function learn(chatId: string): Promise<void> {
    const { me } = store.get();
    const chat = await people.details(chatId);
    if (store.get().me !== me) return;
    dispatch({ type: 'known', chat });
    if (socket.connected && (await joins.one(chat.id))) outbox.flush();
  }

  function known(chat: ChatInfo): string {
    dispatch({ type: 'known', chat });
    if (socket.connected) void joins.one(chat.id);
    return chat.id;
  }

  function onConnect(): void {
    const me = userId();
    if (me !== store.get().me) {
      // The guest we were is gone: what it wrote can be sent by nobody.
      queue.clear(store.get().me);
      drafts.clear();
      store.set(begin(me));
    }
    void arrive();
  }

  function onDisconnect(): void {
    clearTimeout(listTimer);
    joins.stop();
    typing.stop();
    reading.stop();
    dispatch({ type: 'disconnected' });
  }

  const listeners = { onConnect, onDisconnect, dispatch, learn, chats: () => store.get().chats, now };
  let silence: (() => void) | undefined;

  return {
    store,
    people,
    drafts,
    learn,
    older,
    send(chatId, text) {
      typing.note(chatId, false);
      outbox.send(chatId, text);
    },
    resend: outbox.resend,
    discard(chatId, tempId) {
      const upload = chatOf(chatId)?.pending.find((item) => item.tempId === tempId)?.attached?.upload;
      outbox.discard(chatId, tempId);
      // Else it goes by itself, a day later.
      if (upload) void session.call('DELETE /upload/:id', { params: { id: upload.id } }).catch(() => {});
    },
    sendUpload(chatId, attached, caption) {
      if (!chatOf(chatId)) return false;
      outbox.send(chatId, caption, attached);
      return true;
    },
    retry: () => void arrive(),
    forget: () => queue.clear(store.get().me),
    start() {
      silence = listen(socket, listeners);
      clock = setInterval(() => dispatch({ type: 'time', now: now() }), 1_000);
      if (socket.connected) onConnect();
    },
    stop() {
      silence?.();
      clearInterval(clock);
      clearTimeout(listTimer);
      joins.stop();
      sync.stop();
      outbox.stop();
      reading.stop();
    },
    show(chatId) {
      if (store.get().shown?.id === (chatId ?? undefined)) return;
      typing.stop();
      dispatch({ type: 'shown', chatId });
      const chat = chatId === null ? undefined : chatOf(chatId);
      const live = chat?.joined && chat.log.cursor !== null && !isGapped(chat.log);
      if (chatId !== null && socket.connected && !live) void catchUp(chatId);
    },
    withPerson: async (id) => known(await people.direct(id)),
    withGroup: async (name, userIds) => known(await people.group(name, userIds)),
    async enter(name) {
      const answer = await request(socket, 'chat:join', name);
      if (!answer.success) throw new ApiError(answer.error.code, failureWords(answer), 0, {}, null);
      const { success: _, name: __, type: ___, ...position } = answer;
      dispatch({ type: 'known', chat: await people.details(answer.chatId) });
      dispatch({ type: 'joined', ...position });
      return answer.chatId;
    },
    seen() {
      const { shown } = store.get();
      const chat = shown && chatOf(shown.id);
      if (chat) reading.seen(chat);
    },
    typing: typing.note,
    ...createActs(socket, dispatch),
    async leave(chatId) {
      const chat = chatOf(chatId);
      if (!chat) return;
      await people.leave(chat.channelId);
      dispatch({ type: 'left', chatId });
    },
  };
}
