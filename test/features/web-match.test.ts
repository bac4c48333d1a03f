import { describe, expect, it } from 'vitest';
import { reduce } from '../../web/src/match/reduce.ts';
import { initialState, type Event, type State } from '../../web/src/match/state.ts';
import { answers, originOf, tagAnswer } from '../../web/src/call/sdp.ts';

const preferences = { mode: 'text', interests: [], language: '' } as const;
const matchedUser = { id: '2', username: 'bob', avatar: null };

const matched = (matchId: string, more: object = {}): Event => ({
  type: 'matched',
  body: { matchId, matchedUser, initiator: true, sharedInterests: ['music'], ...more },
  now: 1_000,
  entryId: 1,
});
const said = (id: number): Event => ({
  type: 'said',
  entry: { id, at: 2_000, by: 'me', text: 'hello', delivery: 'sending' },
});

/** The state after these events, from the options on. */
const after = (...events: Event[]): State => events.reduce(reduce, initialState(preferences, false));

describe('the page: search and pair', () => {
  it('goes from the options over waiting into a match, and on from it', () => {
    const state = after({ type: 'seeking', now: 500 }, matched('m1'));
    expect(state.phase).toMatchObject({
      at: 'matched',
      match: { id: 'm1', partner: { id: '2', name: 'bob' }, sharedInterests: ['music'] },
      partner: { is: 'here' },
      log: [{ by: 'page', event: 'met' }],
    });
    expect(reduce(state, { type: 'seeking', now: 900 }).phase).toEqual({ at: 'waiting', since: 900 });
  });

  it('ignores what concerns another match', () => {
    const state = after(matched('m2'));
    const late: Event[] = [
      { type: 'unmatched', matchId: 'm1', why: 'left' },
      { type: 'partner-away', matchId: 'm1', now: 1, entryId: 5 },
      { type: 'partner-back', matchId: 'm1', now: 1, entryId: 5 },
      { type: 'heard', matchId: 'm1', entry: { id: 5, at: 1, by: 'them', text: 'late' } },
      { type: 'cleared', matchId: 'm1', entry: { id: 5, at: 1, by: 'page', event: 'cleared-by-them' } },
    ];
    for (const event of late) expect(reduce(state, event)).toBe(state);
  });

  it('keeps the conversation when the same match is resumed, and begins anew in another', () => {
    const state = after(matched('m1'), said(2));
    expect(reduce(state, matched('m1', { resumed: true })).phase).toMatchObject({
      log: [{ id: 1 }, { id: 2 }],
    });
    expect(reduce(state, matched('m2', { resumed: true })).phase).toMatchObject({ log: [{ id: 1 }] });
  });

  it('shows a partner who is away, also to whoever returns first', () => {
    expect(after(matched('m1', { resumed: true, partnerAway: true })).phase).toMatchObject({
      partner: { is: 'away', since: 1_000 },
    });
    const away = after(matched('m1'), { type: 'partner-away', matchId: 'm1', now: 5_000, entryId: 2 });
    expect(away.phase).toMatchObject({ partner: { is: 'away', since: 5_000 } });
    const back = reduce(away, { type: 'partner-back', matchId: 'm1', now: 6_000, entryId: 3 });
    expect(back.phase).toMatchObject({
      partner: { is: 'here' },
      log: [{}, { event: 'away' }, { event: 'back' }],
    });
  });

  it('follows each message to its end, and gives up what was held when the match ends', () => {
    const held = after(
      matched('m1'),
      said(2),
      said(3),
      { type: 'delivery', id: 2, delivery: 'sent' },
      {
        type: 'delivery',
        id: 3,
        delivery: 'held',
      },
    );
    const over = reduce(held, { type: 'unmatched', matchId: 'm1', why: 'disconnected' });
    expect(over.phase).toMatchObject({
      at: 'ended',
      why: 'disconnected',
      log: [{ id: 1 }, { id: 2, delivery: 'sent' }, { id: 3, delivery: 'failed' }],
    });
    const lateAnswer = reduce(over, { type: 'delivery', id: 3, delivery: 'sent' });
    expect(lateAnswer.phase).toMatchObject({ log: [{}, {}, { id: 3, delivery: 'sent' }] });
    expect(lateAnswer.phase).not.toHaveProperty('log.2.why');
  });

  it('says blocked after a block that came when the partner had left', () => {
    const over = after(matched('m1'), { type: 'unmatched', matchId: 'm1', why: 'left' });
    expect(reduce(over, { type: 'unmatched', matchId: 'm1', why: 'skipped' })).toBe(over);
    expect(reduce(over, { type: 'unmatched', matchId: 'm1', why: 'blocked' }).phase).toMatchObject({
      why: 'blocked',
    });
  });

  it('shows a device problem only while devices are being asked for', () => {
    const asked = after({ type: 'preparing' }, { type: 'media-problem', problem: 'refused' });
    expect(asked.phase).toEqual({ at: 'preparing', problem: 'refused' });
    const cancelled = after(
      { type: 'preparing' },
      { type: 'stopped' },
      { type: 'media-problem', problem: 'refused' },
    );
    expect(cancelled.phase).toEqual({ at: 'choosing' });
  });
});

describe('the page: which answer belongs to which offer', () => {
  const description = (session: string) =>
    `v=0\r\no=- ${session} 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n`;

  it('takes its own answer and one that does not say, and no other', () => {
    const offer = description('111');
    const answer = description('333');
    expect(originOf(offer)).toBe('111/2');
    expect(answers(tagAnswer(answer, offer), offer)).toBe(true);
    expect(answers(tagAnswer(answer, description('222')), offer)).toBe(false);
    expect(answers(answer, offer)).toBe(true);
  });

  it('adds one session attribute, before the first of the others', () => {
    expect(tagAnswer(description('333'), description('111'))).toBe(
      'v=0\r\no=- 333 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=x-answers:111/2\r\na=group:BUNDLE 0\r\n',
    );
  });
});
