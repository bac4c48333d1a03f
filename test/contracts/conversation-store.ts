import { describe, expect, it } from 'vitest';
import { NOW } from './account-record.ts';
import {
  ann,
  bob,
  conversation,
  cy,
  dan,
  direct,
  draft,
  idsOf,
  named,
  problem,
  seqs,
  stageOf,
  type Stage,
} from './conversation-stage.ts';
import { membersContract } from './conversation-store.members.ts';
import type { StorageBackend } from './storage-backends.ts';

/** What every ConversationStore does. */
export function conversationStoreContract(backend: StorageBackend): void {
  describe(`conversation store: ${backend.name}`, () => {
    const stage = stageOf(backend);
    opening(stage);
    finding(stage);
    removing(stage);
    membersContract(stage);
  });
}

function opening({ conversations, messages, say, memberIds, exists, position }: Stage): void {
  it('makes a conversation with exactly these members, who have read nothing', async () => {
    const group = conversation({ ownerId: ann });
    await conversations().create(group, [cy, bob]);
    expect(await conversations().find(group.id, bob)).toEqual({
      conversation: group,
      membership: { conversationId: group.id, userId: bob, joinedAt: NOW, readSeq: 0, hiddenUntil: 0 },
    });
    expect(await memberIds(group.id)).toEqual([bob, cy]);

    const stream = conversation({ type: 'stream', ownerId: null });
    await conversations().create(stream, []);
    expect(await conversations().find(stream.id, ann)).toEqual({ conversation: stream, membership: null });
  });

  it('refuses an id or a handle that is taken, also by what was removed, and changes nothing', async () => {
    const group = conversation();
    await conversations().create(group, [ann]);
    const general = named('general');
    await conversations().openNamed(general);
    const twin = conversation({ id: group.id, name: 'Other' });
    await expect(conversations().create(twin, [bob])).rejects.toEqual(problem('CONFLICT'));
    await expect(conversations().create(named('general'), [bob])).rejects.toEqual(problem('CONFLICT'));
    expect(await conversations().find(group.id, bob)).toEqual({ conversation: group, membership: null });
    expect(await conversations().find('general', bob)).toEqual({ conversation: general, membership: null });

    await conversations().remove(group.id);
    await expect(conversations().create(twin, [bob])).rejects.toEqual(problem('CONFLICT'));
    expect(await exists(group.id)).toBe(false);
  });

  it('opens a handle once, and then answers the one that is there', async () => {
    const [first, second] = [named('general', { ownerId: null }), named('general', { ownerId: bob })];
    expect(await conversations().openNamed(first)).toEqual({ conversation: first, created: true });
    expect(await conversations().openNamed(second)).toEqual({ conversation: first, created: false });
    expect(await exists(second.id)).toBe(false);
    expect(await memberIds(first.id)).toEqual([]);
    expect((await conversations().openNamed(named('General'))).created).toBe(true);
  });

  it('opens a handle once for many who ask at the same time', async () => {
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => conversations().openNamed(named('rush'))),
    );
    expect(opened.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(opened.map(({ conversation }) => conversation.id)).size).toBe(1);
  });

  it('revives a handle under its old id: new owner and name, the numbers go on, nothing else is left', async () => {
    const first = named('general', { ownerId: bob });
    await conversations().openNamed(first);
    const retry = { key: 'a key', formerKey: null, since: 0 };
    const [, second] = await say(first.id, {}, { retry });
    await conversations().join(first.id, [ann, cy], NOW, 2);
    const { epoch } = (await position(first.id))!;
    await conversations().remove(first.id);

    const again = named('general', { name: 'Again', ownerId: null, type: 'stream', createdAt: NOW + 5 });
    const revived = { ...again, id: first.id };
    expect(await conversations().openNamed(again)).toEqual({ conversation: revived, created: true });
    expect(await conversations().find('general', ann)).toEqual({ conversation: revived, membership: null });
    expect(await exists(again.id)).toBe(false);
    expect(await memberIds(first.id)).toEqual([]);
    expect(await messages().byId(second!.id)).toBeNull();
    expect(await position(first.id)).toEqual({
      conversationId: first.id,
      upTo: 2,
      head: 2,
      floor: 2,
      epoch,
    });
    // What was sent once before is a new message here.
    expect(await messages().append(first.id, [draft({ retry })])).toMatchObject([
      { message: { seq: 3 }, repeated: false },
    ]);
    expect(await messages().since(first.id, 2, { limit: 9, reader: ann })).toMatchObject({
      upTo: 3,
      floor: 2,
    });
  });

  it('revives a handle once for many who ask at the same time', async () => {
    const first = named('rush');
    await conversations().openNamed(first);
    await conversations().remove(first.id);
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => conversations().openNamed(named('rush'))),
    );
    expect(opened.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(opened.map(({ conversation }) => conversation.id))).toEqual(new Set([first.id]));
  });

  it('opens one direct conversation for a pair, whoever asks, with both in it', async () => {
    const [first, second] = [direct([ann, bob]), direct([ann, bob], { ownerId: bob })];
    expect(await conversations().openDirect(first)).toEqual({ conversation: first, created: true });
    expect(await conversations().openDirect(second)).toEqual({ conversation: first, created: false });
    expect(await memberIds(first.id)).toEqual([ann, bob]);
    expect(await exists(second.id)).toBe(false);
    expect((await conversations().openDirect(direct([ann, cy]))).created).toBe(true);
    expect((await conversations().openDirect(direct([bob, cy]))).created).toBe(true);
  });

  it('opens one direct conversation for two who ask at the same time', async () => {
    const opened = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        conversations().openDirect(direct([ann, bob], { ownerId: i % 2 === 0 ? ann : bob })),
      ),
    );
    expect(opened.filter(({ created }) => created)).toHaveLength(1);
    expect(new Set(opened.map(({ conversation }) => conversation.id)).size).toBe(1);
  });

  it('opens another one for a pair whose first was removed', async () => {
    const [first, second] = [direct([ann, bob]), direct([ann, bob])];
    await conversations().openDirect(first);
    await say(first.id, {});
    await conversations().remove(first.id);
    expect(await conversations().findDirect([ann, bob])).toBeNull();
    expect(await conversations().openDirect(second)).toEqual({ conversation: second, created: true });
    expect(await position(second.id)).toMatchObject({ upTo: 0, floor: 0 });
  });
}

