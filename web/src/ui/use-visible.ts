import { useSyncExternalStore } from 'react';

function subscribe(listener: () => void): () => void {
  document.addEventListener('visibilitychange', listener);
  return () => document.removeEventListener('visibilitychange', listener);
}

/** Whether the window is in front of somebody. */
export const useVisible = (): boolean => useSyncExternalStore(subscribe, () => !document.hidden);
