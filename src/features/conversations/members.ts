import type { UserIdentity } from '../../kernel/connection.ts';
import { AppError } from '../../kernel/errors.ts';
import type { Facts } from '../../kernel/facts.ts';
import type { Ids } from '../../kernel/ids.ts';
import type { Outbox } from '../../kernel/outbox.ts';
import { roomOf } from '../../kernel/rooms.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import { noConversation, refuseDirect, type Access } from './access.ts';
import type { ConversationPushes } from './broadcast.ts';
import { limits, type ConversationFacts } from './contract.ts';
import type { Conversation, ConversationStore } from './conversations.ts';
import type { Joining } from './joining.ts';
import type { MessageStore } from './messages.ts';
import { refOf } from './render.ts';

export interface MembersNeeds {
  readonly access: Access;
  readonly conversations: ConversationStore;
  readonly messages: Pick<MessageStore, 'positions'>;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
  /** Who has a socket and is not invisible. */
  readonly presence: { onlineAmong(userIds: readonly string[]): Promise<readonly string[]> };
  readonly joining: Pick<Joining, 'end' | 'endAll'>;
  readonly outbox: Outbox<ConversationPushes>;
  readonly facts: Facts<ConversationFacts>;
  readonly ids: Ids;
  readonly clock: { now(): number };
}

const pairOf = (one: string, other: string): readonly [string, string] =>
  Number(one) < Number(other) ? [one, other] : [other, one];

