import type { Uploaded } from '../uploads/attached.ts';
import type { Post } from '../uploads/uploads.ts';
import { dataOf, unreachable } from './api.ts';

/** Without a sign of progress for so long: the connection is gone, whatever the browser thinks. */
const STALLED_MS = 30_000;

/** Only XMLHttpRequest tells how far an upload has come. @throws ApiError; whatever is thrown after an abort means nothing. */
export function postFile(
  { kind, blob, name, onShare, signal }: Post,
  token: string | undefined,
): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(unreachable());
    const request = new XMLHttpRequest();
    const cancel = () => request.abort();
    let stalled = setTimeout(cancel, STALLED_MS);
    const moved = () => {
      clearTimeout(stalled);
      stalled = setTimeout(cancel, STALLED_MS);
    };
    request.upload.onprogress = ({ loaded, total }) => {
      moved();
      if (total > 0) onShare(loaded / total);
    };
    request.onprogress = moved;
    request.onload = () => {
      try {
        const retryAfter = request.getResponseHeader('retry-after');
        resolve(dataOf<Uploaded>(request.status, parsed(request.responseText), retryAfter));
      } catch (error) {
        reject(error);
      }
    };
    request.onerror = () => reject(unreachable());
    request.onabort = () => reject(unreachable());
    request.onloadend = () => {
      clearTimeout(stalled);
      signal.removeEventListener('abort', cancel);
      removeEventListener('offline', cancel);
    };
    signal.addEventListener('abort', cancel);
    addEventListener('offline', cancel);
    request.open('POST', `/api/upload/${kind}`);
    request.setRequestHeader('accept', 'application/json');
    if (token !== undefined) request.setRequestHeader('authorization', `Bearer ${token}`);
    const form = new FormData();
    form.append(kind, blob, name);
    request.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
