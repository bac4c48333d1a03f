import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Conversation, ConversationStore } from '../../src/features/conversations/conversations.ts';
import type { Attachment, Draft, Message, MessageStore } from '../../src/features/conversations/messages.ts';
import { nextId, NOW } from './account-record.ts';
import type { StorageBackend, StorageUnderTest } from './storage-backends.ts';

export type Stage = ReturnType<typeof stageOf>;
export const [ann, bob, cy, dan, eve] = ['11', '12', '13', '14', '105'] as const;
export const nobody = '';

/** A group of Ann's; what a test is about is overridden. */
export const conversation = (overrides: Partial<Conversation> = {}): Conversation => ({
  id: nextId(),
  handle: null,
  type: 'group',
  name: 'Bikes',
  ownerId: ann,
  createdAt: NOW,
  pair: null,
  ...overrides,
});

export const named = (handle: string, overrides: Partial<Conversation> = {}) => ({
  ...conversation({ type: 'public', name: handle, ...overrides }),
  handle,
});

export const direct = (pair: readonly [string, string], overrides: Partial<Conversation> = {}) => ({
  ...conversation({ type: 'direct', name: '', ...overrides }),
  pair,
});

let lastKey = 0;

/** A text of Ann's under a key of its own. */
export function draft(overrides: Partial<Draft> = {}): Draft {
  return {
    id: nextId(),
    senderId: ann,
    senderName: 'Ann',
    type: 'text',
    text: 'hello',
    attachment: null,
    createdAt: NOW,
    hiddenFrom: [],
    retry: { key: `key ${++lastKey}`, formerKey: null, since: 0 },
    ...overrides,
  };
}

/** What a draft becomes. */
export const stored = ({ retry: _, ...rest }: Draft, conversationId: string, seq: number): Message => ({
  ...rest,
  conversationId,
  seq,
  editedAt: null,
  deletedAt: null,
  changedAt: null,
  reactions: [],
});

export const seqs = (messages: readonly { readonly seq: number }[]) => messages.map(({ seq }) => seq);
export const idsOf = (all: readonly { readonly id: string }[]) => all.map(({ id }) => id);
export const bySize = (ids: readonly string[]) => ids.toSorted((a, b) => Number(a) - Number(b));
export const problem = (code: string) => expect.objectContaining({ code });

/** Words to write the promises with; every test of the surrounding `describe` finds the stores empty. */
export function stageOf({ open }: StorageBackend) {
  let under: StorageUnderTest;
  beforeAll(async () => {
    under = await open();
  });
  afterEach(() => under.empty());
  afterAll(() => under.close());

  const conversations = (): ConversationStore => under.stores.conversations;
  const messages = (): MessageStore => under.stores.messages;

  return {
    conversations,
    messages,

    async group(memberIds: readonly string[] = [ann, bob], overrides: Partial<Conversation> = {}) {
      const made = conversation(overrides);
      await conversations().create(made, memberIds);
      return made.id;
    },
    async named(handle: string, overrides: Partial<Conversation> = {}) {
      const { conversation } = await conversations().openNamed(named(handle, overrides));
      return conversation.id;
    },
    /** One call. */
    async say(conversationId: string, ...drafts: readonly Partial<Draft>[]): Promise<readonly Message[]> {
      const appended = await messages().append(conversationId, drafts.map(draft));
      return appended.map(({ message }) => message);
    },
    memberIds: async (id: string) => (await conversations().members(id, 2_000)).map(({ userId }) => userId),
    ownerOf: async (id: string) => (await conversations().find(id, ann))?.conversation.ownerId,
    exists: async (ref: string) => (await conversations().find(ref, ann)) !== null,
    position: async (id: string) => (await messages().positions([id]))[0],
    /** Everything that is there for everybody. */
    async all(conversationId: string): Promise<readonly Message[]> {
      const page = await messages().page(
        conversationId,
        { after: 0 },
        { limit: 1_000, reader: nobody, withDeleted: true },
      );
      return page.messages;
    },
  };
}

/** A voice note. */
export const attachment: Attachment = {
  url: '/uploads/AAAAAAAAAAAAAAAAAAAAAA',
  fileName: 'a.ogg',
  upload: {
    id: 'AAAAAAAAAAAAAAAAAAAAAA',
    mimeType: 'audio/ogg',
    size: 7_000,
    dimensions: null,
    sound: { durationMs: 3_020, waveform: [0, 50, 100] },
  },
};
