import type { Content } from './messaging.ts';

type TempId = string | null | undefined;

/** What C and E send: text, or an upload with the caption that is in its answer. */
export function contentOf(said: {
  readonly content: string | { readonly caption?: string | null | undefined };
  readonly type?: string | null | undefined;
  readonly tempId?: TempId;
}): Content {
  const { content, type, tempId } = said;
  if (type !== 'file' && type !== 'voice') return { text: String(content), tempId };
  const caption = typeof content === 'string' ? '' : (content.caption ?? '');
  return { text: caption, upload: typeof content === 'string' ? content : { ...content }, tempId };
}

/** What D sends: text, or the `url` of an upload with or without text. */
export const contentInD = (said: {
  readonly text?: string | null | undefined;
  readonly url?: string | null | undefined;
  readonly tempId?: TempId;
}): Content => ({ text: said.text ?? '', upload: said.url ?? undefined, tempId: said.tempId });
