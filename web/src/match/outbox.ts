import type { Answer, PushBody, RequestArgs } from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';
import type { Store } from '../store.ts';
import { isUploadAddress, uploadedIn, type Attached } from '../uploads/attached.ts';
import type { Delivery, Entry, Event, State } from './state.ts';

/** A pair's message; a conversation's has a `chatId` and goes elsewhere. */
export type PairPush = Extract<PushBody<'chat:message'>, { matchId: string }>;

interface Deps {
  store: Store<State>;
  dispatch(event: Event): void;
  entryId(): number;
  emit(body: RequestArgs<'chat:message'>[0]): Promise<Answer<'chat:message'> | Failure>;
}

export interface Outbox {
  send(text: string): void;
  /** A message whose file is uploaded, to the partner of this match. False: it is over. */
  sendUpload(matchId: string, attached: Attached): boolean;
  resend(id: number): void;
  /** Sends what was held while one of the two was away, in the order it was written. */
  flush(): void;
  receive(body: PairPush): void;
}

/** The messages of the present match, ours with what became of them. */
export function createOutbox({ store, dispatch, entryId, emit }: Deps): Outbox {
  function connected(): boolean {
    const { link, phase } = store.get();
    return link === 'up' && phase.at === 'matched' && phase.partner.is === 'here';
  }

  function own(id: number): Extract<Entry, { by: 'me' }> | undefined {
    const { phase } = store.get();
    if (phase.at !== 'matched') return undefined;
    return phase.log.find(
      (entry): entry is Extract<Entry, { by: 'me' }> => entry.by === 'me' && entry.id === id,
    );
  }

  async function deliver(id: number): Promise<void> {
    const entry = own(id);
    if (!entry) return;
    if (!connected()) return dispatch({ type: 'delivery', id, delivery: 'held' });
    dispatch({ type: 'delivery', id, delivery: 'sending' });
    const { text, attached, at } = entry;
    const timestamp = new Date(at).toISOString();
    const answer = await emit(
      attached
        ? { type: attached.kind, content: attached.upload, timestamp }
        : { type: 'text', content: text, timestamp },
    );
    if (answer.success) return dispatch({ type: 'delivery', id, delivery: 'sent' });
    const outcome = outcomeOf(answer.error.code);
    dispatch({ type: 'delivery', id, delivery: outcome, why: why(answer) });
    // They may have come back before this answer did.
    if (outcome === 'held' && connected())
      setTimeout(() => own(id)?.delivery === 'held' && void deliver(id), 1_000);
  }

  function say(said: { text: string; attached?: Attached }): void {
    const id = entryId();
    dispatch({ type: 'said', entry: { id, at: Date.now(), by: 'me', delivery: 'sending', ...said } });
    void deliver(id);
  }

  return {
    send: (text) => say({ text }),
    sendUpload(matchId, attached) {
      const { phase } = store.get();
      if (phase.at !== 'matched' || phase.match.id !== matchId) return false;
      say({ text: '', attached });
      return true;
    },
    resend: (id) => void deliver(id),
    flush() {
      const { phase } = store.get();
      if (phase.at !== 'matched') return;
      for (const entry of phase.log)
        if (entry.by === 'me' && entry.delivery === 'held') void deliver(entry.id);
    },
    receive({ type, content, timestamp, matchId }) {
      const at = Date.parse(timestamp) || Date.now();
      const base = { id: entryId(), at, by: 'them' } as const;
      const entry: Entry =
        type === 'text' && typeof content === 'string'
          ? { ...base, text: content }
          : { ...base, ...attachment(type, content) };
      dispatch({ type: 'heard', matchId, entry });
    },
  };
}

function outcomeOf(code: string): Delivery {
  if (code === 'UNAVAILABLE' || code === 'UNREACHABLE') return 'held';
  return code === 'NO_ANSWER' ? 'unsure' : 'failed';
}

function why({ error }: Failure): string {
  if (error.code === 'RATE_LIMITED') return 'Too many messages at once.';
  if (error.code === 'NOT_MATCHED') return 'The chat has ended.';
  return error.message;
}

/** Other clients may send files and voice notes; only addresses on this server become links. */
function attachment(
  type: string,
  content: string | Record<string, unknown>,
): { text: string; attached: Attached } | { text: string; link: string } | { text: string } {
  const upload = uploadedIn(content);
  if (upload) return { text: '', attached: { kind: type === 'voice' ? 'voice' : 'file', upload } };
  const url = typeof content === 'string' ? content : content['url'];
  const name = typeof content === 'string' ? null : content['name'];
  const text = typeof name === 'string' && name ? name : type === 'voice' ? 'Voice note' : 'File';
  return isUploadAddress(url) ? { text, link: url } : { text };
}
