import { useNow } from './use-now.ts';

const GRACE_MS = 15_000;

export function AwayBar({ name, since }: { name: string; since: number }) {
  const passed = Math.max(0, useNow(250) - since);
  const left = Math.max(0, Math.ceil((GRACE_MS - passed) / 1000));
  return (
    <div className="away">
      <p role="status">{name}’s connection dropped. Their seat is kept for a moment.</p>
      <span className="away__left" aria-hidden="true">
        {left} s
      </span>
      <progress className="away__bar" max={GRACE_MS / 1000} value={left} aria-hidden="true" />
    </div>
  );
}
