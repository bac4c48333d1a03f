import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { cleaned, Id, PresenceStatus, RenderedId, Timestamp, optional } from '../../kernel/schemas.ts';

const both = ['/api', '/api/v1'] as const;

export const limits = {
  usernameMin: 3,
  usernameMax: 30,
  displayNameMax: 50,
  /** In UTF-16 units, as all of them. */
  bioMax: 280,
  passwordMinBytes: 8,
  passwordMaxBytes: 72,
  /** Users that a search answers, and characters that it begins with. */
  found: 20,
  searchMin: 2,
} as const;

export const Username = z
  .string()
  .trim()
  .normalize('NFKC')
  .regex(/^[\p{L}\p{N}_.-]+$/u, 'may contain letters, digits, "_", "." and "-"')
  .min(limits.usernameMin)
  .max(limits.usernameMax);

export const Email = z.string().trim().max(254).pipe(z.email());

const byteLength = (text: string) => new TextEncoder().encode(text).length;

export const Password = z
  .string()
  .refine((p) => byteLength(p) >= limits.passwordMinBytes && byteLength(p) <= limits.passwordMaxBytes, {
    message: `must have ${limits.passwordMinBytes} to ${limits.passwordMaxBytes} bytes`,
  })
  .refine((p) => /\p{L}/u.test(p) && /\p{N}/u.test(p), { message: 'must contain a letter and a digit' });

/** Empty text is none. */
const orNone = (text: string) => (text === '' ? null : text);

export const DisplayName = z
  .string()
  .transform((text) => cleaned(text).replaceAll(/\s+/g, ' ').trim())
  .pipe(z.string().max(limits.displayNameMax).transform(orNone))
  .nullable();

export const Bio = z
  .string()
  .transform((text) => cleaned(text).trim())
  .pipe(z.string().max(limits.bioMax).transform(orNone))
  .nullable();

/** The beginning of a name. */
export const NamePrefix = z
  .string()
  .max(200)
  .trim()
  .normalize('NFKC')
  .refine((text) => [...text].length >= limits.searchMin, {
    message: `must have at least ${limits.searchMin} characters`,
  });

/** The user's own view of the account: a superset of B's and D's user objects. */
export const OwnUser = z.object({
  id: RenderedId,
  username: z.string(),
  displayName: z.string().nullable(),
  email: z.string().nullable(),
  avatar: z.string().nullable(),
  bio: z.string().nullable(),
  guest: z.boolean(),
  status: PresenceStatus,
  isOnline: z.boolean(),
  lastSeen: Timestamp,
  createdAt: Timestamp,
  /** Guest accounts only: when the account and its tokens end. */
  expiresAt: Timestamp.nullable(),
});
export type OwnUser = z.infer<typeof OwnUser>;

export const FoundUser = z.object({
  id: RenderedId,
  username: z.string(),
  displayName: z.string().nullable(),
  avatar: z.string().nullable(),
});

const Credentials = z.object({
  token: z.string(),
  refreshToken: z.string(),
  expiresAt: Timestamp,
  user: OwnUser,
});

/** Coarse on purpose; shown to its owner and to admins only. */
export const Location = z.object({
  country: z.string().trim().min(1).max(64),
  city: z.string().trim().min(1).max(64),
});

export const SessionInfo = z.object({
  id: z.string(),
  current: z.boolean(),
  ip: z.string(),
  userAgent: z.string(),
  deviceId: z.string().nullable(),
  location: Location.nullable(),
  createdAt: Timestamp,
  lastSeen: Timestamp,
});
export type SessionInfo = z.infer<typeof SessionInfo>;

export const SocketUser = z.object({
  id: z.string(),
  username: z.string(),
  avatar: z.string().nullable(),
  guest: z.boolean(),
  status: PresenceStatus,
});
export type SocketUser = z.infer<typeof SocketUser>;

/** Both greetings have this body. `guest` tells a socket without a token who it is (CONTRACT 2). */
export const Greeting = z.object({
  socketId: z.string(),
  user: SocketUser.nullable(),
  guest: z.object({ userId: z.string(), username: z.string(), guest: z.literal(true) }).optional(),
  serverTime: Timestamp,
  nodeId: z.string(),
  /** `<node>.<worker>`: which process serves this socket. */
  workerId: z.string(),
});
export type Greeting = z.infer<typeof Greeting>;

