import type { Mongo } from '../drivers/mongo.ts';
import { AUTO_NODE_IDS, type NodeRecord, type Nodes } from './nodes.ts';
import { OWNER_TTL_MS } from './owners.ts';

interface NodeDocument extends Omit<NodeRecord, 'nodeId'> {
  _id: string;
  until: Date;
}

/** By the server's clock. For nodes that share a MongoDB, whether they share a Redis or not. */
export function mongoNodes({ connection }: Mongo): Nodes {
  const nodes = () => connection.getClient().db(connection.name).collection<NodeDocument>('nodes');

  async function take({ nodeId, holder, state, storage }: NodeRecord): Promise<boolean> {
    const isMine = { $eq: ['$holder', { $literal: holder }] };
    const isOver = { $lte: [{ $ifNull: ['$until', new Date(0)] }, '$$NOW'] };
    const ifFree = (then: unknown, otherwise: string) => ({
      $cond: [{ $or: [isMine, isOver] }, then, otherwise],
    });
    const kept = await nodes().findOneAndUpdate(
      { _id: nodeId },
      [
        {
          $set: {
            holder: ifFree({ $literal: holder }, '$holder'),
            state: ifFree(state, '$state'),
            storage: ifFree(storage, '$storage'),
            until: ifFree({ $add: ['$$NOW', OWNER_TTL_MS] }, '$until'),
          },
        },
      ],
      { upsert: true, returnDocument: 'after' },
    );
    return kept?.holder === holder;
  }

  return {
    hold: take,
    async holdAny(node) {
      for (const nodeId of AUTO_NODE_IDS) if (await take({ ...node, nodeId })) return nodeId;
      return null;
    },
    async living() {
      const found = await nodes()
        .aggregate<NodeDocument>([{ $match: { $expr: { $gt: ['$until', '$$NOW'] } } }])
        .toArray();
      return found.map(({ _id, holder, state, storage }) => ({ nodeId: _id, holder, state, storage }));
    },
    async release(nodeId, holder) {
      await nodes().deleteOne({ _id: nodeId, holder });
    },
  };
}
