import { describe, expect, it } from 'vitest';
import { limits } from '../../src/features/conversations/contract.ts';
import { NOW } from './account-record.ts';
import { ann, bob, bySize, cy, dan, direct, eve, idsOf, problem, type Stage } from './conversation-stage.ts';

const many = (count: number) => Array.from({ length: count }, (_, i) => String(1_000 + i));

/** Who is a member, who has read how far, who may be where. */
export function membersContract(stage: Stage): void {
  describe('members', () => joining(stage));
  describe('leaving', () => leaving(stage));
  describe('reading', () => reading(stage));
  describe('rights', () => rights(stage));
  describe('deserted conversations', () => deserted(stage));
}

function joining({ conversations, group, named, memberIds, exists }: Stage): void {
  it('adds who is not there yet, and says who that was', async () => {
    const id = await group([ann]);
    expect(bySize(await conversations().join(id, [cy, ann, bob, cy], NOW + 1, 7))).toEqual([bob, cy]);
    expect(await conversations().join(id, [bob], NOW + 2, 9)).toEqual([]);
    expect((await conversations().find(id, bob))?.membership).toEqual({
      conversationId: id,
      userId: bob,
      joinedAt: NOW + 1,
      readSeq: 7,
      hiddenUntil: 0,
    });
    await expect(conversations().join('1', [ann], NOW, 0)).rejects.toEqual(problem('NOT_FOUND'));
    expect(await exists('1')).toBe(false);
  });

  it('lists the longest-standing first, of one time the smaller id, and counts all', async () => {
    const id = await group([bob]);
    await conversations().join(id, [eve, dan], NOW - 5, 0);
    await conversations().join(id, [ann], NOW + 1, 0);
    expect(await memberIds(id)).toEqual([dan, eve, bob, ann]);
    expect((await conversations().members(id, 2)).map(({ userId }) => userId)).toEqual([dan, eve]);
    expect(await conversations().countMembers(id)).toBe(4);
    expect(await conversations().countMembers('1')).toBe(0);
    expect(await conversations().members('1', 9)).toEqual([]);
  });

  it(`takes ${limits.members} into a group, as one decision, and any number into a public one`, async () => {
    const id = await group(many(limits.members - 1));
    await expect(conversations().join(id, [ann, bob], NOW, 0)).rejects.toEqual(problem('CONFLICT'));
    expect(await conversations().countMembers(id)).toBe(limits.members - 1);
    expect(await conversations().join(id, [ann], NOW, 0)).toEqual([ann]);
    await expect(conversations().join(id, [bob], NOW, 0)).rejects.toEqual(problem('CONFLICT'));
    expect(await conversations().join(id, [ann, '1000'], NOW, 0)).toEqual([]);
    await conversations().leave(id, ann);
    expect(await conversations().join(id, [bob], NOW, 0)).toEqual([bob]);

    const open = await named('open');
    expect(await conversations().join(open, many(limits.members + 1), NOW, 0)).toHaveLength(
      limits.members + 1,
    );
    expect(await conversations().countMembers(open)).toBe(limits.members + 1);
  });

  it('lets no more in when many join at once', async () => {
    const id = await group(many(limits.members - 3));
    const joining = await Promise.allSettled(
      Array.from({ length: 12 }, (_, i) => conversations().join(id, [String(1 + i)], NOW, 0)),
    );
    expect(joining.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const one of joining) if (one.status === 'rejected') expect(one.reason).toEqual(problem('CONFLICT'));
    expect(await conversations().countMembers(id)).toBe(limits.members);
  });

  it('adds one user once when it happens twice at the same time', async () => {
    const id = await group([ann]);
    const added = await Promise.all(
      Array.from({ length: 10 }, () => conversations().join(id, [bob, cy], NOW, 0)),
    );
    expect(bySize(added.flat())).toEqual([bob, cy]);
  });
}

