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

/** A token that another service signed with the shared secret. Times are milliseconds since the epoch. */
export interface ExternalClaims {
  /** Who it is for that service. */
  readonly externalId: string;
  /** What it calls the user, as it stands there. */
  readonly name: string | undefined;
  /** Null where the token does not say, or names a time that has not come: nobody could revoke that. */
  readonly issuedAt: number | null;
  readonly expiresAt: number;
}

export interface Tokens {
  signAccess(claims: AccessClaims): string;
  signRefresh(claims: RefreshClaims): string;
  /** @throws UNAUTHENTICATED unless it is an access token of ours, unexpired */
  verifyAccess(token: string): AccessClaims;
  /** @throws UNAUTHENTICATED unless it is a refresh token of ours, unexpired */
  verifyRefresh(token: string): RefreshClaims;
  /** Undefined for one of ours, and for what is no token of the shared secret, has expired, or never ends. */
  external(token: string): ExternalClaims | undefined;
}

/** Tells our tokens from others that are signed with a shared secret. */
const ISSUER = 'realtime-chat';
const ALGORITHM = 'HS256';

const Access = z.object({ typ: z.literal('access'), sub: z.string(), sid: z.string(), exp: z.number() });
const Refresh = z.object({ ...Access.shape, typ: z.literal('refresh'), jti: z.string() });

/**
 * A number that has lost its last digits would be somebody else's, as would text that a store cannot keep as it is.
 */
const ExternalId = z.union([
  z.string().regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u),
  z.number().refine(Number.isSafeInteger).transform(String),
]);

const Claim = z.unknown().optional();

/** Of ours there is none without both; what has either is ours alone to judge. */
const External = z
  .object({
    iss: Claim,
    sid: z.undefined().optional(),
    exp: z.number(),
    iat: z.number().optional().catch(undefined),
    ...{ sub: Claim, userId: Claim, id: Claim },
    ...{ username: Claim, name: Claim },
  })
  .refine(({ iss }) => iss !== ISSUER && !(Array.isArray(iss) && iss.includes(ISSUER)));

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

  /** Undefined unless one of the keys fits. */
  function read<S extends z.ZodType>(
    token: string,
    schema: S,
    keys: readonly (string | undefined)[],
    options: { issuer?: string } = {},
  ): z.output<S> | undefined {
    for (const key of keys) {
      if (key === undefined) continue;
      try {
        const clockTimestamp = seconds(clock.now());
        return schema.parse(jwt.verify(token, key, { algorithms: [ALGORITHM], ...options, clockTimestamp }));
      } catch {
        // Why does not matter to the caller, and another key may fit.
      }
    }
    return undefined;
  }

  /** Each kind of ours has its own secret and its own `typ`: neither passes for the other. */
  function verify<S extends z.ZodType>(token: string, schema: S, keys: readonly (string | undefined)[]) {
    const claims = read(token, schema, keys, { issuer: ISSUER });
    if (claims === undefined) throw unusableToken();
    return claims;
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

    external(token) {
      const claims = read(token, External, [secrets.secret, secrets.previousSecret]);
      if (!claims) return undefined;
      const { sub, userId, id, username, name, iat, exp } = claims;
      const externalId = ExternalId.safeParse(
        [sub, userId, id].find((claim) => claim !== undefined && claim !== null),
      );
      if (!externalId.success) return undefined;
      const issuedAt = iat === undefined || iat * 1000 > clock.now() ? null : iat * 1000;
      const called = [username, name].find((claim) => typeof claim === 'string');
      return { externalId: externalId.data, name: called, issuedAt, expiresAt: exp * 1000 };
    },
  };
}
