import type { ReceivedFile } from '../../kernel/receive.ts';
import { AppError } from '../../kernel/errors.ts';
import { Download } from '../../kernel/download.ts';
import type { SignedUrls } from '../../kernel/signed-urls.ts';
import type { BlobPart, Blobs } from './blobs.ts';
import { limits, type Uploaded } from './contract.ts';
import { shown } from './links.ts';
import type { Media } from './media.ts';
import { fileName } from './names.ts';
import type { Upload, UploadStore, UsedUpload } from './uploads.ts';

export interface UploadNeeds {
  readonly uploads: UploadStore;
  readonly blobs: Blobs;
  readonly media: Media;
  readonly signedUrls: SignedUrls;
  readonly clock: { now(): number };
  readonly randomUploadId: () => string;
  readonly config: { readonly uploads: { readonly maxVoiceSeconds: number } };
  readonly matches: { partnerOf(userId: string): Promise<{ readonly matchId: string } | null> };
  /** Who may read a conversation may fetch what was posted in it. */
  readonly mayRead: (conversationId: string, userId: string) => Promise<boolean>;
}

/** Shown in the page of whoever opens it: drawn anew by us, or nothing that a browser could run. All else is saved. */
const INLINE = /^(image\/(jpeg|png|gif|webp)|audio\/[a-z0-9-]+|video\/(mp4|webm|quicktime))$/;
const SWEPT_AT_ONCE = 100;
const MATCHES_AT_ONCE = 10_000;
/** Of bytes that nobody knows: asked about together. */
const UNKNOWN_AT_ONCE = 200;

export const noUpload = () => new AppError('NOT_FOUND', 'There is no such upload.');

