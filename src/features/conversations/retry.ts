import { createHash } from 'node:crypto';
import type { Retry } from './messages.ts';

/** One of this length or longer is taken for unique for ever (a UUID has 36). */
const LASTING_LENGTH = 16;
const SLOT_MS = 10 * 60_000;

/**
 * By what a message is known when it is sent again (CONTRACT 24). A short `tempId` may be a counter that restarts on reload: it
 * means the same message only with the same content, within ten minutes; these are cut into slots, so that an index can decide.
 * @param id of the message, which is the key where the client has none
 */
export function retryOf(
  tempId: string | undefined,
  id: string,
  content: { readonly type: string; readonly text: string; readonly url: string | null },
  now: number,
): Retry {
  if (tempId === undefined) return { key: `id:${id}`, formerKey: null, since: 0 };
  if (tempId.length >= LASTING_LENGTH) return { key: `t:${tempId}`, formerKey: null, since: 0 };
  const hash = createHash('sha256')
    .update(JSON.stringify([tempId, content.type, content.text, content.url]))
    .digest('base64url');
  const slot = Math.floor(now / SLOT_MS);
  return { key: `s:${hash}:${slot}`, formerKey: `s:${hash}:${slot - 1}`, since: now - SLOT_MS };
}