function finding({ conversations, group, named: openNamed }: Stage): void {
  it('finds by id and by handle, and knows nothing else', async () => {
    const id = await openNamed('chat-id-123');
    for (const ref of [id, 'chat-id-123']) {
      expect((await conversations().find(ref, ann))?.conversation.id).toBe(id);
    }
    for (const ref of ['1', '0', '-1', '', 'chat-id-12', 'CHAT-ID-123', '9'.repeat(20), '{"$gt":""}']) {
      expect(await conversations().find(ref, ann)).toBeNull();
    }
    expect((await conversations().find(id, 'guest:11'))?.membership).toBeNull();
  });

  it('finds the direct conversation of two, in either order', async () => {
    // As numbers, not as text: 11 comes before 105.
    const { conversation: opened } = await conversations().openDirect(direct([ann, '105']));
    expect(opened.pair).toEqual([ann, '105']);
    expect(await conversations().findDirect([ann, '105'])).toEqual(opened);
    expect(await conversations().findDirect(['105', ann])).toEqual(opened);
    expect((await conversations().find(opened.id, ann))?.conversation).toEqual(opened);
    expect(await conversations().findDirect([ann, bob])).toBeNull();
  });

  it('lists where a user is a member, the latest joined first, hidden ones too', async () => {
    const [first, third] = [await group([ann, bob]), await group([ann], { createdAt: NOW + 2 })];
    const second = direct([ann, cy], { createdAt: NOW + 1 });
    await conversations().openDirect(second);
    await group([bob], { createdAt: NOW + 3 });
    await conversations().hide(second.id, ann, 1);

    const list = await conversations().listOf(ann, 10);
    expect(idsOf(list.map((one) => one.conversation))).toEqual([third, second.id, first]);
    expect(list[1]).toEqual({
      conversation: second,
      membership: { conversationId: second.id, userId: ann, joinedAt: NOW + 1, readSeq: 0, hiddenUntil: 1 },
    });
    expect(idsOf((await conversations().listOf(ann, 2)).map((one) => one.conversation))).toEqual([
      third,
      second.id,
    ]);
    expect(await conversations().listOf(dan, 10)).toEqual([]);
  });

  it('renames what there is', async () => {
    const id = await group();
    expect(await conversations().rename(id, 'Trains')).toBe(true);
    expect((await conversations().find(id, ann))?.conversation.name).toBe('Trains');
    await conversations().remove(id);
    expect(await conversations().rename(id, 'Boats')).toBe(false);
    expect(await conversations().rename('1', 'Boats')).toBe(false);
  });
}

function removing({
  conversations,
  messages,
  group,
  named: openNamed,
  say,
  position,
  memberIds,
  exists,
}: Stage) {
  it('removes a conversation with all that was in it, once, and nothing of another', async () => {
    const [gone, kept] = [await openNamed('gone'), await group([ann, bob])];
    await conversations().join(gone, [ann, bob], NOW, 0);
    const said = await say(gone, { text: 'a' }, { text: 'b' });
    await messages().react(said[0]!.id, bob, '👍');
    const [other] = await say(kept, {});

    expect(await conversations().remove(gone)).toBe(true);
    expect(await conversations().remove(gone)).toBe(false);
    expect(await conversations().remove('1')).toBe(false);

    expect(await exists(gone)).toBe(false);
    expect(await exists('gone')).toBe(false);
    expect(await memberIds(gone)).toEqual([]);
    expect(await conversations().countMembers(gone)).toBe(0);
    expect(idsOf((await conversations().listOf(ann, 9)).map((one) => one.conversation))).toEqual([kept]);
    expect(await conversations().admitted([{ conversationId: gone, userId: ann }])).toEqual([]);
    expect(await conversations().deserted(NOW + 10, 9)).toEqual([]);
    expect(await conversations().moveRead(gone, ann, 1)).toBe(false);
    await expect(conversations().join(gone, [cy], NOW, 0)).rejects.toEqual(problem('NOT_FOUND'));
    expect(await conversations().leave(gone, ann)).toEqual({ left: false, ownerId: null, removed: false });

    for (const { id } of said) {
      expect(await messages().byId(id)).toBeNull();
      expect(await messages().edit(id, 'x', 0)).toBeNull();
      expect(await messages().remove(id)).toBeNull();
      expect(await messages().react(id, ann, '👍')).toBeNull();
    }
    expect(await position(gone)).toBeUndefined();
    expect(await messages().since(gone, 0, { limit: 9, reader: ann })).toBeNull();
    expect(await messages().latest([gone], ann)).toEqual([]);
    expect(await messages().unread(bob, [{ conversationId: gone, after: 0 }])).toEqual([0]);
    await expect(messages().append(gone, [draft()])).rejects.toEqual(problem('NOT_FOUND'));

    expect(await memberIds(kept)).toEqual([ann, bob]);
    expect(await messages().byId(other!.id)).toEqual(other);
    expect(seqs(await say(kept, {}))).toEqual([2]);
  });
}
