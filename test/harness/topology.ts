import { startCluster as oneNode, type Cluster, type ClusterOptions } from './cluster.ts';
import { startNodes } from './nodes.ts';

let onNodes = false;

/** For the suites that this test file imports after this call: two nodes behind Nginx, with Redis and MongoDB. */
export function useNodes(): void {
  onNodes = true;
}

// Asked when a suite runs: this module is loaded before any file can say which it wants.
export const startCluster = (options?: ClusterOptions): Promise<Cluster> =>
  onNodes ? startNodes(options) : oneNode(options);
export const topologyName = (): string => (onNodes ? 'two nodes' : 'one node');
