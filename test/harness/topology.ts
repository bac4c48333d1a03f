import { startCluster as oneNode } from './cluster.ts';
import { startNodes } from './nodes.ts';

/** Set before a suite is imported: the same suite then runs on two nodes behind Nginx, with Redis and MongoDB. */
export const TOPOLOGY = 'TEST_TOPOLOGY';

export const startCluster = process.env[TOPOLOGY] === 'nodes' ? startNodes : oneNode;
