import { openMicrophone } from '../call/media.ts';
import type { Live } from '../match/live.ts';
import { postFile } from '../net/upload.ts';
import type { Session } from '../session/session.ts';
import type { Talk } from '../talk/talk.ts';
import { newTempId } from '../talk/temp-id.ts';
import { createLinks } from '../uploads/links.ts';
import { createUploads } from '../uploads/uploads.ts';
import type { Desk } from './desk.ts';

const DRAWN = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

/** The uploads of one identity, between its conversations and its match. */
export function deskOf(session: Session, live: Live, talk: Talk): Omit<Desk, 'view'> {
  return {
    uploads: createUploads({
      post: (what) => session.withToken((token) => postFile(what, token)),
      // What cannot be removed now goes by itself, a day later.
      discard: (id) => void session.call('DELETE /upload/:id', { params: { id } }).catch(() => {}),
      deliver: ({ is, id }, attached, caption) =>
        is === 'match' ? live.sendUpload(id, attached) : talk.sendUpload(id, attached, caption),
      newId: newTempId,
      previews: {
        make: (file) => (DRAWN.test(file.type) ? URL.createObjectURL(file) : null),
        drop: (preview) => URL.revokeObjectURL(preview),
      },
    }),
    links: createLinks({
      ask: (id) => session.call('GET /upload/:id', { params: { id } }),
      now: () => Date.now(),
    }),
    microphone: () => openMicrophone(live.call.store.get().local),
  };
}
