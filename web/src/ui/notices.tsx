import type { ReactNode } from 'react';
import type { Notice, State } from '../match/state.ts';
import { StopIcon } from './icons.tsx';
import { useNow } from './use-now.ts';
import { duration } from './words.ts';

interface BarProps {
  tone: 'info' | 'warn' | 'bad';
  children: ReactNode;
  action?: { label: string; run(): void } | undefined;
  onDismiss?: () => void;
}

export function Bar({ tone, children, action, onDismiss }: BarProps) {
  return (
    <div className={`bar bar--${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <p>{children}</p>
      {action && (
        <button type="button" className="button button--small" onClick={action.run}>
          {action.label}
        </button>
      )}
      {onDismiss && (
        <button
          type="button"
          className="icon-button icon-button--small"
          aria-label="Dismiss"
          onClick={onDismiss}
        >
          <StopIcon />
        </button>
      )}
    </div>
  );
}

export function LinkBar({ link, onReconnect }: { link: State['link']; onReconnect(): void }) {
  if (link === 'lost') {
    return (
      <Bar tone="bad">
        <span className="spinner" aria-hidden="true" /> The server cannot be reached. Reconnecting by itself…
      </Bar>
    );
  }
  if (link === 'closed') {
    return (
      <Bar tone="bad" action={{ label: 'Reconnect', run: onReconnect }}>
        The server closed the connection.
      </Bar>
    );
  }
  return null;
}

interface NoticeBarProps {
  notice: Notice;
  onDismiss(): void;
  onSeparateGuest(): void;
}

export function NoticeBar({ notice, onDismiss, onSeparateGuest }: NoticeBarProps) {
  switch (notice.is) {
    case 'limited':
      return <LimitedBar until={notice.until} onDismiss={onDismiss} />;
    case 'elsewhere':
      return (
        <Bar
          tone="warn"
          action={{ label: 'Use this window as a guest', run: onSeparateGuest }}
          onDismiss={onDismiss}
        >
          You are already searching or chatting in another window. One person, one chat at a time.
        </Bar>
      );
    case 'reported':
      return (
        <Bar tone="info" onDismiss={onDismiss}>
          Thank you. The report was stored for the people who run this server.
        </Bar>
      );
    case 'no-media':
      return (
        <Bar tone="warn" onDismiss={onDismiss}>
          Camera or microphone did not start again, so the call has ended. You can go on in text.
        </Bar>
      );
    case 'failed':
      return (
        <Bar tone="warn" onDismiss={onDismiss}>
          {notice.message}
        </Bar>
      );
  }
}

function LimitedBar({ until, onDismiss }: { until: number; onDismiss(): void }) {
  const left = until - useNow(500);
  return (
    <Bar tone="warn" onDismiss={onDismiss}>
      {left > 0 ? `That was a lot at once. Please wait ${duration(left)}.` : 'You can go on now.'}
    </Bar>
  );
}
