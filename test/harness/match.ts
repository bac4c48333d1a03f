import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Person } from './person.ts';

const ASK_AGAIN_MS = 20;

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

/** The partner can be reached again; until then every answer says to try again, none that there is no partner. */
export async function untilServed(person: Person, withinMs = 10_000): Promise<void> {
  const endsAt = performance.now() + withinMs;
  for (;;) {
    const answer = await person.raw('chat:clear');
    if (answer.success) return;
    expect(answer).toMatchObject({ error: { code: 'UNAVAILABLE', retryable: true } });
    expect(performance.now()).toBeLessThan(endsAt);
    await delay(ASK_AGAIN_MS);
  }
}
