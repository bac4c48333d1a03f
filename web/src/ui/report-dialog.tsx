import { useState, type FormEvent } from 'react';
import type { Live } from '../match/live.ts';
import type { ReportReason } from '../match/moderation.ts';
import { Dialog } from './dialog.tsx';
import { Bar } from './notices.tsx';

const reasons: readonly [ReportReason, string][] = [
  ['nudity', 'Nudity or sexual content'],
  ['harassment', 'Harassment or threats'],
  ['minor', 'Seems to be under 18'],
  ['hate', 'Hate'],
  ['spam', 'Advertising or spam'],
  ['other', 'Something else'],
];
const MAX_DETAILS = 1_000;

export function ReportDialog({ live, partner, onClose }: { live: Live; partner: string; onClose(): void }) {
  const [reason, setReason] = useState<ReportReason | null>(null);
  const [details, setDetails] = useState('');
  const [alsoBlock, setAlsoBlock] = useState(true);
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!reason) return;
    setBusy(true);
    const failed = (await live.report(reason, details)) ?? (alsoBlock ? await live.block() : null);
    setBusy(false);
    if (failed === null) onClose();
    else setTrouble(failed);
  }

  return (
    <Dialog title={`Report ${partner}`} onClose={onClose}>
      <form className="form" onSubmit={(event) => void submit(event)}>
        <fieldset className="reasons">
          <legend>What happened?</legend>
          {reasons.map(([value, label]) => (
            <label key={value} className="reason">
              <input type="radio" name="reason" value={value} required onChange={() => setReason(value)} />
              {label}
            </label>
          ))}
        </fieldset>
        <div className="field">
          <label htmlFor="details">
            Details <span className="field__optional">optional</span>
          </label>
          <textarea
            id="details"
            className="input"
            rows={3}
            maxLength={MAX_DETAILS}
            value={details}
            onChange={(event) => setDetails(event.target.value)}
          />
          <p className="hint">
            Messages are not stored, so say here what the people who run this server should know.
          </p>
        </div>
        <label className="check">
          <input
            type="checkbox"
            checked={alsoBlock}
            onChange={(event) => setAlsoBlock(event.target.checked)}
          />
          <span>Also block, and end this chat</span>
        </label>
        {trouble && <Bar tone="bad">{trouble}</Bar>}
        <div className="actions">
          <button type="button" className="button button--quiet" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button--danger" disabled={busy || reason === null}>
            Send report
          </button>
        </div>
      </form>
    </Dialog>
  );
}