function leaving({ conversations, messages, group, named, say, memberIds, ownerOf, exists }: Stage): void {
  it('ends a membership once', async () => {
    const id = await group([ann, bob]);
    expect(await conversations().leave(id, bob)).toEqual({ left: true, ownerId: ann, removed: false });
    expect(await conversations().leave(id, bob)).toEqual({ left: false, ownerId: ann, removed: false });
    expect(await conversations().leave('1', bob)).toEqual({ left: false, ownerId: null, removed: false });
    expect((await conversations().find(id, bob))?.membership).toBeNull();
    expect(await conversations().listOf(bob, 9)).toEqual([]);
  });

  it('hands a group from its owner to the longest-standing member, of one time to the smaller id', async () => {
    const id = await group([ann]);
    await conversations().join(id, [bob], NOW + 3, 0);
    await conversations().join(id, [eve, cy, dan], NOW + 2, 0);
    expect(await conversations().leave(id, ann)).toEqual({ left: true, ownerId: cy, removed: false });
    expect(await ownerOf(id)).toBe(cy);
    expect(await conversations().leave(id, dan)).toEqual({ left: true, ownerId: cy, removed: false });
    expect(await conversations().leave(id, cy)).toEqual({ left: true, ownerId: eve, removed: false });
    expect(await ownerOf(id)).toBe(eve);
  });

  it('of others leaves the owner what they are, also when they stood longer', async () => {
    const id = await group([bob, cy], { ownerId: cy });
    await conversations().join(id, [dan], NOW - 1, 0);
    expect(await conversations().leave(id, bob)).toEqual({ left: true, ownerId: cy, removed: false });
    expect(await ownerOf(id)).toBe(cy);
  });

  it('removes a group and a direct conversation with the last one who leaves', async () => {
    const id = await group([ann, bob]);
    const [said] = await say(id, {});
    await conversations().leave(id, ann);
    expect(await conversations().leave(id, bob)).toEqual({ left: true, ownerId: null, removed: true });
    expect(await exists(id)).toBe(false);
    expect(await messages().byId(said!.id)).toBeNull();

    const two = direct([ann, bob]);
    await conversations().openDirect(two);
    expect(await conversations().leave(two.id, ann)).toEqual({ left: true, ownerId: bob, removed: false });
    expect(await conversations().findDirect([ann, bob])).not.toBeNull();
    expect(await conversations().leave(two.id, bob)).toEqual({ left: true, ownerId: null, removed: true });
    expect(await conversations().findDirect([ann, bob])).toBeNull();
  });

  it('keeps a public conversation and a stream without members, and then nobody owns it', async () => {
    for (const type of ['public', 'stream'] as const) {
      const id = await named(`a-${type}`, { type });
      await conversations().join(id, [ann, bob], NOW, 0);
      expect(await conversations().leave(id, ann)).toEqual({ left: true, ownerId: bob, removed: false });
      expect(await conversations().leave(id, bob)).toEqual({ left: true, ownerId: null, removed: false });
      expect(await ownerOf(id)).toBeNull();
      await say(id, {});
    }
  });

  it('gives one owner to a group that all leave at once, and removes it once', async () => {
    const id = await group([ann, bob, cy, dan]);
    const left = await Promise.all([ann, bob, cy, dan].map((who) => conversations().leave(id, who)));
    expect(left.map((one) => one.left)).toEqual([true, true, true, true]);
    expect(left.filter(({ removed }) => removed)).toHaveLength(1);
    expect(await exists(id)).toBe(false);
  });

  it('forgets users: out of every conversation, as if they left', async () => {
    const [owned, alone, shared] = [
      await group([ann, bob, cy]),
      await group([ann, bob]),
      await group([cy, dan], { ownerId: cy }),
    ];
    const open = await named('open', { ownerId: bob });
    await conversations().join(open, [bob, dan], NOW, 0);
    const two = direct([ann, cy]);
    await conversations().openDirect(two);
    expect(await conversations().forget([ann, bob, '1'])).toEqual([alone]);

    expect(await memberIds(owned)).toEqual([cy]);
    expect(await ownerOf(owned)).toBe(cy);
    expect(await exists(alone)).toBe(false);
    expect(await memberIds(shared)).toEqual([cy, dan]);
    expect([await memberIds(open), await ownerOf(open)]).toEqual([[dan], dan]);
    expect(await memberIds(two.id)).toEqual([cy]);
    expect(await conversations().listOf(ann, 9)).toEqual([]);
    expect(await conversations().forget([])).toEqual([]);
  });
}

function reading({ conversations, group }: Stage): void {
  it('moves what was read forward only, and for members only', async () => {
    const id = await group([ann, bob]);
    const read = async (who: string) => (await conversations().find(id, who))?.membership?.readSeq;
    expect(await conversations().moveRead(id, ann, 5)).toBe(true);
    expect(await conversations().moveRead(id, ann, 5)).toBe(false);
    expect(await conversations().moveRead(id, ann, 4)).toBe(false);
    expect([await read(ann), await read(bob)]).toEqual([5, 0]);
    expect(await conversations().moveRead(id, cy, 5)).toBe(false);
    expect(await conversations().moveRead('1', ann, 5)).toBe(false);

    const moved = await Promise.all([6, 9, 7, 8].map((seq) => conversations().moveRead(id, ann, seq)));
    expect(moved).toContain(true);
    expect(await read(ann)).toBe(9);
  });

  it('hides for one member, until then or no more', async () => {
    const two = direct([ann, bob]);
    await conversations().openDirect(two);
    const hidden = async (who: string) => (await conversations().find(two.id, who))?.membership?.hiddenUntil;
    await conversations().hide(two.id, ann, 3);
    expect([await hidden(ann), await hidden(bob)]).toEqual([3, 0]);
    await conversations().hide(two.id, ann, 0);
    expect(await hidden(ann)).toBe(0);
    await conversations().hide(two.id, cy, 3);
    expect((await conversations().find(two.id, cy))?.membership).toBeNull();
    await conversations().hide('1', ann, 3);
  });
}

