import { expect } from 'vitest';
import type { Person } from './person.ts';

/** The two are matched with each other; both pushes are taken. Answers the match's id. */
export async function meet(ann: Person, bob: Person): Promise<string> {
  expect(await ann.request('user:match')).toMatchObject({ success: true });
  expect(await bob.request('user:match')).toMatchObject({ success: true, status: 'matched' });
  const [anns, bobs] = await Promise.all([ann.next('user:matched'), bob.next('user:matched')]);
  expect([anns.matchedUser.id, bobs.matchedUser.id]).toEqual([bob.id, ann.id]);
  return anns.matchId;
}

/** A message of one arrives at the other. */
export async function say(from: Person, to: Person, content: string): Promise<void> {
  expect(await from.request('chat:message', { type: 'text', content })).toMatchObject({ success: true });
  expect(await to.next('chat:message', (message) => message.content === content)).toMatchObject({
    from: from.id,
  });
}
