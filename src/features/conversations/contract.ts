import { contractOf } from '../../kernel/contract.ts';
import { channelsContract } from './channels.contract.ts';
import { chatContract } from './chat.contract.ts';
import { roomsContract } from './rooms.contract.ts';

export { limits, type ConversationType, type MessageType } from './common.contract.ts';

/** One conversation model in three dialects. */
export const conversationsContract = contractOf({
  name: 'conversations',
  requests: { ...chatContract.requests, ...channelsContract.requests, ...roomsContract.requests },
  pushes: { ...chatContract.pushes, ...channelsContract.pushes, ...roomsContract.pushes },
  routes: { ...chatContract.routes, ...channelsContract.routes, ...roomsContract.routes },
});

/** In-process announcements of this feature. */
export interface ConversationFacts {
  /** Stored and on its way to those who have the conversation open. */
  'message.removed': { messageId: string; uploadId: string | null };
  'conversation.removed': { conversationId: string };
  'message.posted': { conversationId: string; messageId: string; seq: number; senderId: string };
}