/** Takes files in, and gives them to those who may have them. */
export function createUploads(needs: UploadNeeds) {
  const { uploads, blobs, media, clock } = needs;

  /** Bytes first: what is known can be fetched. A crash in between leaves bytes that a sweep finds. */
  async function keep(upload: Upload, parts: Partial<Record<BlobPart, string>>): Promise<Uploaded> {
    try {
      for (const [part, path] of Object.entries(parts)) await blobs.put(upload.id, part as BlobPart, path);
      await uploads.create(upload);
    } catch (error) {
      await blobs.remove(upload.id).catch(() => {});
      throw error;
    }
    return shown(upload, needs.signedUrls);
  }

  const blank = (ownerId: string, kind: Upload['kind'], name: string, file: ReceivedFile) => ({
    id: needs.randomUploadId(),
    ownerId,
    kind,
    name,
    size: file.size,
    dimensions: null,
    sound: null,
    createdAt: clock.now(),
  });

  function named({ name, size }: ReceivedFile): string {
    if (size === 0) throw new AppError('BAD_INPUT', 'The file is empty.', { file: 'must not be empty' });
    return fileName(name);
  }

  async function isReader({ ownerId, uses }: UsedUpload, userId: string | null): Promise<boolean> {
    // Whoever is shown a profile is told an id that cannot be guessed.
    if (uses.some(({ kind }) => kind === 'avatar')) return true;
    if (userId === null) return false;
    if (ownerId === userId) return true;
    const now = clock.now();
    if (uses.some((use) => use.kind === 'match' && use.partnerId === userId && use.until > now)) return true;
    const conversationIds = new Set(
      uses.flatMap((use) => (use.kind === 'message' ? use.conversationId : [])),
    );
    for (const id of conversationIds) if (await needs.mayRead(id, userId)) return true;
    return false;
  }

  /** @throws NOT_FOUND for whoever may not fetch it, as if there were none */
  async function readable(
    id: string,
    caller: { userId: string | null; isSigned: boolean },
  ): Promise<UsedUpload> {
    const upload = await uploads.find(id);
    if (!upload || !(caller.isSigned || (await isReader(upload, caller.userId)))) throw noUpload();
    return upload;
  }

  /** Asked of those who sent something, not of the ends of matches: whoever was killed ended one without a word. */
  async function endMatches(now: number): Promise<void> {
    const until = now + limits.afterMatchMs;
    for (const { matchId, ownerId } of await uploads.matchesBeyond(until, MATCHES_AT_ONCE)) {
      const pair = await needs.matches.partnerOf(ownerId);
      if (pair?.matchId !== matchId) await uploads.endMatch(matchId, until);
    }
  }

  return {
    /** @throws UNSUPPORTED_MEDIA, TOO_LARGE, BAD_INPUT for its name */
    async takeFile(ownerId: string, file: ReceivedFile): Promise<Uploaded> {
      const upload = blank(ownerId, 'file', named(file), file);
      const { mimeType, isImage } = await media.typeOf(file.path, upload.name);
      if (!isImage) return keep({ ...upload, mimeType }, { whole: file.path });
      const to = { whole: file.workspace.path(), thumbnail: file.workspace.path() };
      const { width, height, size, mimeType: drawnAs } = await media.redraw(file.path, to);
      return keep({ ...upload, mimeType: drawnAs, size, dimensions: { width, height } }, to);
    },

    /** @throws UNSUPPORTED_MEDIA, TOO_LARGE also above MAX_VOICE_DURATION, BAD_INPUT for its name */
    async takeVoice(ownerId: string, file: ReceivedFile): Promise<Uploaded> {
      const upload = blank(ownerId, 'voice', named(file), file);
      const { mimeType, ...sound } = await media.listen(file.path, needs.config.uploads.maxVoiceSeconds);
      return keep({ ...upload, mimeType, sound }, { whole: file.path });
    },

    async describe(id: string, userId: string): Promise<Uploaded> {
      return shown(await readable(id, { userId, isSigned: false }), needs.signedUrls);
    },

    /** @throws NOT_FOUND */
    async download(
      id: string,
      part: BlobPart,
      caller: { userId: string | null; isSigned: boolean },
    ): Promise<Download> {
      const { name, mimeType } = await readable(id, caller);
      const size = await blobs.size(id, part);
      if (size === null) throw noUpload();
      const isThumbnail = part === 'thumbnail';
      return new Download({
        size,
        mimeType: isThumbnail ? 'image/webp' : mimeType,
        name: isThumbnail ? `${name}.webp` : name,
        inline: isThumbnail || INLINE.test(mimeType),
        etag: `${id}.${part}`,
        maxAge: limits.signedMs / 1_000,
        read: (range) => blobs.read(id, part, range),
      });
    },

    /** @throws NOT_FOUND for what is somebody else's, CONFLICT while it is an avatar */
    async remove(id: string, ownerId: string): Promise<void> {
      if (!(await uploads.remove(id, ownerId))) throw noUpload();
      await blobs.remove(id);
    },

    /** For the one worker that has the role: what is in no message and no avatar. */
    async sweep(): Promise<void> {
      const now = clock.now();
      await endMatches(now);
      const times = { createdBefore: now - limits.orphanMs, now };
      for (let ids; ids === undefined || ids.length === SWEPT_AT_ONCE;) {
        ids = await uploads.removeOrphans(times, SWEPT_AT_ONCE);
        for (const id of ids) await blobs.remove(id);
      }
    },

    /** For the one worker that has the role: bytes that nobody knows. */
    async sweepUnknown(): Promise<void> {
      const forget = async (ids: readonly string[]) => {
        const known = new Set(await uploads.known(ids));
        for (const id of ids) if (!known.has(id)) await blobs.remove(id);
      };
      let waiting: string[] = [];
      for await (const id of blobs.putBefore(clock.now() - limits.orphanMs)) {
        waiting.push(id);
        if (waiting.length < UNKNOWN_AT_ONCE) continue;
        await forget(waiting);
        waiting = [];
      }
      await forget(waiting);
    },
  };
}

export type Uploads = ReturnType<typeof createUploads>;
