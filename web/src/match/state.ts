import type { PushBody } from '../../../src/contract.ts';
import type { Preferences } from '../session/preferences.ts';
import type { Attached } from '../uploads/attached.ts';

/** Everything the page knows about the search and the pair it led to. Plain data; changed by `reduce` alone. */
export interface State {
  /** The connection to the server. `lost` reconnects by itself; `closed` waits for the user. */
  link: 'connecting' | 'up' | 'lost' | 'closed';
  preferences: Preferences;
  phase: Phase;
  notice: Notice | null;
}

export type Phase =
  /** After a reload: the seat of the stored match is being asked for. */
  | { at: 'returning' }
  | { at: 'choosing' }
  /** Camera and microphone are asked for; a problem waits for the user's decision. */
  | { at: 'preparing'; problem: MediaProblem | null }
  /** `since` in ms, local clock. */
  | { at: 'waiting'; since: number }
  | { at: 'matched'; match: Match; partner: PartnerPresence; log: readonly Entry[] }
  | { at: 'ended'; match: Match; why: EndReason; log: readonly Entry[] };

export type MediaProblem = 'refused' | 'missing' | 'busy' | 'insecure' | 'failed';

export interface Match {
  id: string;
  partner: { id: string; name: string };
  sharedInterests: readonly string[];
}

/** Away partners have 15 s to return. `since` in ms, local clock. */
export type PartnerPresence = { is: 'here' } | { is: 'away'; since: number };

/** `lost`: it was our connection that was away for too long. `blocked`: by us; being blocked looks like `left`. */
export type EndReason = 'left' | 'skipped' | 'disconnected' | 'blocked' | 'lost';

/**
 * `held` is sent by itself as soon as both are connected; `failed` waits for the user;
 * `unsure` was sent without an answer, so sending it again may show it twice.
 */
export type Delivery = 'sending' | 'sent' | 'held' | 'failed' | 'unsure';

/** One line of the log. `at` in ms: our clock for our own, the sender's for theirs. */
export type Entry = { id: number; at: number } &
  /** An upload stands there without a text. */
  (
    | { by: 'me'; text: string; attached?: Attached; delivery: Delivery; why?: string }
    | { by: 'them'; text: string; attached?: Attached }
    | { by: 'them'; text: string; link: string }
    | { by: 'page'; event: 'met' | 'away' | 'back' | 'cleared-by-me' | 'cleared-by-them' }
  );

export type Notice =
  | { is: 'limited'; until: number }
  | { is: 'elsewhere' }
  | { is: 'reported' }
  | { is: 'no-media' }
  | { is: 'failed'; message: string };

export type Event =
  | { type: 'link'; link: State['link'] }
  | { type: 'preferred'; preferences: Preferences }
  | { type: 'preparing' }
  | { type: 'media-problem'; problem: MediaProblem }
  | { type: 'seeking'; now: number }
  | { type: 'matched'; body: PushBody<'user:matched'>; now: number; entryId: number }
  | { type: 'unmatched'; matchId: string; why: EndReason }
  | { type: 'partner-away'; matchId: string; now: number; entryId: number }
  | { type: 'partner-back'; matchId: string; now: number; entryId: number }
  | { type: 'said'; entry: Entry }
  | { type: 'heard'; matchId: string; entry: Entry }
  | { type: 'delivery'; id: number; delivery: Delivery; why?: string }
  | { type: 'cleared'; matchId: string; entry: Entry }
  | { type: 'stopped' }
  | { type: 'notice'; notice: Notice | null };

export const initialState = (preferences: Preferences, returning: boolean): State => ({
  link: 'connecting',
  preferences,
  phase: { at: returning ? 'returning' : 'choosing' },
  notice: null,
});
