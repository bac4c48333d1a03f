import { z } from 'zod';
import { contractOf, route } from '../../kernel/contract.ts';
import { Timestamp } from '../../kernel/schemas.ts';

/** Files and voice notes (B; CONTRACT 17). MAX_FILE_SIZE and MAX_VOICE_DURATION bound them. */

export const limits = {
  /** UTF-16 units. */
  nameLength: 200,
  /** Loudness of a voice note over its length, each 0–100. */
  waveformBuckets: 64,
  /** Messages, matches and avatars that one upload can be in at a time. */
  usesPerUpload: 100,
  /** Pixels of an image, all of its frames together. */
  imagePixels: 40_000_000,
  thumbnailPixels: 320,
  /** How long a signed URL works at least; at most twice as long. */
  signedMs: 60 * 60_000,
  /** In no message and no avatar for so long since it came: it is removed. */
  orphanMs: 24 * 60 * 60_000,
  /** What was sent to a match partner goes so long after the match has ended. */
  afterMatchMs: 60 * 60_000,
} as const;

/** 128 random bits: whoever is not told it cannot guess it. */
export const UploadId = z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'must be the id of an upload');

/** What a client sends on in messages: `content` of B's `file` and `voice`, whole or its `url` alone. */
export const Uploaded = z.object({
  id: UploadId,
  /** Signed: works without a token, in `<img>` and `<audio>`, until `expiresAt`. */
  url: z.string(),
  expiresAt: Timestamp,
  name: z.string(),
  mimeType: z.string(),
  /** Bytes. */
  size: z.number(),
  /** Of images, in pixels. */
  width: z.number().optional(),
  height: z.number().optional(),
  /** Of images: at most 320 × 320 pixels, signed like `url`. */
  thumbnailUrl: z.string().optional(),
  /** Of voice notes. */
  durationMs: z.number().optional(),
  /** Of voice notes: 64 numbers from 0 to 100, how loud each part is. */
  waveform: z.array(z.number()).optional(),
});
export type Uploaded = z.infer<typeof Uploaded>;

export const uploadsContract = contractOf({
  name: 'uploads',
  routes: {
    /** multipart/form-data with one file in the field `file`. TOO_LARGE above MAX_FILE_SIZE, UNSUPPORTED_MEDIA for a type that is not taken. */
    'POST /upload/file': route({
      receives: 'file',
      bucket: 'upload',
      data: Uploaded,
      status: 201,
      message: 'File uploaded',
    }),
    /** multipart/form-data with webm, ogg, m4a, mp3 or wav in the field `voice`. TOO_LARGE above MAX_VOICE_DURATION too. */
    'POST /upload/voice': route({
      receives: 'voice',
      bucket: 'upload',
      data: Uploaded,
      status: 201,
      message: 'Voice note uploaded',
    }),
    /** The bytes, with ranges. Signed, for everybody; with a token, for whoever may fetch it; as an avatar in use, for whoever knows the id. */
    'GET /uploads/:id': route({ params: z.object({ id: UploadId }), access: 'anyone', prefixes: [''] }),
    'GET /uploads/:id/thumbnail': route({
      params: z.object({ id: UploadId }),
      access: 'anyone',
      prefixes: [''],
    }),
    /** What is known of it, with a URL that works from now on; for whoever may fetch it. Else NOT_FOUND. */
    'GET /upload/:id': route({ params: z.object({ id: UploadId }), data: Uploaded }),
    /** By its uploader alone, wherever it was sent. CONFLICT while it is their avatar. */
    'DELETE /upload/:id': route({ params: z.object({ id: UploadId }), message: 'Deleted' }),
  },
});

/** What a message keeps of an upload. */
export interface UploadDetails {
  readonly id: string;
  readonly mimeType: string;
  readonly size: number;
  readonly dimensions: { readonly width: number; readonly height: number } | null;
  readonly sound: { readonly durationMs: number; readonly waveform: readonly number[] } | null;
}

interface MessagePlace {
  readonly conversationId: string;
  readonly messageId: string;
}

/** Where other features hand in what clients want to send on. `content` names an upload by its answer, its URL or its id. */
export interface UploadDesk {
  /** For the match partner, signed, in the form in which it came; what names no upload as it is. @throws NOT_FOUND for what is not the sender's */
  inMatch(
    content: string | Record<string, unknown>,
    pair: { readonly from: string; readonly partnerId: string; readonly matchId: string },
  ): Promise<string | Record<string, unknown>>;
  /** For a message that is about to be stored; `url` is not signed. @throws NOT_FOUND for what is not the sender's own upload */
  inMessage(
    content: string | Record<string, unknown>,
    senderId: string,
    place: MessagePlace,
  ): Promise<{
    readonly kind: 'file' | 'voice';
    readonly url: string;
    readonly fileName: string;
    readonly upload: UploadDetails;
  }>;
  /** It is not in that message (any more), but in another one, or in none. */
  moved(
    upload: Pick<UploadDetails, 'id'>,
    ownerId: string,
    fromMessageId: string,
    to: MessagePlace | null,
  ): Promise<void>;
  /** Answers what is kept as the profile's avatar. @throws NOT_FOUND, BAD_INPUT for what is no picture */
  asAvatar(content: string, userId: string): Promise<string>;
  /** Another avatar has taken its place. */
  dropAvatar(path: string): Promise<void>;
  /** With URLs that work from now on. */
  shown(attachment: { readonly fileName: string; readonly upload: UploadDetails }): Uploaded;
}
