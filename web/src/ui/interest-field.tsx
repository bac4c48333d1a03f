import { useRef, useState, type KeyboardEvent } from 'react';

const MAX = 10;
const MAX_LENGTH = 32;
const ideas = ['music', 'films', 'travel', 'books', 'games', 'food', 'science', 'sports'];

const clean = (text: string) => text.trim().toLowerCase().normalize('NFC').slice(0, MAX_LENGTH);

/** Interests as chips: typed ones end with Enter or a comma, Backspace in the empty field takes the last one away. */
export function InterestField({
  interests,
  onChange,
}: {
  interests: readonly string[];
  onChange(next: string[]): void;
}) {
  const [draft, setDraft] = useState('');
  const input = useRef<HTMLInputElement>(null);
  const full = interests.length >= MAX;

  function add(...texts: string[]) {
    onChange([...new Set([...interests, ...texts.map(clean).filter(Boolean)])].slice(0, MAX));
    setDraft('');
  }

  function remove(interest: string) {
    onChange(interests.filter((other) => other !== interest));
    input.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Enter' && draft.trim()) {
      event.preventDefault();
      add(draft);
    } else if (event.key === 'Backspace' && draft === '' && interests.length > 0) {
      onChange(interests.slice(0, -1));
    }
  }

  function type(text: string) {
    const parts = text.split(',');
    if (parts.length > 1) add(...parts);
    else setDraft(text);
  }

  return (
    <div className="field">
      <label htmlFor="interest">
        Interests <span className="field__optional">optional, up to {MAX}</span>
      </label>
      <div className="chips-box">
        {interests.map((interest) => (
          <button
            key={interest}
            type="button"
            className="chip chip--own"
            aria-label={`Remove ${interest}`}
            onClick={() => remove(interest)}
          >
            {interest} <span aria-hidden="true">×</span>
          </button>
        ))}
        {!full && (
          <input
            ref={input}
            id="interest"
            value={draft}
            maxLength={MAX_LENGTH}
            placeholder={interests.length === 0 ? 'Type one, press Enter' : ''}
            autoCapitalize="none"
            enterKeyHint="done"
            onChange={(event) => type(event.target.value)}
            onKeyDown={onKeyDown}
            onBlur={() => draft.trim() && add(draft)}
          />
        )}
      </div>
      <div className="chips" aria-label="Ideas" role="group">
        {ideas
          .filter((idea) => !interests.includes(idea))
          .map((idea) => (
            <button key={idea} type="button" className="chip" disabled={full} onClick={() => add(idea)}>
              + {idea}
            </button>
          ))}
      </div>
    </div>
  );
}
