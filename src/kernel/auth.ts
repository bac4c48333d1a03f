import type { UserIdentity } from './connection.ts';

/** Turns a token into the user it speaks for. */
export interface Authenticator {
  /**
   * @throws UNAUTHENTICATED when the token is malformed, forged, expired, or its session has ended
   */
  verify(token: string): Promise<UserIdentity>;
  /** The user a refresh token was signed for, from its signature alone; undefined when that is wrong. For rate limits. */
  subjectOfRefreshToken(token: string): string | undefined;
  /** Admin rights, read anew on each call (CONTRACT 15): the API key, or a confirmed account of a listed address. */
  isAdmin(credentials: { apiKey: string | undefined; identity: UserIdentity | null }): Promise<boolean>;
}

/** The token of an `Authorization: Bearer …` header. */
export function bearerOf(header: string | undefined): string | undefined {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
}
