import { limits } from './contract.ts';

/** `reacted` and `unreacted` of reactions.ts as MongoDB decides them: in the one write that changes the message. */

/** What a client wrote is a value: without this one that begins with `$` would name a field. */
const literal = (text: string) => ({ $literal: text });

const isIt = (reaction: string) => ({ $eq: ['$$one.reaction', literal(reaction)] });
const all = { $sum: { $map: { input: '$reactions', as: 'one', in: { $size: '$$one.userIds' } } } };

/** Of a message to which this reaction can be added. */
export const mayReact = (userId: string, reaction: string) => ({
  reactions: { $not: { $elemMatch: { reaction: { $eq: reaction }, userIds: { $eq: userId } } } },
  $or: [
    { 'reactions.reaction': { $eq: reaction } },
    { [`reactions.${limits.reactionsPerMessage - 1}`]: { $exists: false } },
  ],
  $expr: { $lt: [all, limits.reactorsPerMessage] },
});

export const reactionsWith = (userId: string, reaction: string) => ({
  $cond: [
    { $in: [literal(reaction), '$reactions.reaction'] },
    {
      $map: {
        input: '$reactions',
        as: 'one',
        in: {
          $cond: [
            isIt(reaction),
            { reaction: '$$one.reaction', userIds: { $concatArrays: ['$$one.userIds', [literal(userId)]] } },
            '$$one',
          ],
        },
      },
    },
    { $concatArrays: ['$reactions', [{ reaction: literal(reaction), userIds: [literal(userId)] }]] },
  ],
});

const without = (userId: string) => ({
  $filter: { input: '$$one.userIds', as: 'id', cond: { $ne: ['$$id', literal(userId)] } },
});

/** A reaction that nobody gives any more is gone. */
export const reactionsWithout = (userId: string, reaction: string) => ({
  $filter: {
    input: {
      $map: {
        input: '$reactions',
        as: 'one',
        in: {
          $cond: [isIt(reaction), { reaction: '$$one.reaction', userIds: without(userId) }, '$$one'],
        },
      },
    },
    as: 'one',
    cond: { $ne: ['$$one.userIds', []] },
  },
});
