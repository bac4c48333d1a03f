import { typeOf } from './file-types.ts';
import type { Media } from './media.ts';
import { pictures } from './pictures.ts';
import { sounds, type SoundsOptions } from './sounds.ts';

/** Files that wait for one that is drawn or listened to, in this process. */
const MAX_WAITING = 32;

/** With sharp, file-type and decoders in WebAssembly: nothing to install beside the packages. One of it per process. */
export function nativeMedia(options: Partial<SoundsOptions> = {}): Media {
  const { redraw } = pictures(MAX_WAITING);
  const { listen, close } = sounds({ maxWaiting: MAX_WAITING, ...options });
  return { typeOf, redraw, listen, close };
}
