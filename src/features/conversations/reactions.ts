import { AppError } from '../../kernel/errors.ts';
import { limits } from './contract.ts';
import type { Message } from './messages.ts';

export type Reactions = Message['reactions'];

/** Null when the user has given it already. @throws CONFLICT above the limits */
export function reacted(reactions: Reactions, userId: string, reaction: string): Reactions | null {
  const given = reactions.find((one) => one.reaction === reaction);
  if (given?.userIds.includes(userId)) return null;
  if (!given && reactions.length >= limits.reactionsPerMessage) {
    throw new AppError(
      'CONFLICT',
      `A message has at most ${limits.reactionsPerMessage} different reactions.`,
    );
  }
  if (reactions.reduce((sum, { userIds }) => sum + userIds.length, 0) >= limits.reactorsPerMessage) {
    throw new AppError('CONFLICT', `A message takes at most ${limits.reactorsPerMessage} reactions.`);
  }
  if (!given) return [...reactions, { reaction, userIds: [userId] }];
  return reactions.map((one) => (one === given ? { reaction, userIds: [...one.userIds, userId] } : one));
}

/** Null when the user has not given it. A reaction that nobody gives any more is gone, and comes last when it comes again. */
export function unreacted(reactions: Reactions, userId: string, reaction: string): Reactions | null {
  const given = reactions.find((one) => one.reaction === reaction);
  if (!given?.userIds.includes(userId)) return null;
  return reactions
    .map((one) => (one === given ? { reaction, userIds: one.userIds.filter((id) => id !== userId) } : one))
    .filter(({ userIds }) => userIds.length > 0);
}
