import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Answer, PushBody, RouteData } from '../../src/contract.ts';
import type { TestClient } from './client.ts';
import type { Cluster } from './cluster.ts';
import { http, type HttpAnswer } from './http.ts';
import type { Person } from './person.ts';

export type ChatMessage = Extract<PushBody<'chat:message'>, { chatId: string }>;
type SyncResult = Extract<Answer<'chat:sync'>, { success: true }>['conversations'][string];
export type Synced = Extract<SyncResult, { messages: unknown }>;

/** JSON requests with somebody's token, or with none. */
export function apiOf(cluster: Pick<Cluster, 'url'>, token?: string) {
  const call =
    (method: string) =>
    (path: string, body?: unknown): Promise<HttpAnswer> =>
      http(cluster.url, method, path, { body, ...(token !== undefined && { token }) });
  return { get: call('GET'), post: call('POST'), put: call('PUT'), delete: call('DELETE') };
}

/** The body of a failure that is not worth trying again. */
export const refusal = (code: string, fields?: object) => ({
  success: false,
  message: expect.any(String),
  error: { code, message: expect.any(String), retryable: false, ...(fields && { fields }) },
});

/** The `data` of an answer that has to be a success. */
export async function dataOf<T>(answer: Promise<HttpAnswer>): Promise<T> {
  const { status, body } = await answer;
  if (status >= 300) throw new Error(`${status} ${JSON.stringify(body)}`);
  return (body as { data: T }).data;
}

/** Another worker; with several nodes another node. */
const placeOf = (cluster: Cluster, { workerId }: Person) =>
  'nodes' in cluster ? workerId.split('.')[0] : workerId;

const MOST_MOVES = 50;

async function apart(cluster: Cluster, person: Person, other: Person): Promise<void> {
  for (let move = 0; placeOf(cluster, person) === placeOf(cluster, other); move++) {
    if (move === MOST_MOVES) throw new Error(`${MOST_MOVES} moves in a row came to the same place`);
    await person.moveAway();
  }
}

/** Accounts of these names with a socket each, on another worker or node than the one before. */
export async function registered(cluster: Cluster, ...usernames: string[]): Promise<Person[]> {
  const made: Person[] = [];
  for (const username of usernames) {
    const account = { username, email: `${username}@example.com`, password: 'Password123' };
    const { token } = await dataOf<{ token: string }>(apiOf(cluster).post('/api/auth/register', account));
    const person = await cluster.person({ token });
    const before = made.at(-1);
    if (before) await apart(cluster, person, before);
    made.push(person);
  }
  return made;
}

/** Onto the worker that serves the other. */
export async function beside(person: Person, other: Person): Promise<void> {
  for (let move = 0; person.workerId !== other.workerId; move++) {
    if (move === MOST_MOVES)
      throw new Error(`${MOST_MOVES} moves in a row did not come to ${other.workerId}`);
    await person.moveAway();
  }
}

/** Another socket of the same user, on another worker or node. */
export async function secondSocket(cluster: Cluster, person: Person): Promise<Person> {
  const other = await cluster.person({ token: person.token });
  await apart(cluster, other, person);
  return other;
}

/** A group of D, by its number. */
export async function groupOf(cluster: Cluster, owner: Person, others: readonly Person[]): Promise<number> {
  const body = { name: 'A group', type: 'group', userIds: others.map(({ id }) => Number(id)) };
  return (await dataOf<{ id: number }>(apiOf(cluster, owner.token).post('/api/v1/channels', body))).id;
}

/**
 * Two on different workers who have a group open, with a message in it. In tables, which are made before there is one, GROUP and
 * MESSAGE stand for them.
 */
export async function groupWithMessage(cluster: Cluster) {
  const [ann, bob] = (await cluster.strangers(2)) as [Person, Person];
  const group = String(await groupOf(cluster, ann, [bob]));
  for (const person of [ann, bob]) await person.request('chat:join', group);
  await ann.request('chat:message', { chatId: group, content: 'fine' });
  const message = (await bob.next('chat:message')) as ChatMessage;
  const filled = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll('GROUP', group).replaceAll('MESSAGE', message.id));
  return { ann, bob, group, filled };
}

/**
 * What the sender's events caused before this has reached the hearers: a message follows it on the same road. What they were not
 * pushed by then, they are not pushed at all.
 */
export async function overtaken(sender: TestClient, ...hearers: TestClient[]): Promise<void> {
  const [roomId, content] = ['marker', randomUUID()];
  for (const client of [sender, ...hearers]) await client.request('join_room', roomId);
  await sender.request('send_message', { roomId, content });
  for (const hearer of hearers) await hearer.next('room_message', (message) => message.content === content);
  for (const client of [sender, ...hearers]) await client.request('leave_room', roomId);
}

/** Sends these in one tick. */
export async function sayIn(person: Person, chatId: string, ...contents: string[]): Promise<ChatMessage[]> {
  const answers = await Promise.all(
    contents.map((content) => person.request('chat:message', { chatId, content })),
  );
  return answers.map((answer) => {
    if (!answer.success || !('message' in answer)) throw new Error(JSON.stringify(answer));
    return answer.message;
  });
}

/** One socket's events are done one after another: so many at a time that each is answered in time. */
const AT_ONCE = 50;

export async function inTurns<T, R>(items: readonly T[], act: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(act))));
  }
  return results;
}

/** `m1` to `m<count>`. */
export const sayMany = async (person: Person, chatId: string, count: number): Promise<ChatMessage[]> =>
  (await inTurns(numbered(count), (content) => sayIn(person, chatId, content))).flat();

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `m${i + 1}`);

export async function syncAll(
  person: Person,
  positions: Record<string, string | number>,
): Promise<Record<string, SyncResult>> {
  const answer = await person.request('chat:sync', { conversations: positions });
  if (!answer.success) throw new Error(JSON.stringify(answer));
  return answer.conversations;
}

export const syncOf = async (person: Person, chatId: string, position: string | number): Promise<Synced> =>
  (await syncAll(person, { [chatId]: position }))[chatId] as Synced;

/** A chat as it is in somebody's list; undefined when it is not. */
export async function infoOf(cluster: Cluster, person: Person, id: string) {
  const { conversations } = await dataOf<RouteData<'GET /conversations'>>(
    apiOf(cluster, person.token).get('/api/conversations'),
  );
  return conversations.find((info) => info.id === id);
}
