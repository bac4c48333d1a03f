import { createHmac } from 'node:crypto';

export interface IceConfig {
  readonly stunUrls: readonly string[];
  readonly turnUrls: readonly string[];
  readonly turnSecret?: string | undefined;
  readonly turnTtlSeconds: number;
  readonly icePolicy: 'all' | 'relay';
}

export interface IceServers {
  iceServers: { urls: string[]; username?: string; credential?: string }[];
  iceTransportPolicy: 'all' | 'relay';
  expiresAt: string;
}

/**
 * Time-limited TURN credentials by coturn's REST scheme (draft-uberti-behave-turn-rest-00). They depend on the user and the
 * time alone, so every worker answers the same ones until half of their life is over.
 */
export function iceServersFor(userId: string, nowMs: number, config: IceConfig): IceServers {
  const { turnTtlSeconds } = config;
  const halfLife = Math.ceil(turnTtlSeconds / 2);
  const expiry = (Math.floor(nowMs / 1000 / halfLife) + 2) * halfLife;
  const iceServers: IceServers['iceServers'] = [];
  if (config.stunUrls.length > 0) iceServers.push({ urls: [...config.stunUrls] });
  if (config.turnUrls.length > 0 && config.turnSecret !== undefined) {
    const username = `${expiry}:${userId}`;
    const credential = createHmac('sha1', config.turnSecret).update(username).digest('base64');
    iceServers.push({ urls: [...config.turnUrls], username, credential });
  }
  return {
    iceServers,
    iceTransportPolicy: config.icePolicy,
    expiresAt: new Date(expiry * 1000).toISOString(),
  };
}
