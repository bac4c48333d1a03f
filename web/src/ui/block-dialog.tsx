import { useState } from 'react';
import type { Live } from '../match/live.ts';
import { Dialog } from './dialog.tsx';
import { Bar } from './notices.tsx';

export function BlockDialog({ live, partner, onClose }: { live: Live; partner: string; onClose(): void }) {
  const [trouble, setTrouble] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);

  async function block() {
    setBusy(true);
    const failed = await live.block();
    setBusy(false);
    if (failed === null) onClose();
    else setTrouble(failed);
  }

  return (
    <Dialog title={`Block ${partner}?`} onClose={onClose}>
      <p>This chat ends, and the two of you will not be matched again. They are not told why.</p>
      {trouble && <Bar tone="bad">{trouble}</Bar>}
      <div className="actions">
        <button type="button" className="button button--quiet" onClick={onClose}>
          Cancel
        </button>
        <button type="button" className="button button--danger" disabled={busy} onClick={() => void block()}>
          Block
        </button>
      </div>
    </Dialog>
  );
}
