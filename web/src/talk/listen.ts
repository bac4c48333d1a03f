import type { ServerToClient } from '../../../src/contract.ts';
import type { ChatSocket } from '../net/socket.ts';
import { limits } from './limits.ts';
import type { TalkEvent, TalkState } from './state.ts';

interface Deps {
  onConnect(): void;
  onDisconnect(): void;
  dispatch(event: TalkEvent): void;
  learn(chatId: string): Promise<void>;
  chats(): TalkState['chats'];
  now(): number;
}

/** Turns what the server pushes into events of the conversations. Returns what ends it. */
export function listen(socket: ChatSocket, deps: Deps): () => void {
  const { dispatch, learn, chats, now } = deps;

  const onReactions: ServerToClient['chat:reaction'] = ({ chatId, seq, reactions }) =>
    dispatch({ type: 'reactions', chatId, seq, reactions });

  const pushes: Partial<ServerToClient> = {
    // A pair's message is the match's affair.
    'chat:message': (message) => 'chatId' in message && dispatch({ type: 'message', message }),
    'chat:edited': (message) => dispatch({ type: 'message', message }),
    'chat:deleted': ({ chatId, seq }) => dispatch({ type: 'deleted', chatId, seq }),
    'chat:reaction': onReactions,
    'chat:reaction:remove': onReactions,
    'chat:read': ({ chatId, userId, seq }) => dispatch({ type: 'read', chatId, userId, seq }),
    'chat:typing': ({ chatId, userId, username: name, isTyping }) => {
      const typist = { userId, name, until: now() + limits.typingLastsMs };
      dispatch(isTyping ? { type: 'typing', chatId, typist } : { type: 'typing-ended', chatId, userId });
    },
    'chat:added': ({ chatId }) => void learn(chatId).catch(() => {}),
    left_channel: ({ channel_id }) => {
      const gone = Object.values(chats()).find(({ channelId }) => channelId === channel_id);
      if (gone) dispatch({ type: 'left', chatId: gone.id });
    },
  };
  const listeners = { ...pushes, connect: deps.onConnect, disconnect: deps.onDisconnect };

  for (const [event, listener] of Object.entries(listeners)) socket.on(event as never, listener as never);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) socket.off(event as never, listener as never);
  };
}
