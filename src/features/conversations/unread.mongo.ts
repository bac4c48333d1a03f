import { numberOf, type Mongo } from '../../drivers/mongo.ts';
import { limits } from './contract.ts';
import { counterModel } from './counters.mongo.ts';
import { DECIDED } from './deciding.mongo.ts';
import type { MessageStore } from './messages.ts';
import { messageModel, visibleTo } from './stored-message.mongo.ts';

/** All that are asked for in one question, each counted no further than its limit. */
export function mongoUnread(mongo: Mongo): MessageStore['unread'] {
  const counters = counterModel(mongo);
  const messages = messageModel(mongo);

  return async (userId, positions) => {
    if (positions.length === 0) return [];
    const asked = positions.map(({ conversationId, after }) => ({ _id: numberOf(conversationId), after }));
    const rows = await mongo.connection
      .getClient()
      .db(mongo.connection.name)
      .aggregate<{ counted: { n: number }[] }>(
        [
          { $documents: asked },
          {
            $lookup: {
              from: counters.collection.name,
              localField: '_id',
              foreignField: '_id',
              pipeline: [{ $match: { open: true } }, { $project: { floor: 1 } }],
              as: 'counter',
            },
          },
          { $set: { after: { $max: ['$after', { $first: '$counter.floor' }] } } },
          {
            $lookup: {
              from: messages.collection.name,
              localField: 'counter._id',
              foreignField: 'conversation',
              let: { after: '$after' },
              pipeline: [
                {
                  $match: {
                    ...visibleTo(userId),
                    sender: { $ne: userId },
                    deletedAt: null,
                    $expr: { $gt: ['$seq', '$$after'] },
                  },
                },
                { $limit: limits.unread },
                { $count: 'n' },
              ],
              as: 'counted',
            },
          },
        ],
        DECIDED,
      )
      .toArray();
    return rows.map(({ counted }) => counted[0]?.n ?? 0);
  };
}
