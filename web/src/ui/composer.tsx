import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent, type ReactNode } from 'react';
import { SendIcon } from './icons.tsx';

/** In UTF-16 units, as the server counts and as maxLength does. */
const MAX_LENGTH = 4_000;
const COUNT_FROM = 3_600;

interface Props {
  onSend(text: string): void;
  initial?: string;
  /** Takes the focus also where that opens a keyboard. */
  eager?: boolean;
  onDraft?(text: string): void;
  onBlur?(): void;
  /** The Up key in the empty field. */
  onUp?(): void;
  onEscape?(): void;
  /** In front of the field. */
  before?: ReactNode;
  /** In the place of the button to send while there is nothing to send. */
  idle?: ReactNode;
  /** There is something to send beside the text. */
  ready?: boolean;
  /** Kept with what stands in it, but not shown. */
  hidden?: boolean;
}

export function Composer({
  onSend,
  initial = '',
  eager = false,
  onDraft,
  onBlur,
  onUp,
  onEscape,
  before,
  idle,
  ready = false,
  hidden = false,
}: Props) {
  const [draft, setDraft] = useState(initial);
  const field = useRef<HTMLTextAreaElement>(null);

  useEffect(() => {
    // On a touch screen the focus would open the keyboard over the partner's picture.
    if (eager || matchMedia('(hover: hover)').matches) field.current?.focus();
    const end = field.current?.value.length ?? 0;
    field.current?.setSelectionRange(end, end);
  }, [eager]);

  // Grows with its text up to the height that the style sheet allows.
  useLayoutEffect(() => {
    const element = field.current;
    if (!element) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight}px`;
  }, [draft, hidden]);

  function send() {
    const text = draft.trim();
    if (!text && !ready) return;
    onSend(text);
    setDraft('');
    field.current?.focus();
  }

  function change(text: string) {
    setDraft(text);
    onDraft?.(text);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Escape' && onEscape) return onEscape();
    if (event.key === 'ArrowUp' && draft === '' && onUp) {
      event.preventDefault();
      return onUp();
    }
    // Enter also ends the choice of a character in an input method.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  }

  const isEmpty = !draft.trim() && !ready;
  return (
    <form
      className="composer"
      hidden={hidden}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      {before}
      <textarea
        ref={field}
        className="composer__text"
        rows={1}
        value={draft}
        maxLength={MAX_LENGTH}
        placeholder="Write a message"
        aria-label="Message"
        enterKeyHint="send"
        onChange={(event) => change(event.target.value)}
        onBlur={onBlur}
        onKeyDown={onKeyDown}
      />
      {draft.length >= COUNT_FROM && (
        <span className="composer__count" role="status">
          {MAX_LENGTH - draft.length} left
        </span>
      )}
      {isEmpty && idle ? (
        idle
      ) : (
        <button type="submit" className="icon-button icon-button--send" aria-label="Send" disabled={isEmpty}>
          <SendIcon />
        </button>
      )}
    </form>
  );
}
