import type { Identity } from '../../kernel/connection.ts';
import type { Account } from './accounts.ts';
import type { Greeting, OwnUser, SessionInfo, SocketUser } from './contract.ts';
import type { Session } from './sessions.ts';

const iso = (ms: number) => new Date(ms).toISOString();

/** @param renderId as the route's dialect documents ids */
export function ownUser(
  account: Account,
  isOnline: boolean,
  renderId: (id: string) => string | number,
): OwnUser {
  const { id, username, displayName, email, avatar, bio, guest, status } = account;
  const { lastSeen, createdAt, expiresAt } = account;
  return {
    id: renderId(id),
    username,
    displayName,
    email,
    avatar,
    bio,
    guest,
    status,
    isOnline,
    lastSeen: iso(lastSeen),
    createdAt: iso(createdAt),
    expiresAt: expiresAt === null ? null : iso(expiresAt),
  };
}

export function sessionInfo(session: Session, currentId: string | null): SessionInfo {
  const { id, ip, userAgent, deviceId, location, createdAt, lastSeen } = session;
  return {
    id,
    current: id === currentId,
    ip,
    userAgent,
    deviceId,
    location,
    createdAt: iso(createdAt),
    lastSeen: iso(lastSeen),
  };
}

export function socketUser({ id, username, avatar, guest, status }: Identity & { kind: 'user' }): SocketUser {
  return { id, username, avatar, guest, status };
}

export function greeting(
  socketId: string,
  identity: Identity,
  from: { readonly nodeId: string; readonly workerId: string; readonly now: number },
): Greeting {
  const common = { socketId, serverTime: iso(from.now), nodeId: from.nodeId, workerId: from.workerId };
  if (identity.kind === 'user') return { ...common, user: socketUser(identity) };
  return { ...common, user: null, guest: { userId: identity.id, username: identity.username, guest: true } };
}
