import type { MediaProblem } from '../match/state.ts';
import type { Mode } from '../session/preferences.ts';
import { CameraIcon, CameraOffIcon, MicIcon, MicOffIcon } from './icons.tsx';
import { ScreenTitle } from './screen.tsx';
import { mediaWords } from './words.ts';

interface Props {
  problem: MediaProblem | null;
  kind: Mode;
  onRetry(): void;
  onText(): void;
  onBack(): void;
}

export function Preparing({ problem, kind, onRetry, onText, onBack }: Props) {
  if (problem === null) {
    return (
      <main className="search">
        <section className="card ask" role="status">
          <span className="ask__icon">{kind === 'video' ? <CameraIcon /> : <MicIcon />}</span>
          <ScreenTitle>{kind === 'video' ? 'Camera and microphone' : 'Microphone'}</ScreenTitle>
          <p>Your browser is asking you. Please choose “Allow”.</p>
          <div className="actions">
            <button type="button" className="button" onClick={onBack}>
              Cancel
            </button>
          </div>
        </section>
      </main>
    );
  }
  const { title, help } = mediaWords[problem];
  return (
    <main className="search">
      <section className="card ask" role="alert">
        <span className="ask__icon ask__icon--bad">
          {kind === 'video' ? <CameraOffIcon /> : <MicOffIcon />}
        </span>
        <ScreenTitle key={problem}>{title}</ScreenTitle>
        <p>{help}</p>
        <div className="actions">
          <button type="button" className="button button--quiet" onClick={onBack}>
            Back
          </button>
          <button type="button" className="button" onClick={onRetry}>
            Try again
          </button>
          <button type="button" className="button button--primary" onClick={onText}>
            Go on in text
          </button>
        </div>
      </section>
    </main>
  );
}
