import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { AppError } from '../../kernel/errors.ts';

export interface TokenSecrets {
  readonly secret: string;
  /** Verified, never signed with. */
  readonly previousSecret?: string;
  readonly refreshSecret: string;
  readonly previousRefreshSecret?: string;
}

/** A token that speaks for a user in one session. Times are milliseconds since the epoch, in whole seconds. */
export interface AccessClaims {
  readonly userId: string;
  readonly sessionId: string;
  readonly expiresAt: number;
}

/** A token that may be exchanged once for a new pair. */
export interface RefreshClaims extends AccessClaims {
  readonly refreshId: string;
}

export interface Tokens {
  signAccess(claims: AccessClaims): string;
  signRefresh(claims: RefreshClaims): string;
  /** @throws UNAUTHENTICATED unless it is an access token of ours, unexpired */
  verifyAccess(token: string): AccessClaims;
  /** @throws UNAUTHENTICATED unless it is a refresh token of ours, unexpired */
  verifyRefresh(token: string): RefreshClaims;
}

/** Tells our tokens from others that are signed with a shared secret. */
const ISSUER = 'realtime-chat';
const ALGORITHM = 'HS256';

const Access = z.object({ typ: z.literal('access'), sub: z.string(), sid: z.string(), exp: z.number() });
const Refresh = z.object({ ...Access.shape, typ: z.literal('refresh'), jti: z.string() });

export const unusableToken = () => new AppError('UNAUTHENTICATED', 'The token is invalid or has expired.');

export const newRefreshId = (): string => randomUUID();

export function createTokens(secrets: TokenSecrets, clock: { now(): number }): Tokens {
  const seconds = (ms: number) => Math.floor(ms / 1000);

  function sign(
    secret: string,
    payload: { typ: string; sub: string; sid: string; jti?: string },
    expiresAt: number,
  ) {
    const times = { iat: seconds(clock.now()), exp: seconds(expiresAt) };
    return jwt.sign({ iss: ISSUER, ...payload, ...times }, secret, { algorithm: ALGORITHM });
  }

  /** Each kind has its own secret and its own `typ`: neither passes for the other. */
  function verify<S extends z.ZodType>(
    token: string,
    schema: S,
    keys: readonly (string | undefined)[],
  ): z.output<S> {
    for (const key of keys) {
      if (key === undefined) continue;
      try {
        const clockTimestamp = seconds(clock.now());
        return schema.parse(
          jwt.verify(token, key, { algorithms: [ALGORITHM], issuer: ISSUER, clockTimestamp }),
        );
      } catch {
        // Why does not matter to the caller, and another key may fit.
      }
    }
    throw unusableToken();
  }

  return {
    signAccess: ({ userId, sessionId, expiresAt }) =>
      sign(secrets.secret, { typ: 'access', sub: userId, sid: sessionId }, expiresAt),

    signRefresh: ({ userId, sessionId, refreshId, expiresAt }) =>
      sign(secrets.refreshSecret, { typ: 'refresh', sub: userId, sid: sessionId, jti: refreshId }, expiresAt),

    verifyAccess(token) {
      const { sub, sid, exp } = verify(token, Access, [secrets.secret, secrets.previousSecret]);
      return { userId: sub, sessionId: sid, expiresAt: exp * 1000 };
    },

    verifyRefresh(token) {
      const { sub, sid, jti, exp } = verify(token, Refresh, [
        secrets.refreshSecret,
        secrets.previousRefreshSecret,
      ]);
      return { userId: sub, sessionId: sid, refreshId: jti, expiresAt: exp * 1000 };
    },
  };
}
