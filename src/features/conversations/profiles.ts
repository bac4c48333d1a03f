import type { PublicUser } from '../../kernel/schemas.ts';
import type { Message } from './messages.ts';

/** Who wrote these, as they are called now; who has no account (any more) as they were called then. */
export async function sendersOf(
  accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> },
  messages: readonly Message[],
): Promise<(message: Message) => PublicUser> {
  const ids = [...new Set(messages.map(({ senderId }) => senderId))].filter((id) => !isNobody(id));
  const known = new Map(
    ids.length === 0 ? [] : (await accounts.byIds(ids)).map((user) => [user.id, profile(user)]),
  );
  return ({ senderId, senderName }) =>
    known.get(senderId) ?? { id: senderId, username: senderName, avatar: null };
}

const isNobody = (id: string) => id === '0' || id.startsWith('guest:');

const profile = ({ id, username, avatar }: PublicUser): PublicUser => ({ id, username, avatar });