function rights({ conversations, group, named }: Stage): void {
  it('admits members, everybody where it is open, and nobody where nothing is', async () => {
    const [closed, open, stream] = [
      await group([ann, bob]),
      await named('open'),
      await named('show', { type: 'stream' }),
    ];
    const two = direct([ann, cy]);
    await conversations().openDirect(two);
    const pair = (conversationId: string, userId: string) => ({ conversationId, userId });
    const holds = [
      pair(closed, ann),
      pair(open, ann),
      pair(open, 'guest:11'),
      pair(stream, dan),
      pair(two.id, cy),
    ];
    const fails = [
      pair(closed, cy),
      pair(closed, 'guest:11'),
      pair(two.id, bob),
      pair('1', ann),
      pair('x', ann),
    ];
    const admitted = await conversations().admitted([...fails, ...holds]);
    expect(new Set(admitted)).toEqual(new Set(holds));
    expect(admitted).toHaveLength(holds.length);
    expect(await conversations().admitted([])).toEqual([]);

    await conversations().leave(closed, ann);
    expect(await conversations().admitted([pair(closed, ann)])).toEqual([]);
  });

  it('answers thousands of pairs at once', async () => {
    const id = await group(many(limits.members));
    const pairs = many(2 * limits.members).map((userId) => ({ conversationId: id, userId }));
    const admitted = await conversations().admitted(pairs);
    expect(bySize(admitted.map(({ userId }) => userId))).toEqual(many(limits.members));
  });

  it('knows the others of direct and group conversations, each once', async () => {
    await group([ann, bob, cy]);
    await group([ann, cy, dan]);
    await conversations().openDirect(direct([ann, bob]));
    const gone = await group([ann, '99']);
    await conversations().remove(gone);
    const open = await named('open');
    await conversations().join(open, [ann, eve], NOW, 0);
    expect(bySize(await conversations().peersOf(ann, 10))).toEqual([bob, cy, dan]);
    expect(new Set(await conversations().peersOf(ann, 2)).size).toBe(2);
    expect(await conversations().peersOf(eve, 10)).toEqual([]);
    expect(await conversations().peersOf('guest:11', 10)).toEqual([]);
  });
}

function deserted({ conversations, messages, named, group, say }: Stage): void {
  it('are public, have no message, and were not touched for long; the longest first', async () => {
    const [second, first, third] = [
      await named('b', { createdAt: NOW + 2 }),
      await named('a', { createdAt: NOW + 1 }),
      await named('c', { createdAt: NOW + 3 }),
    ];
    await named('late', { createdAt: NOW + 10 });
    await named('show', { type: 'stream' });
    await group([ann]);
    const used = await named('used');
    const [said] = await say(used, {});
    await messages().remove(said!.id);

    expect(await conversations().deserted(NOW + 10, 10)).toEqual([first, second, third]);
    expect(await conversations().deserted(NOW + 10, 2)).toEqual([first, second]);
    expect(await conversations().deserted(NOW + 1, 10)).toEqual([]);
  });

  it('begin to be so anew when somebody is in there', async () => {
    const [a, b] = [await named('a'), await named('b', { createdAt: NOW + 1 })];
    await conversations().touch([a, '1'], NOW + 5);
    expect(await conversations().deserted(NOW + 6, 10)).toEqual([b, a]);
    await conversations().touch([a], NOW + 2);
    expect(await conversations().deserted(NOW + 5, 10)).toEqual([b]);
    expect(await conversations().deserted(NOW + 6, 10)).toEqual([b, a]);
    await conversations().touch([], NOW + 9);
  });

  it('can have had messages in a former life', async () => {
    const id = await named('a');
    await say(id, {});
    expect(await conversations().deserted(NOW + 9, 10)).toEqual([]);
    await conversations().remove(id);
    await named('a', { createdAt: NOW + 5 });
    expect(await conversations().deserted(NOW + 6, 10)).toEqual([id]);
    expect(await conversations().deserted(NOW + 5, 10)).toEqual([]);
    await say(id, {});
    expect(await conversations().deserted(NOW + 9, 10)).toEqual([]);
    expect(idsOf(await messages().latest([id], ann))).toHaveLength(1);
  });
}
