import { z } from 'zod';
import { contractOf, request } from '../../kernel/contract.ts';
import { PublicUser, Timestamp, boundedText, optional } from '../../kernel/schemas.ts';

export const limits = { interests: 10, interestLength: 32, textLength: 4000, contentSize: 16_384 } as const;

const Interest = z.string().trim().toLowerCase().normalize('NFC').min(1).max(limits.interestLength);

export const MatchOptions = z.object({
  interests: optional(z.array(Interest).max(limits.interests)),
  mode: optional(z.enum(['text', 'audio', 'video'])),
  /** BCP 47 primary language, compared without case. */
  language: optional(z.string().trim().toLowerCase().min(2).max(16)),
});
export type MatchOptions = z.infer<typeof MatchOptions>;

export const Matched = z.object({
  matchId: z.string(),
  matchedUser: PublicUser,
  /** Exactly one side has it and makes the WebRTC offer. */
  initiator: z.boolean(),
  sharedInterests: z.array(z.string()),
  /** The seat was vacated and this socket took it again: same partner, same match. */
  resumed: z.boolean().optional(),
  /** The partner is away at this moment; `user:partner-back` or `user:unmatched` follows. */
  partnerAway: z.boolean().optional(),
});
export type Matched = z.infer<typeof Matched>;

export const UnmatchReason = z.enum(['left', 'skipped', 'disconnected', 'blocked']);
export type UnmatchReason = z.infer<typeof UnmatchReason>;

/** B's message. `content` keeps its form; it is relayed to the partner and never stored. */
export const PairMessage = z.object({
  type: z.enum(['text', 'file', 'voice']),
  content: z.union([
    boundedText(limits.textLength).refine((text) => text.length > 0, 'must not be empty'),
    z.looseObject({}),
  ]),
  timestamp: optional(z.string().max(64)),
});

/** As the partner gets it. */
export const PairMessagePush = z.object({
  type: z.enum(['text', 'file', 'voice']),
  content: z.union([z.string(), z.looseObject({})]),
  timestamp: Timestamp,
  from: z.string(),
  matchId: z.string(),
});

export const matchingContract = contractOf({
  name: 'matching',
  requests: {
    /** While matched: skips to the next partner. CONFLICT while another live socket of the user has the seat or the place. */
    'user:match': request({
      args: [optional(MatchOptions)],
      ack: z.object({ status: z.enum(['waiting', 'matched']) }),
    }),
    'user:match:cancel': request({ args: [] }),
    'user:leave': request({ args: [] }),
    'chat:clear': request({ args: [] }),
  },
  pushes: {
    'user:matched': Matched,
    'user:unmatched': z.object({ matchId: z.string(), reason: UnmatchReason }),
    /** The partner's socket was lost; the seat stays theirs for 15 s. */
    'user:partner-away': z.object({ matchId: z.string() }),
    'user:partner-back': z.object({ matchId: z.string(), initiator: z.literal(false) }),
    'chat:clear': z.object({ matchId: z.string(), from: z.string() }),
  },
});

/** Whom a relayed event goes to; `from` is the caller's user. */
export interface Pair {
  readonly matchId: string;
  readonly from: string;
  readonly partnerId: string;
}

/**
 * Relays to the caller's current partner, on whatever node.
 * Resolving means: the seat was checked and the event was handed to an adapter that is up.
 */
export interface PairRelay<P extends { readonly [event: string]: z.ZodType }> {
  /** @throws NOT_MATCHED without a partner, UNAVAILABLE (retryable) while the partner's seat is vacated. */
  send<E extends keyof P & string>(
    connectionId: string,
    event: E,
    bodyFor: (pair: Pair) => z.input<P[E]>,
  ): Promise<Pair>;
  /** The caller's current partner, present or away. @throws NOT_MATCHED */
  current(connectionId: string): Promise<Pair>;
}

/** B's chat with the current partner. Its event, `chat:message`, is C's too: the conversations' contract owns it, and hands over here. */
export interface PairTalk {
  /** Relayed, never stored. @throws NOT_MATCHED without a partner, UNAVAILABLE (retryable) while the partner is away. */
  say(
    connectionId: string,
    message: z.output<typeof PairMessage>,
  ): Promise<{ matchId: string; timestamp: string }>;
}
