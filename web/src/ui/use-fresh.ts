import { useSyncExternalStore } from 'react';
import type { Uploaded } from '../uploads/attached.ts';
import { newest, type Fresh } from '../uploads/links.ts';
import { useDesk } from './desk.ts';

/** An upload with the address that works now, as far as that is known. */
export function useFresh<U extends Uploaded>(upload: U): Omit<Fresh, 'upload'> & { upload: U } {
  const { links } = useDesk();
  const known = useSyncExternalStore(links.store.subscribe, () => links.store.get()[upload.id]);
  // Of one upload nothing but the addresses ever changes.
  return newest(upload, known) as Fresh & { upload: U };
}
