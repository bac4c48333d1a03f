import { defineScript, type Redis } from '../drivers/redis.ts';
import { AUTO_NODE_IDS, type NodeRecord, type Nodes } from './nodes.ts';
import { OWNER_TTL_MS } from './owners.ts';
import { listening } from './owners.redis.ts';

/**
 * ARGV: the record without its id, holder, when names may go to newcomers, the name that the holder had or '', and the names to
 * try. Answers the first it got.
 */
const hold = defineScript<string | null>(
  'nodes.hold',
  `
local records, holders, ends, beat = unpack(KEYS)
local record, me, settledAt, had = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
${listening}
local function mayTake(id)
  local holder = redis.call('HGET', holders, id)
  if holder == me then return true end
  -- What is stored may be old, and others who had a name may not have said so again.
  if now < settledAt then return id == had end
  return not holder or (tonumber(redis.call('ZSCORE', ends, id)) <= now and now >= grace)
end
for n = 5, #ARGV do
  local id = ARGV[n]
  if mayTake(id) then
    redis.call('HSET', holders, id, me)
    redis.call('HSET', records, id, record)
    redis.call('ZADD', ends, now + ${OWNER_TTL_MS}, id)
    return id
  end
end
return false
`,
);

const living = defineScript<string[]>(
  'nodes.living',
  `
local records, holders, ends, beat = unpack(KEYS)
${listening}
local answer = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', ends, '(' .. string.format('%d', now), '+inf')) do
  answer[#answer + 1] = id
  answer[#answer + 1] = redis.call('HGET', records, id)
end
return answer
`,
);

const release = defineScript(
  'nodes.release',
  `
local records, holders, ends, beat = unpack(KEYS)
if redis.call('HGET', holders, ARGV[1]) ~= ARGV[2] then return end
redis.call('HDEL', holders, ARGV[1])
redis.call('HDEL', records, ARGV[1])
redis.call('ZREM', ends, ARGV[1])
if redis.call('EXISTS', ends) == 0 then redis.call('DEL', beat) end
`,
);

export function redisNodes(redis: Redis): Nodes {
  const keys = ['records', 'holders', 'ends', 'beat'].map((name) => redis.key('nodes', name));
  /** Holder → the name it was given by this process: it may have it again from a Redis that has lost it. */
  const given = new Map<string, string>();

  async function take(node: Omit<NodeRecord, 'nodeId'>, nodeIds: readonly string[]): Promise<string | null> {
    const { holder } = node;
    const had = given.get(holder) ?? '';
    const args = [JSON.stringify(node), holder, redis.server.settledAt, had, ...nodeIds];
    const nodeId = await redis.run(hold, keys, args);
    if (nodeId !== null) given.set(holder, nodeId);
    return nodeId;
  }

  return {
    async hold({ nodeId, ...node }) {
      return (await take(node, [nodeId])) !== null;
    },
    holdAny: (node) => take(node, AUTO_NODE_IDS),
    async living() {
      const entries = await redis.run(living, keys);
      const nodes: NodeRecord[] = [];
      for (let n = 0; n < entries.length; n += 2) {
        const record = JSON.parse(entries[n + 1]!) as Omit<NodeRecord, 'nodeId'>;
        nodes.push({ ...record, nodeId: entries[n]! });
      }
      return nodes;
    },
    async release(nodeId, holder) {
      given.delete(holder);
      await redis.run(release, keys, [nodeId, holder]);
    },
  };
}
