import type { Entry, Event, Match, Phase, State } from './state.ts';

/** Pure. What does not fit the present phase (a push of a match already left) changes nothing. */
export function reduce(state: State, event: Event): State {
  switch (event.type) {
    case 'link':
      return { ...state, link: event.link };
    case 'preferred':
      return { ...state, preferences: event.preferences };
    case 'notice':
      return { ...state, notice: event.notice };
    case 'preparing':
      return { ...state, phase: { at: 'preparing', problem: null }, notice: null };
    case 'media-problem':
      return state.phase.at === 'preparing'
        ? { ...state, phase: { at: 'preparing', problem: event.problem } }
        : state;
    case 'seeking':
      return { ...state, phase: { at: 'waiting', since: event.now }, notice: null };
    case 'stopped':
      return { ...state, phase: { at: 'choosing' } };
    case 'matched':
      return { ...state, phase: matched(state.phase, event), notice: null };
    default: {
      const phase = within(state.phase, event);
      return phase === state.phase ? state : { ...state, phase };
    }
  }
}

function matched(phase: Phase, { body, now, entryId }: Extract<Event, { type: 'matched' }>): Phase {
  const match: Match = {
    id: body.matchId,
    partner: { id: body.matchedUser.id, name: body.matchedUser.username },
    sharedInterests: body.sharedInterests,
  };
  const partner = body.partnerAway ? ({ is: 'away', since: now } as const) : ({ is: 'here' } as const);
  if (body.resumed && phase.at === 'matched' && phase.match.id === match.id) {
    return { at: 'matched', match, partner, log: phase.log };
  }
  return { at: 'matched', match, partner, log: [{ id: entryId, at: now, by: 'page', event: 'met' }] };
}

/** Events of one match, or of one message in it. */
function within(phase: Phase, event: Event): Phase {
  if (phase.at !== 'matched' && phase.at !== 'ended') return phase;

  if (event.type === 'delivery') {
    const log = phase.log.map((entry): Entry => {
      if (entry.id !== event.id || entry.by !== 'me') return entry;
      const { why: _, ...rest } = entry;
      return { ...rest, delivery: event.delivery, ...(event.why !== undefined && { why: event.why }) };
    });
    return { ...phase, log };
  }

  if ('matchId' in event && event.matchId !== phase.match.id) return phase;
  // A block may follow when the partner has left already.
  if (phase.at === 'ended')
    return event.type === 'unmatched' && event.why === 'blocked' ? { ...phase, why: event.why } : phase;

  switch (event.type) {
    case 'unmatched':
      return { at: 'ended', match: phase.match, why: event.why, log: settle(phase.log) };
    case 'partner-away':
      return {
        ...phase,
        partner: { is: 'away', since: event.now },
        log: [...phase.log, { id: event.entryId, at: event.now, by: 'page', event: 'away' }],
      };
    case 'partner-back':
      return {
        ...phase,
        partner: { is: 'here' },
        log: [...phase.log, { id: event.entryId, at: event.now, by: 'page', event: 'back' }],
      };
    case 'said':
    case 'heard':
      return { ...phase, log: [...phase.log, event.entry] };
    case 'cleared':
      return { ...phase, log: [event.entry] };
    default:
      return phase;
  }
}

/** Nothing that waited for the partner will reach them any more. */
function settle(log: readonly Entry[]): readonly Entry[] {
  return log.map((entry) =>
    entry.by === 'me' && entry.delivery === 'held'
      ? { ...entry, delivery: 'failed', why: 'The chat has ended.' }
      : entry,
  );
}
