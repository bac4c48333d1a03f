import type { Outbox } from '../../kernel/outbox.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import { noConversation } from './access.ts';
import { broadcast, type ConversationPushes } from './broadcast.ts';
import type { Conversation, ConversationStore } from './conversations.ts';
import type { Appended, Draft, MessageStore } from './messages.ts';

export interface Post {
  readonly draft: Omit<Draft, 'hiddenFrom'>;
  /** As others see the sender. */
  readonly sender: PublicUser;
  readonly tempId: string | undefined;
  /** False for administrators: who else writes must be a member, or the conversation open to all. */
  readonly needsRight: boolean;
}

export interface WriterNeeds {
  readonly messages: Pick<MessageStore, 'append'>;
  readonly conversations: Pick<ConversationStore, 'admitted'>;
  /** Who has blocked this sender. */
  readonly hiddenFrom: (senderId: string) => Promise<readonly string[]>;
  readonly outbox: Outbox<ConversationPushes>;
  readonly onStored: (conversation: Conversation, stored: Appended) => void;
}

/** What one group takes; the rest is the next group's. */
const GROUP = 200;

interface Waiting {
  readonly post: Post;
  readonly resolve: (stored: Appended) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what waits for one conversation on this worker is checked, stored and numbered together, acknowledged, and then
 * broadcast in order. One group of a conversation is on its way at a time.
 */
export function createWriter(needs: WriterNeeds) {
  const queues = new Map<string, Waiting[]>();

  async function rightsOf(
    conversationId: string,
    group: readonly Waiting[],
  ): Promise<(post: Post) => boolean> {
    const senders = new Set(
      group.filter(({ post }) => post.needsRight).map(({ post }) => post.draft.senderId),
    );
    if (senders.size === 0) return () => true;
    const pairs = [...senders].map((userId) => ({ conversationId, userId }));
    const admitted = new Set((await needs.conversations.admitted(pairs)).map(({ userId }) => userId));
    return ({ draft, needsRight }) => !needsRight || admitted.has(draft.senderId);
  }

  async function hiddenFrom(group: readonly Waiting[]): Promise<(post: Post) => readonly string[]> {
    const senders = [...new Set(group.map(({ post }) => post.draft.senderId))];
    const lists = await Promise.all(senders.map((id) => needs.hiddenFrom(id)));
    const bySender = new Map(senders.map((id, index) => [id, lists[index]!]));
    return ({ draft }) => bySender.get(draft.senderId)!;
  }

  async function store(conversation: Conversation, group: readonly Waiting[]): Promise<void> {
    const [mayWrite, hiddenOf] = await Promise.all([rightsOf(conversation.id, group), hiddenFrom(group)]);
    const allowed = group.filter(({ post }) => mayWrite(post));
    for (const refused of group) if (!allowed.includes(refused)) refused.reject(noConversation());
    if (allowed.length === 0) return;
    const drafts = allowed.map(({ post }) => ({ ...post.draft, hiddenFrom: hiddenOf(post) }));
    const stored = await needs.messages.append(conversation.id, drafts);
    for (const [index, { resolve }] of allowed.entries()) resolve(stored[index]!);
    // Acknowledgements go out first: E's clients are promised that.
    setImmediate(() => {
      for (const [index, { post }] of allowed.entries()) {
        const { message, repeated } = stored[index]!;
        if (repeated) continue;
        broadcast(needs.outbox, conversation, message, post.sender, post.tempId);
        needs.onStored(conversation, stored[index]!);
      }
    });
  }

  async function drain(conversation: Conversation, queue: Waiting[]): Promise<void> {
    // Whoever posts in this tick belongs to the first group.
    await new Promise((resolve) => setImmediate(resolve));
    while (queue.length > 0) {
      const group = queue.splice(0, GROUP);
      await store(conversation, group).catch((error: unknown) => {
        for (const { reject } of group) reject(error);
      });
    }
    queues.delete(conversation.id);
  }

  return {
    /** Resolves when it is stored. @throws NOT_FOUND for who may not write (any more), UNAVAILABLE */
    post(conversation: Conversation, post: Post): Promise<Appended> {
      return new Promise((resolve, reject) => {
        const waiting = { post, resolve, reject };
        const queue = queues.get(conversation.id);
        if (queue) return void queue.push(waiting);
        const begun = [waiting];
        queues.set(conversation.id, begun);
        void drain(conversation, begun);
      });
    },
  };
}

export type Writer = ReturnType<typeof createWriter>;
