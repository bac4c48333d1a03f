import { useCallback, useEffect, useLayoutEffect, useRef, useState, type RefObject } from 'react';

/** Closer to the end than this, the reader follows the conversation. In CSS pixels. */
const FOLLOW_PX = 80;

interface Anchor {
  key: string;
  /** Distance from the top of the list. */
  top: number;
}

/** Where the list stood when that was last looked at. */
interface Position {
  top: number;
  height: number;
}

interface Scroll {
  list: RefObject<HTMLOListElement | null>;
  /** The end is in sight, and stays there when more comes. */
  following: boolean;
  onScroll(): void;
  toEnd(): void;
}

/**
 * Keeps what is being read in its place, whatever is added above or below. Lines are the list's children with `data-key`.
 * `content` changes with the lines; `own` with each message that the reader writes, which is followed in any case.
 */
export function useScroll(content: unknown, own: string | undefined): Scroll {
  const list = useRef<HTMLOListElement>(null);
  const anchor = useRef<Anchor | null>(null);
  const position = useRef<Position>({ top: 0, height: 0 });
  const follows = useRef(true);
  const placed = useRef(false);
  const [following, setFollowing] = useState(true);

  const note = useCallback(() => {
    const element = list.current;
    if (!element) return;
    follows.current = element.scrollHeight - element.scrollTop - element.clientHeight < FOLLOW_PX;
    anchor.current = anchorIn(element);
    position.current = { top: element.scrollTop, height: element.scrollHeight };
    setFollowing(follows.current);
  }, []);

  /** The reader may have scrolled, and the browser not have said so yet. */
  const movedSince = useCallback((): number => {
    const element = list.current;
    const { top, height } = position.current;
    const moved = element ? element.scrollTop - top : 0;
    if (element && moved < 0) follows.current = height - element.scrollTop - element.clientHeight < FOLLOW_PX;
    return moved;
  }, []);

  const toEnd = useCallback(() => {
    const element = list.current;
    if (!element) return;
    element.scrollTop = element.scrollHeight;
    note();
  }, [note]);

  useLayoutEffect(() => {
    const element = list.current;
    if (!element) return;
    const lines = element.querySelectorAll<HTMLElement>('[data-key]');
    if (!placed.current && lines.length > 0) {
      placed.current = true;
      const unread = element.querySelector<HTMLElement>('[data-key=unread]');
      if (unread) {
        element.scrollTop = unread.offsetTop - element.clientHeight / 4;
        return note();
      }
    }
    const moved = movedSince();
    if (follows.current) element.scrollTop = element.scrollHeight;
    else if (anchor.current) {
      const line = element.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.current.key)}"]`);
      if (line) element.scrollTop = line.offsetTop - anchor.current.top + moved;
    }
    note();
  }, [content, note, movedSince]);

  useLayoutEffect(() => {
    if (own !== undefined) toEnd();
  }, [own, toEnd]);

  // The keyboard of a phone, or a growing field, takes height away.
  useEffect(() => {
    const element = list.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      movedSince();
      if (follows.current) element.scrollTop = element.scrollHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [movedSince]);

  return { list, following, onScroll: note, toEnd };
}

/** The first message that is in sight. The day above it moves when more of that day is loaded. */
function anchorIn(element: HTMLElement): Anchor | null {
  for (const line of element.querySelectorAll<HTMLElement>('[data-key]:not(.line--page)')) {
    if (line.offsetTop + line.offsetHeight > element.scrollTop)
      return { key: line.dataset['key']!, top: line.offsetTop - element.scrollTop };
  }
  return null;
}
