import type { Config } from '../../config/config.ts';

interface Started {
  readonly config: Config;
  /** As bound; PORT=0 picks one. */
  readonly port: number;
  readonly httpPort: number;
  readonly backends: { readonly state: string; readonly storage: string };
}

const descriptions: Record<string, string> = {
  memory: 'in memory of this node (several nodes need REDIS_URL and MONGODB_URI)',
  redis: 'Redis',
  sqlite: 'SQLite in',
  mongodb: 'MongoDB',
};

/** What a person needs to know after a start, in five lines. */
export function banner({ config, port, httpPort, backends }: Started): string {
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
    '',
  ].join('\n');
}
