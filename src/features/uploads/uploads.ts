/** Where an upload is in use. Times are milliseconds since the epoch. */
export type Use =
  | { readonly kind: 'message'; readonly messageId: string; readonly conversationId: string }
  /** Sent to the match partner; ends by itself. */
  | { readonly kind: 'match'; readonly matchId: string; readonly partnerId: string; readonly until: number }
  | { readonly kind: 'avatar' };

export interface Upload {
  /** `UploadId`; also the key of its bytes. */
  readonly id: string;
  readonly ownerId: string;
  readonly kind: 'file' | 'voice';
  readonly name: string;
  readonly mimeType: string;
  /** Bytes. */
  readonly size: number;
  /** Pixels; null for what is no image. An image has a thumbnail. */
  readonly dimensions: { readonly width: number; readonly height: number } | null;
  /** Null for what is no voice note. */
  readonly sound: { readonly durationMs: number; readonly waveform: readonly number[] } | null;
  readonly createdAt: number;
}

export interface UsedUpload extends Upload {
  /** In any order; also matches whose time is over. */
  readonly uses: readonly Use[];
}

/** What was uploaded, and where it is in use. Every method is one atomic decision; a resolved write is durable. */
export interface UploadStore {
  create(upload: Upload): Promise<void>;
  find(id: string): Promise<UsedUpload | null>;
  /**
   * From now on it is in use there too: a sweep leaves it alone. The same use again changes nothing but a match's `until`.
   * Null when there is none or it is somebody else's.
   * @throws CONFLICT above `limits.usesPerUpload`
   */
  use(id: string, ownerId: string, use: Use): Promise<Upload | null>;
  /** Without effect where it is not in use by this message. */
  releaseMessage(id: string, messageId: string): Promise<void>;
  /** Without effect where it is nobody's avatar. */
  releaseAvatar(id: string): Promise<void>;
  /** Nothing of these users is an avatar any more. */
  forgetAvatars(ownerIds: readonly string[]): Promise<void>;
  /** The conversation is gone, and its messages with it. */
  releaseConversation(conversationId: string): Promise<void>;
  /** Matches, with who sent something in them, whose uses last beyond this time; each once, at most `limit`, in any order. */
  matchesBeyond(
    time: number,
    limit: number,
  ): Promise<readonly { readonly matchId: string; readonly ownerId: string }[]>;
  /** What was sent in this match goes at `until`, if not before. */
  endMatch(matchId: string, until: number): Promise<void>;
  /** False when there is none or it is somebody else's. @throws CONFLICT while it is an avatar */
  remove(id: string, ownerId: string): Promise<boolean>;
  /**
   * Removes up to `limit` that were made before `createdBefore` and are in no message and no avatar, nor in a match that lasts beyond
   * `now`; and those that were in a match and in nothing else, when the last of their matches was over at `now`, whenever they were made.
   * Answers their ids.
   */
  removeOrphans(
    times: { readonly createdBefore: number; readonly now: number },
    limit: number,
  ): Promise<readonly string[]>;
  /** Those of these ids that there are, in any order. */
  known(ids: readonly string[]): Promise<readonly string[]>;
}

/** Methods that change nothing: a worker answers them from a connection of its own. */
export const uploadReads = [
  'find',
  'known',
  'matchesBeyond',
] as const satisfies readonly (keyof UploadStore)[];
