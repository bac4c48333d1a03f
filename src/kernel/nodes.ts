import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import { OWNER_TTL_MS, SILENCE_MS } from './owners.ts';

export interface NodeRecord {
  readonly nodeId: string;
  /** The process that has the name; used by one process, once. */
  readonly holder: string;
  readonly state: 'memory' | 'redis';
  readonly storage: 'sqlite' | 'mongodb';
}

/** Which nodes live, and who is called what. A name is held for OWNER_TTL_MS at a time. */
export interface Nodes {
  /**
   * Takes the name, or renews it. False while another holder's lease lives, and within OWNER_TTL_MS of a time in which nobody
   * could renew: another one may still live.
   */
  hold(node: NodeRecord): Promise<boolean>;
  /** The lowest of n1…n99 that nobody has; null when there is none. */
  holdAny(node: Omit<NodeRecord, 'nodeId'>): Promise<string | null>;
  /** All whose lease lives. */
  living(): Promise<readonly NodeRecord[]>;
  /** Without effect when the holder has it not. */
  release(nodeId: string, holder: string): Promise<void>;
}

export const AUTO_NODE_IDS: readonly string[] = Array.from({ length: 99 }, (_, n) => `n${n + 1}`);

/** In one process: what the others are measured by. */
export function memoryNodes(clock: Clock): Nodes {
  const held = new Map<string, { node: NodeRecord; until: number }>();
  let heardAt = clock.now();
  let graceUntil = 0;

  function listen(): number {
    const now = clock.now();
    if (now - heardAt > SILENCE_MS) graceUntil = now + OWNER_TTL_MS;
    heardAt = now;
    return now;
  }
  function take(node: NodeRecord, now: number): boolean {
    const other = held.get(node.nodeId);
    const isFree = !other || other.node.holder === node.holder || (other.until <= now && now >= graceUntil);
    if (isFree) held.set(node.nodeId, { node, until: now + OWNER_TTL_MS });
    return isFree;
  }

  return {
    async hold(node) {
      return take(node, listen());
    },
    async holdAny(node) {
      const now = listen();
      return AUTO_NODE_IDS.find((nodeId) => take({ ...node, nodeId }, now)) ?? null;
    },
    async living() {
      const now = listen();
      return [...held.values()].filter(({ until }) => until > now).map(({ node }) => node);
    },
    async release(nodeId, holder) {
      if (held.get(nodeId)?.node.holder === holder) held.delete(nodeId);
    },
  };
}

/** A name that is taken is waited for: it may be this node's own, of before a kill. */
export const NODE_WAIT_MS = OWNER_TTL_MS + 5_000;
const POLL_MS = 1_000;
const RENEW_MS = 4_000;

/**
 * The node's name, once this process holds it. `auto` takes the lowest free one.
 * @throws Error with a message for the operator: the name stays taken, or the nodes must not work together
 */
export async function leaseNodeId(
  deps: { nodes: Nodes; clock: Clock; logger: Logger },
  wanted: string,
  node: Omit<NodeRecord, 'nodeId'>,
): Promise<string> {
  const { nodes, clock, logger } = deps;
  const endsAt = clock.now() + NODE_WAIT_MS;
  const take = async () => {
    if (wanted === 'auto') return nodes.holdAny(node);
    return (await nodes.hold({ ...node, nodeId: wanted })) ? wanted : null;
  };
  let nodeId = await take();
  if (nodeId === null) {
    const name = wanted === 'auto' ? 'a free name' : `the name ${wanted}, which is not free yet`;
    logger.warn('connection', `NODE_ID: waiting up to ${NODE_WAIT_MS / 1000} s for ${name}`);
  }
  while (nodeId === null && clock.now() < endsAt) {
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
    nodeId = await take();
  }
  if (nodeId === null) {
    throw new Error(
      wanted === 'auto'
        ? 'NODE_ID: all of n1…n99 are taken'
        : `NODE_ID: another node is called ${wanted}; give each its own`,
    );
  }
  // Each looks after it has registered: of two that start at once, one at least sees the other.
  const refusal = refusalOf({ ...node, nodeId }, await nodes.living());
  if (refusal) {
    await nodes.release(nodeId, node.holder);
    throw new Error(refusal);
  }
  return nodeId;
}

/** Why this node must not work beside the others; undefined when it may. */
export function refusalOf(node: NodeRecord, living: readonly NodeRecord[]): string | undefined {
  const others = living.filter(({ nodeId }) => nodeId !== node.nodeId);
  if (others.length === 0) return undefined;
  const all = [node, ...others];
  const missing = [
    all.some(({ state }) => state === 'memory') && 'REDIS_URL',
    all.some(({ storage }) => storage === 'sqlite') && 'MONGODB_URI',
  ].filter((name) => name !== false);
  if (missing.length === 0) return undefined;
  const names = all.map(({ nodeId }) => nodeId).sort();
  return `${missing.join(' and ')}: required on every node when there is more than one (found ${names.join(', ')})`;
}

/**
 * Renews the name until it is stopped, which gives it up. `onLost`: another node has it, because this one was away for too long;
 * it must not go on.
 */
export function keepNodeId(
  deps: { nodes: Nodes; clock: Clock; logger: Logger },
  node: NodeRecord,
  onLost: () => void,
): { now(): Promise<void>; stop(): Promise<void> } {
  let ended = false;
  async function renew() {
    try {
      if (!(await deps.nodes.hold(node)) && !ended) {
        ended = true;
        end();
        onLost();
      }
    } catch {
      // The state is away: nobody else gets the name meanwhile either.
    }
  }
  const end = deps.clock.every(RENEW_MS, () => void renew());
  return {
    now: renew,
    async stop() {
      ended = true;
      end();
      await deps.nodes.release(node.nodeId, node.holder).catch(() => {
        // The lease ends by itself.
      });
    },
  };
}
