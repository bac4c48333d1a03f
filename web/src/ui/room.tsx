import { useEffect, useMemo, useRef, useState } from 'react';
import type { Live } from '../match/live.ts';
import type { Match, Phase, State } from '../match/state.ts';
import type { Mode } from '../session/preferences.ts';
import { useStore } from '../store.ts';
import { Avatar } from './avatar.tsx';
import { AwayBar } from './away-bar.tsx';
import { BlockDialog } from './block-dialog.tsx';
import { CallControls } from './call-controls.tsx';
import { CallView } from './call-view.tsx';
import { useDesk } from './desk.ts';
import { ChatLog } from './chat-log.tsx';
import { BlockIcon, ClearIcon, FlagIcon, NextIcon, StopIcon } from './icons.tsx';
import { MediaComposer } from './media-composer.tsx';
import { ReportDialog } from './report-dialog.tsx';
import { TalkTool } from './views.tsx';
import { endWords } from './words.ts';

interface Props {
  live: Live;
  phase: Extract<Phase, { at: 'matched' | 'ended' }>;
  link: State['link'];
  me: string;
  mode: Mode;
  /** Unread in the conversations, and the way there. */
  unread: number;
  onTalk(): void;
}

/** A pair, and what is left of it when one has gone. */
export function Room({ live, phase, link, me, mode, unread, onTalk }: Props) {
  const [dialog, setDialog] = useState<'report' | 'block' | null>(null);
  const call = useStore(live.call.store);
  const nextButton = useRef<HTMLButtonElement>(null);
  const { match, log } = phase;
  const over = phase.at === 'ended';
  const away = !over && phase.partner.is === 'away' ? phase.partner : null;
  const calling = mode !== 'text' && call.kind !== null;

  useEffect(() => {
    if (over) nextButton.current?.focus();
  }, [over]);

  return (
    <main
      className={calling ? `room room--${call.kind}` : 'room room--text'}
      data-partner={over ? 'gone' : phase.partner.is}
    >
      <header className="room__head">
        <Avatar name={match.partner.name} of="them" />
        <div className="room__who">
          <h1>{match.partner.name}</h1>
          <p className="room__status">
            <span className={`dot dot--${over ? 'gone' : away ? 'away' : 'here'}`} aria-hidden="true" />
            {over || away || match.sharedInterests.length === 0 ? (
              over ? (
                'chat ended'
              ) : away ? (
                'connection dropped'
              ) : (
                'connected'
              )
            ) : (
              <>
                you both like <strong>{match.sharedInterests.join(', ')}</strong>
              </>
            )}
          </p>
        </div>
        <div className="room__tools">
          <TalkTool unread={unread} onPress={onTalk} />
          <button type="button" className="tool" disabled={over || log.length === 0} onClick={live.clear}>
            <ClearIcon /> <span>Clear</span>
          </button>
          <button type="button" className="tool" onClick={() => setDialog('block')}>
            <BlockIcon /> <span>Block</span>
          </button>
          <button type="button" className="tool" onClick={() => setDialog('report')}>
            <FlagIcon /> <span>Report</span>
          </button>
        </div>
      </header>

      {calling && (
        <CallView
          call={call}
          partner={match.partner.name}
          me={me}
          presence={over ? 'gone' : phase.partner.is}
        />
      )}

      <section key={match.id} className="chat" aria-label="Messages">
        {away && link === 'up' && <AwayBar name={match.partner.name} since={away.since} />}
        <ChatLog log={log} match={match} onResend={over ? null : live.resend} />
        {over ? (
          <p className="chat__end" role="status">
            {endWords(phase.why, match)}
          </p>
        ) : (
          <MatchComposer live={live} match={match} />
        )}
      </section>

      <div className="controls">
        {calling && <CallControls call={live.call} state={call} over={over} />}
        <button type="button" className="button controls__stop" onClick={live.leave}>
          <StopIcon /> {over ? 'Done' : 'Stop'}
        </button>
        <button
          ref={nextButton}
          type="button"
          className="button button--primary controls__next"
          disabled={link !== 'up'}
          onClick={live.next}
        >
          {over ? 'Find someone new' : 'Next'} <NextIcon />
        </button>
      </div>

      {dialog === 'report' && (
        <ReportDialog live={live} partner={match.partner.name} onClose={() => setDialog(null)} />
      )}
      {dialog === 'block' && (
        <BlockDialog live={live} partner={match.partner.name} onClose={() => setDialog(null)} />
      )}
    </main>
  );
}

/** What was not sent yet ends with the match. */
function MatchComposer({ live, match: { id, partner } }: { live: Live; match: Match }) {
  const { uploads } = useDesk();
  const to = useMemo(() => ({ is: 'match', id }) as const, [id]);
  useEffect(() => () => uploads.clear(to), [uploads, to]);
  return <MediaComposer to={to} name={partner.name} onSend={live.send} />;
}
