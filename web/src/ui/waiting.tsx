import type { Live } from '../match/live.ts';
import type { Preferences } from '../session/preferences.ts';
import { useStore } from '../store.ts';
import { Mark } from './mark.tsx';
import { ScreenTitle } from './screen.tsx';
import { useNow } from './use-now.ts';
import { Video } from './video.tsx';

/** The server looks at interests for 5 s and at languages for 10 s, then anybody will do. */
function hint(waitedMs: number, { interests, language }: Preferences): string {
  if (waitedMs < 5_000 && interests.length > 0) return 'People who share an interest with you come first.';
  if (waitedMs < 10_000 && language) return 'People who speak your language come first.';
  if (waitedMs < 20_000) return 'Anyone who is free is welcome now.';
  return 'Nobody is free at the moment. Stay, and you will meet the next one who comes.';
}

export function Waiting({
  live,
  since,
  preferences,
}: {
  live: Live;
  since: number;
  preferences: Preferences;
}) {
  const now = useNow(1_000);
  const { local, kind } = useStore(live.call.store);
  return (
    <main className="search">
      <section className="waiting">
        <Mark as="searching" />
        <ScreenTitle>Looking for someone…</ScreenTitle>
        <p role="status">{hint(now - since, preferences)}</p>
        {preferences.interests.length > 0 && (
          <ul className="chips chips--center" aria-label="Your interests">
            {preferences.interests.map((interest) => (
              <li key={interest} className="chip chip--own">
                {interest}
              </li>
            ))}
          </ul>
        )}
        {kind === 'video' && (
          <figure className="waiting__preview">
            <Video stream={local} label="Your camera" muted mirrored />
            <figcaption>This is what they will see</figcaption>
          </figure>
        )}
        <button type="button" className="button button--large" onClick={live.leave}>
          Cancel
        </button>
      </section>
    </main>
  );
}

export function Returning() {
  return (
    <main className="search">
      <section className="waiting" role="status">
        <Mark as="searching" />
        <ScreenTitle>Getting you back…</ScreenTitle>
        <p>Your seat in the last chat is being asked for.</p>
      </section>
    </main>
  );
}