export const accountsContract = contractOf({
  name: 'accounts',
  requests: {
    /** D: `{token}`, answered by `authenticated`; E: `(token, callback)`. Upgrades the live socket, or renews its token. */
    authenticate: request({
      args: [z.union([z.string().max(4096), z.object({ token: z.string().max(4096) })])],
      ack: z.object({ user: SocketUser }),
      access: 'anyone',
    }),
  },
  pushes: {
    'connection:established': Greeting,
    connected: Greeting,
    authenticated: z.object({ userId: z.number() }),
  },
  routes: {
    /** With a guest account's token, converts that account and keeps its id. 409 CONFLICT with `fields.email` or `fields.username`. */
    'POST /auth/register': route({
      body: z.object({ username: Username, email: Email, password: Password }),
      data: Credentials,
      access: 'anyone',
      bucket: 'auth',
      status: 201,
      message: 'User registered successfully',
      prefixes: both,
    }),
    'POST /auth/login': route({
      body: z.object({ email: z.string().max(254), password: z.string().max(1024) }),
      data: Credentials,
      access: 'anyone',
      bucket: 'auth',
      message: 'Login successful',
      prefixes: both,
    }),
    'POST /auth/guest': route({
      body: z.object({ username: optional(Username) }),
      data: Credentials,
      access: 'anyone',
      bucket: 'guest',
      status: 201,
      message: 'Guest account created',
      prefixes: both,
    }),
    /** Rotates: the presented refresh token is used up, and using it again revokes the session. 401 for any that cannot be used. */
    'POST /auth/refresh': route({
      body: z.object({ refreshToken: z.string().max(4096) }),
      data: Credentials,
      access: 'anyone',
      bucket: 'refresh',
      message: 'Token refreshed',
      prefixes: both,
    }),
    'GET /auth/me': route({ data: z.object({ user: OwnUser }), prefixes: both }),
    /** With a token that another service signed, which has no session: as `logout-all`. */
    'POST /auth/logout': route({ message: 'Logged out', prefixes: both }),
    /** `revoked`: sessions. Tokens that another service signed until now are refused as well. */
    'POST /auth/logout-all': route({
      data: z.object({ revoked: z.number() }),
      message: 'Logged out everywhere',
      prefixes: both,
    }),
    /** Ends every other session of the account. 400 with `fields.current` when that is wrong, 403 for accounts without one. */
    'POST /auth/password': route({
      body: z.object({ current: z.string().max(1024), next: Password }),
      bucket: 'auth',
      message: 'Password changed',
      prefixes: both,
    }),
    /** What is left out stays; null and empty text remove. 409 CONFLICT with `fields.username`, 404 for an avatar that is no own upload. */
    'PATCH /users/me': route({
      body: z.object({
        username: Username.optional(),
        displayName: DisplayName.optional(),
        bio: Bio.optional(),
        avatar: z.string().max(2048).nullable().optional(),
      }),
      data: z.object({ user: OwnUser }),
      message: 'Profile updated',
      prefixes: both,
    }),
    /** Whose name begins so, in any case, but the caller and who blocked or is blocked; at most 20. */
    'GET /users/search': route({
      query: z.object({ q: NamePrefix }),
      data: z.object({ users: z.array(FoundUser), count: z.number() }),
      prefixes: both,
    }),
    /** Closes the user's sockets on all nodes. Tokens stay valid, unless `revoke=true` ends them too. */
    'DELETE /ws/users/:userId': route({
      params: z.object({ userId: Id }),
      query: z.object({ revoke: z.enum(['true', 'false']).default('false') }),
      data: z.object({ disconnected: z.number() }),
      access: 'admin',
      prefixes: ['/api/v1'],
    }),
    'GET /users/sessions': route({ data: z.object({ sessions: z.array(SessionInfo) }) }),
    'DELETE /users/sessions/:id': route({
      params: z.object({ id: z.string().max(64) }),
      message: 'Session revoked',
    }),
    /** Of the caller's session; replaces what was recorded, so that leaving out `location` removes it. 403 without a session. */
    'POST /users/device': route({
      body: z.object({ deviceId: z.string().trim().min(1).max(128), location: optional(Location) }),
      data: z.object({ deviceId: z.string(), location: Location.nullable() }),
      message: 'Device updated',
    }),
  },
});

/** In-process announcements of this feature. */
export interface AccountFacts {
  /** Guest accounts whose time was up; what others stored about them can go. */
  'account.removed': { userIds: readonly string[] };
  /** What of a profile has changed; the user's live sockets go by the new name already. */
  'profile.changed': {
    userId: string;
    changed: {
      readonly username?: string;
      readonly displayName?: string | null;
      readonly bio?: string | null;
      readonly avatar?: string | null;
    };
  };
  /** A session ended before its time; its live sockets are being closed on every node. */
  'session.revoked': { userId: string; sessionIds: readonly string[] };
}
