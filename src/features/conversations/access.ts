import { addressGroup } from '../../kernel/address.ts';
import type { Identity } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Limiter } from '../../kernel/limiter.ts';
import type { Conversation, ConversationStore, Membership } from './conversations.ts';

export interface AccessNeeds {
  readonly conversations: Pick<ConversationStore, 'find' | 'openNamed'>;
  readonly limiter: Limiter;
  readonly ids: Ids;
  readonly clock: { now(): number };
  readonly config: { readonly openRooms: boolean };
}

export interface Found {
  readonly conversation: Conversation;
  readonly membership: Membership | null;
}

export const isOpen = ({ type }: Conversation): boolean => type === 'public' || type === 'stream';

/** Whether a user may read what is written there. */
export const conversationReaders =
  (conversations: Pick<ConversationStore, 'find'>) =>
  async (conversationId: string, userId: string): Promise<boolean> => {
    const found = await conversations.find(conversationId, userId);
    return found !== null && (found.membership !== null || isOpen(found.conversation));
  };

/** The same whether it does not exist or is not the caller's. */
export const noConversation = () => new AppError('NOT_FOUND', 'There is no such conversation.');

/** New conversations that one user or address may make by joining unknown names. */
const NEW_NAMES = { max: 20, windowMs: 60 * 60_000 };

const isId = (ref: string) => /^[0-9]+$/.test(ref);

/** Who may see and enter what. Asked at every join, and again at every event and route after it. */
export function createAccess({ conversations, limiter, ids, clock, config }: AccessNeeds) {
  /** @throws NOT_FOUND also for a direct or group conversation of others */
  async function visible(ref: string, who: Pick<Identity, 'id'>): Promise<Found> {
    const found = await conversations.find(ref, who.id);
    if (!found || (!found.membership && !isOpen(found.conversation))) throw noConversation();
    return found;
  }

  async function make(handle: string, who: Identity, address: string): Promise<Conversation> {
    if (!config.openRooms || isId(handle)) throw noConversation();
    const key = who.kind === 'user' ? `user:${who.id}` : `ip:${addressGroup(address)}`;
    const hit = await limiter.hit('new-rooms', key, NEW_NAMES);
    if (!hit.allowed) {
      throw new AppError(
        'RATE_LIMITED',
        `Too many new rooms. Try again in ${Math.ceil(hit.resetMs / 60_000)} minutes.`,
      );
    }
    const { conversation } = await conversations.openNamed({
      id: ids.next(),
      handle,
      type: 'public',
      name: handle,
      ownerId: who.kind === 'user' ? who.id : null,
      createdAt: clock.now(),
      pair: null,
    });
    return conversation;
  }

  return {
    visible,

    /** @throws NOT_FOUND as `visible`; FORBIDDEN where anyone may be a member and the caller is not */
    async member(ref: string, who: Pick<Identity, 'id'>): Promise<Found & { membership: Membership }> {
      const { conversation, membership } = await visible(ref, who);
      if (!membership) throw new AppError('FORBIDDEN', 'Join first.');
      return { conversation, membership };
    },

    /** @throws as `member`; FORBIDDEN for anyone but the owner, and BAD_INPUT in a direct conversation, which has none */
    async owned(ref: string, who: Pick<Identity, 'id'>): Promise<Conversation> {
      const { conversation } = await visible(ref, who);
      refuseDirect(conversation);
      if (conversation.ownerId !== who.id) throw new AppError('FORBIDDEN', 'That is for the owner.');
      return conversation;
    },

    /** For joins: a name that nobody has makes a public conversation. @param address for the limit of guests */
    async orMade(ref: string, who: Identity, address: string): Promise<Found> {
      const found = await conversations.find(ref, who.id);
      if (!found) return { conversation: await make(ref, who, address), membership: null };
      if (!found.membership && !isOpen(found.conversation)) throw noConversation();
      return found;
    },
  };
}

export type Access = ReturnType<typeof createAccess>;

export function refuseDirect({ type }: Conversation): void {
  if (type === 'direct') throw new AppError('BAD_INPUT', 'Not in a direct conversation: it has two members.');
}
