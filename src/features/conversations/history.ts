import type { Identity } from '../../kernel/connection.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import type { Access } from './access.ts';
import type { Conversation, ConversationStore, Membership } from './conversations.ts';
import type { Message, MessageStore, Page, Position } from './messages.ts';
import type { Messaging, Shown } from './messaging.ts';
import { sendersOf } from './profiles.ts';

export interface HistoryNeeds {
  readonly access: Access;
  readonly messaging: Pick<Messaging, 'seqOf'>;
  readonly conversations: Pick<ConversationStore, 'listOf'>;
  readonly messages: Pick<MessageStore, 'page' | 'positions' | 'latest' | 'unread'>;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
}

/** A conversation as its member sees it in a list. */
export interface Listed {
  readonly conversation: Conversation;
  readonly membership: Membership | null;
  /** Of a direct one: the other. Null otherwise, or when that account is gone. */
  readonly peer: PublicUser | null;
  readonly position: Position;
  readonly unread: number;
  readonly latest: Shown | null;
}

/** Where a page is cut; both as the number of a message that is not on it. */
export type Place = { readonly before: number } | { readonly after: number } | { readonly around: number };

const LISTED = 200;
const EVERYTHING = { before: Number.MAX_SAFE_INTEGER };

/** What is read: lists of conversations and pages of messages. */
export function createHistory({ access, messaging, conversations, messages, accounts }: HistoryNeeds) {
  async function shown(conversation: Conversation, list: readonly Message[]): Promise<readonly Shown[]> {
    const senderOf = await sendersOf(accounts, list);
    return list.map((message) => ({ conversation, message, sender: senderOf(message) }));
  }

  async function peersOf(list: readonly Conversation[], userId: string) {
    const idOf = ({ pair }: Conversation) => pair?.find((id) => id !== userId);
    const ids = list.flatMap((conversation) => idOf(conversation) ?? []);
    const users = new Map((ids.length > 0 ? await accounts.byIds(ids) : []).map((user) => [user.id, user]));
    return (conversation: Conversation): PublicUser | null => {
      const id = idOf(conversation);
      return (id !== undefined && users.get(id)) || null;
    };
  }

  async function listed(
    who: Identity,
    found: readonly { conversation: Conversation; membership: Membership | null }[],
  ): Promise<readonly Listed[]> {
    const ids = found.map(({ conversation }) => conversation.id);
    const [positions, latest, unread, peerOf] = await Promise.all([
      messages.positions(ids),
      messages.latest(ids, who.id),
      messages.unread(
        who.id,
        found.map(({ conversation, membership }) => ({
          conversationId: conversation.id,
          after: membership?.readSeq ?? Number.MAX_SAFE_INTEGER,
        })),
      ),
      peersOf(
        found.map(({ conversation }) => conversation),
        who.id,
      ),
    ]);
    const positionOf = new Map(positions.map((position) => [position.conversationId, position]));
    const senderOf = await sendersOf(accounts, latest);
    const latestOf = new Map(latest.map((message) => [message.conversationId, message]));
    return found.flatMap(({ conversation, membership }, index) => {
      const position = positionOf.get(conversation.id);
      // Removed a moment ago.
      if (!position) return [];
      const message = latestOf.get(conversation.id);
      return {
        conversation,
        membership,
        peer: peerOf(conversation),
        position,
        unread: unread[index]!,
        latest: message ? { conversation, message, sender: senderOf(message) } : null,
      };
    });
  }

  /** A message that is hidden from the member brings nothing back. */
  const isListed = ({ membership, latest }: Listed) =>
    membership === null || (latest?.message.seq ?? 0) >= membership.hiddenUntil;

  const page = (
    conversation: Conversation,
    range: Parameters<MessageStore['page']>[1],
    who: Identity,
    limit: number,
  ) => messages.page(conversation.id, range, { limit, reader: who.id, withDeleted: true });

  const nothing: Page = { messages: [], more: false };

  return {
    /** Where the caller is a member, the latest message first. */
    async list(who: Identity): Promise<readonly Listed[]> {
      const all = await listed(who, await conversations.listOf(who.id, LISTED));
      const activity = ({ latest, conversation }: Listed) =>
        latest?.message.createdAt ?? conversation.createdAt;
      return all.filter(isListed).toSorted((a, b) => activity(b) - activity(a));
    },

    async one(who: Identity, ref: string): Promise<Listed> {
      const [one] = await listed(who, [await access.visible(ref, who)]);
      return one!;
    },

    /** Oldest first, deleted ones too; without a place the newest. */
    async around(who: Identity, ref: string, place: Place | null, limit: number) {
      const { conversation } = await access.visible(ref, who);
      const [before, after] =
        place === null
          ? [await page(conversation, EVERYTHING, who, limit), nothing]
          : 'before' in place
            ? [await page(conversation, place, who, limit), nothing]
            : 'after' in place
              ? [nothing, await page(conversation, place, who, limit)]
              : await Promise.all([
                  page(conversation, { before: place.around }, who, Math.floor((limit - 1) / 2)),
                  page(conversation, { after: place.around - 1 }, who, Math.ceil((limit + 1) / 2)),
                ]);
      const [position] = await messages.positions([conversation.id]);
      return {
        messages: await shown(conversation, [...before.messages.toReversed(), ...after.messages]),
        // Beyond the cut itself there may be something as well.
        moreBefore: place !== null && 'after' in place ? place.after > (position?.floor ?? 0) : before.more,
        moreAfter: place !== null && 'before' in place ? place.before <= (position?.upTo ?? 0) : after.more,
        position,
      };
    },

    /** D's page: newest first, without deleted ones. @param before a message's id */
    async newest(who: Identity, ref: string, before: string | undefined, limit: number) {
      const { conversation } = await access.visible(ref, who);
      const range =
        before === undefined ? EVERYTHING : { before: await messaging.seqOf(conversation, before, 'before') };
      const options = { limit, reader: who.id, withDeleted: false };
      const { messages: list, more } = await messages.page(conversation.id, range, options);
      return { messages: await shown(conversation, list), more };
    },
  };
}

export type History = ReturnType<typeof createHistory>;