/** Conversations made on purpose, and who is in them (D's rules). */
export function createMembers(needs: MembersNeeds) {
  const { access, conversations, messages, joining, outbox, ids, clock } = needs;

  async function refuseUnknown(userIds: readonly string[]): Promise<void> {
    const known = new Set((await needs.accounts.byIds(userIds)).map(({ id }) => id));
    const unknown = userIds.filter((id) => !known.has(id));
    if (unknown.length === 0) return;
    throw new AppError('BAD_INPUT', 'There are no such users.', {
      userIds: `unknown: ${unknown.join(', ')}`,
    });
  }

  function tellAdded(conversation: Conversation, userIds: readonly string[]) {
    const { id, type } = conversation;
    const body = { chatId: refOf(conversation), channelId: Number(id), type };
    for (const userId of userIds) outbox.push(roomOf('user', userId), 'chat:added', body);
  }

  /** Members that have an account, in the order of their joining. */
  async function users(id: string, limit: number) {
    const stored = await conversations.members(id, limit);
    const known = new Map(
      (await needs.accounts.byIds(stored.map(({ userId }) => userId))).map((user) => [user.id, user]),
    );
    return stored.flatMap(({ userId, joinedAt }) => {
      const user = known.get(userId);
      return user ? [{ user: { id: user.id, username: user.username, avatar: user.avatar }, joinedAt }] : [];
    });
  }

  const lastSeq = async (id: string) => (await messages.positions([id]))[0]?.upTo ?? 0;

  return {
    async list(id: string): Promise<{ members: PublicUser[]; memberCount: number }> {
      const [shown, memberCount] = await Promise.all([
        users(id, limits.membersShown),
        conversations.countMembers(id),
      ]);
      return { members: shown.map(({ user }) => user), memberCount };
    },

    async withPresence(id: string) {
      const all = await users(id, limits.members);
      const online = new Set(await needs.presence.onlineAmong(all.map(({ user }) => user.id)));
      return all.map((member) => ({ ...member, connected: online.has(member.user.id) }));
    },

    /** For administrators, who need no membership. */
    async anyOf(ref: string): Promise<Conversation> {
      const found = await conversations.find(ref, '');
      if (!found) throw noConversation();
      return found.conversation;
    },

    /** Null when the two have none. @throws NOT_FOUND for an unknown user */
    async directWith(who: UserIdentity, otherId: string): Promise<Conversation | null> {
      const [other] = await needs.accounts.byIds([otherId]);
      if (!other) throw new AppError('NOT_FOUND', 'There is no such user.');
      return otherId === who.id ? null : conversations.findDirect(pairOf(who.id, otherId));
    },

    /** The one direct conversation of the two. @throws BAD_INPUT with `fields.userIds` for an unknown user, or oneself */
    async openDirect(
      who: UserIdentity,
      otherId: string,
    ): Promise<{ conversation: Conversation; created: boolean }> {
      if (otherId === who.id) {
        throw new AppError('BAD_INPUT', 'That is you.', { userIds: 'must be somebody else' });
      }
      await refuseUnknown([otherId]);
      const opened = await conversations.openDirect({
        id: ids.next(),
        handle: null,
        type: 'direct',
        name: '',
        ownerId: who.id,
        createdAt: clock.now(),
        pair: pairOf(who.id, otherId),
      });
      if (opened.created) tellAdded(opened.conversation, [who.id, otherId]);
      return opened;
    },

    /** @throws BAD_INPUT with `fields.userIds` for unknown users; nothing is created then */
    async createGroup(who: UserIdentity, name: string, userIds: readonly string[]): Promise<Conversation> {
      const others = [...new Set(userIds)].filter((id) => id !== who.id);
      await refuseUnknown(others);
      const conversation: Conversation = {
        id: ids.next(),
        handle: null,
        type: 'group',
        name,
        ownerId: who.id,
        createdAt: clock.now(),
        pair: null,
      };
      await conversations.create(conversation, [who.id, ...others]);
      tellAdded(conversation, [who.id, ...others]);
      return conversation;
    },

    /** Any member of a group, the owner of a public one. */
    async rename(who: UserIdentity, ref: string, name: string): Promise<Conversation> {
      const { conversation } = await access.visible(ref, who);
      refuseDirect(conversation);
      if (conversation.type !== 'group') await access.owned(ref, who);
      await conversations.rename(conversation.id, name);
      return { ...conversation, name };
    },

    async remove(who: UserIdentity, ref: string): Promise<void> {
      const { id } = await access.owned(ref, who);
      const members = await conversations.members(id, limits.members);
      await conversations.remove(id);
      await needs.facts.announce('conversation.removed', { conversationId: id });
      joining.endAll(
        id,
        members.map(({ userId }) => userId),
      );
    },

    /** Repeats succeed unchanged. @throws BAD_INPUT with `fields.userIds` for unknown users, CONFLICT when it is full */
    async add(who: UserIdentity, ref: string, userIds: readonly string[]): Promise<Conversation> {
      const conversation = await access.owned(ref, who);
      await refuseUnknown(userIds);
      const { id } = conversation;
      const added = await conversations.join(id, userIds, clock.now(), await lastSeq(id));
      tellAdded(conversation, added);
      return conversation;
    },

    /** Repeats succeed unchanged. @throws BAD_INPUT for the owner, who can only leave */
    async expel(who: UserIdentity, ref: string, userIds: readonly string[]): Promise<Conversation> {
      const conversation = await access.owned(ref, who);
      if (userIds.includes(who.id)) {
        throw new AppError('BAD_INPUT', 'The owner cannot be removed.', { userIds: 'must not be the owner' });
      }
      const left: string[] = [];
      for (const userId of userIds) {
        if ((await conversations.leave(conversation.id, userId)).left) left.push(userId);
      }
      joining.end(conversation.id, left);
      return conversation;
    },

    /** A direct conversation is only hidden until its next message. Repeats of a member who has left a public one succeed. */
    async leave(who: UserIdentity, ref: string): Promise<void> {
      const { conversation } = await access.visible(ref, who);
      const { id } = conversation;
      if (conversation.type === 'direct') await conversations.hide(id, who.id, (await lastSeq(id)) + 1);
      else if ((await conversations.leave(id, who.id)).removed) {
        await needs.facts.announce('conversation.removed', { conversationId: id });
      }
      joining.end(id, [who.id]);
    },
  };
}

export type Members = ReturnType<typeof createMembers>;
