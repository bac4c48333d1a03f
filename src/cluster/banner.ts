import type { Config } from '../../config/config.ts';

interface Started {
  readonly config: Config;
  /** As bound; PORT=0 picks one. */
  readonly port: number;
  readonly httpPort: number;
  readonly backends: { readonly state: string; readonly storage: string };
  /** Accounts in the embedded storage that the one in use, which is empty, does not have. */
  readonly leftBehind: number;
}

const descriptions: Record<string, string> = {
  memory: 'in memory of this node (several nodes need REDIS_URL and MONGODB_URI)',
  redis: 'Redis',
  sqlite: 'SQLite in',
  mongodb: 'MongoDB',
};

/** What a person needs to know after a start, in a few lines. */
export function banner({ config, port, httpPort, backends, leftBehind }: Started): string {
  const host = config.host === '0.0.0.0' || config.host === '::' ? 'localhost' : config.host;
  const storage =
    backends.storage === 'sqlite'
      ? `${descriptions['sqlite']} ${config.dataDir}`
      : descriptions[backends.storage];
  return [
    '',
    `  realtime-chat is ready on http://${host}:${port}`,
    '',
    `  workers   ${config.workers} on node ${config.nodeId} (${config.env})`,
    `  plain     http://${host}:${httpPort} for Nginx: API, files and page, no Socket.IO`,
    `  state     ${descriptions[backends.state]}`,
    `  storage   ${storage}`,
    ...(leftBehind > 0
      ? [
          `            empty, while ${config.dataDir} has ${accounts(leftBehind)}: stop, and npm run storage:copy`,
        ]
      : []),
    '',
  ].join('\n');
}

const accounts = (count: number) => (count === 1 ? '1 account' : `${count} accounts`);
