import { AppError } from '../../kernel/errors.ts';
import type { SignedUrls } from '../../kernel/signed-urls.ts';
import type { UploadDesk, UploadDetails } from './contract.ts';
import { idIn, pathOf, shown } from './links.ts';
import { noUpload } from './service.ts';
import type { Upload, UploadStore, Use } from './uploads.ts';

/** A match that nobody is seen to end is over by then. */
const MATCH_MS = 24 * 60 * 60_000;

const detailsOf = ({ id, mimeType, size, dimensions, sound }: Upload): UploadDetails => ({
  id,
  mimeType,
  size,
  dimensions,
  sound,
});

/** Where other features hand in what clients want to send on. */
export function createUploadDesk(needs: {
  readonly uploads: Pick<UploadStore, 'find' | 'use' | 'releaseMessage' | 'releaseAvatar'>;
  readonly signedUrls: Pick<SignedUrls, 'sign'>;
  readonly clock: { now(): number };
}): UploadDesk {
  const { uploads, signedUrls, clock } = needs;

  async function own(id: string | null, ownerId: string, use: Use): Promise<Upload> {
    const upload = id === null ? null : await uploads.use(id, ownerId, use);
    if (!upload) throw noUpload();
    return upload;
  }

  return {
    async inMatch(content, { from, partnerId, matchId }) {
      const id = idIn(content);
      // Whatever else it is, it is not ours: B relays it as it came.
      if (id === null) return content;
      const use = { kind: 'match', matchId, partnerId, until: clock.now() + MATCH_MS } as const;
      const answer = shown(await own(id, from, use), signedUrls);
      return typeof content === 'string' ? answer.url : { ...content, ...answer };
    },

    async inMessage(content, senderId, { conversationId, messageId }) {
      const upload = await own(idIn(content), senderId, { kind: 'message', conversationId, messageId });
      return { kind: upload.kind, url: pathOf(upload.id), fileName: upload.name, upload: detailsOf(upload) };
    },

    async moved({ id }, ownerId, from, to) {
      if (to) await uploads.use(id, ownerId, { kind: 'message', ...to });
      await uploads.releaseMessage(id, from);
    },

    async asAvatar(content, userId) {
      const id = idIn(content);
      const known = id === null ? null : await uploads.find(id);
      if (known?.ownerId === userId && known.dimensions === null) {
        throw new AppError('BAD_INPUT', 'An avatar must be a picture.', { avatar: 'must be a picture' });
      }
      const upload = await own(id, userId, { kind: 'avatar' });
      return pathOf(upload.id);
    },

    async dropAvatar(path) {
      const id = idIn(path);
      if (id !== null) await uploads.releaseAvatar(id);
    },

    shown: ({ fileName, upload }) => shown({ name: fileName, ...upload }, signedUrls),
  };
}
