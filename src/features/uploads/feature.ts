import { randomBytes } from 'node:crypto';
import type { Facts } from '../../kernel/facts.ts';
import { featureOf } from '../../kernel/feature.ts';
import { holdRole, type Leases } from '../../kernel/leases.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { AccountFacts } from '../accounts/contract.ts';
import type { ConversationFacts } from '../conversations/contract.ts';
import { uploadsContract } from './contract.ts';
import { createUploads, type UploadNeeds } from './service.ts';

const SWEEP_MS = 60_000;
/** A walk over all there is. */
const UNKNOWN_MS = 60 * 60_000;

interface Needs extends Omit<UploadNeeds, 'randomUploadId'> {
  readonly facts: Facts<AccountFacts & ConversationFacts>;
  readonly leases: Leases;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly owner: string;
}

export const uploadsFeature = featureOf(uploadsContract)((needs: Needs) => {
  const { uploads, facts } = needs;
  const service = createUploads({ ...needs, randomUploadId: () => randomBytes(16).toString('base64url') });

  /** What was announced has happened; an upload that stays in use by it is only not swept. */
  const released = (releasing: Promise<void>) =>
    releasing.catch((error: unknown) => {
      needs.logger.warn('error', 'an upload could not be released', { error });
    });
  facts.on('message.removed', async ({ messageId, uploadId }) => {
    if (uploadId !== null) await released(uploads.releaseMessage(uploadId, messageId));
  });
  facts.on('conversation.removed', ({ conversationId }) =>
    released(uploads.releaseConversation(conversationId)),
  );
  facts.on('account.removed', ({ userIds }) => released(uploads.forgetAvatars(userIds)));

  return {
    requests: {},
    routes: {
      'POST /upload/file': ({ identity, file }) => service.takeFile(identity!.id, file!),
      'POST /upload/voice': ({ identity, file }) => service.takeVoice(identity!.id, file!),
      'GET /uploads/:id': ({ identity, isSigned, params: { id } }) =>
        service.download(id, 'whole', { userId: identity?.id ?? null, isSigned }),
      'GET /uploads/:id/thumbnail': ({ identity, isSigned, params: { id } }) =>
        service.download(id, 'thumbnail', { userId: identity?.id ?? null, isSigned }),
      'GET /upload/:id': ({ identity, params }) => service.describe(params.id, identity!.id),
      async 'DELETE /upload/:id'({ identity, params }) {
        await service.remove(params.id, identity!.id);
      },
    },
    start(lifecycle) {
      lifecycle.onStop(
        'uploads sweep',
        holdRole(needs, 'uploads', SWEEP_MS, () => service.sweep()),
      );
      lifecycle.onStop(
        'unknown uploads sweep',
        holdRole(needs, 'unknown-uploads', UNKNOWN_MS, () => service.sweepUnknown()),
      );
    },
  };
});
