import type { Identity } from '../../kernel/connection.ts';
import { asAppError } from '../../kernel/errors.ts';
import type { PublicUser } from '../../kernel/schemas.ts';
import { noConversation, type Access } from './access.ts';
import type { SyncResult } from './chat.contract.ts';
import { limits } from './contract.ts';
import type { Conversation } from './conversations.ts';
import type { Message, MessageStore } from './messages.ts';
import { sendersOf } from './profiles.ts';
import { chatMessage } from './render.ts';

export interface SyncNeeds {
  readonly access: Access;
  readonly messages: Pick<MessageStore, 'since' | 'changed' | 'positions'>;
  readonly accounts: { byIds(ids: readonly string[]): Promise<readonly PublicUser[]> };
  readonly clock: { now(): number };
}

/** How far a client is: by number, and for changes of older messages by the time of the change. */
interface Cursor {
  readonly epoch: string | null;
  readonly seq: number;
  /** Null: the client knows only a number, and has asked for no changes. */
  readonly changed: { readonly changedAt: number; readonly id: string } | null;
}

/** Clocks of workers and store differ, and a change may be visible a little after its time: said twice it does no harm. */
const OVERLAP_MS = 60_000;

/** `epoch.seq.changedAt.id`; an id only where an answer with `more` goes on exactly behind that message. */
const cursorText = (epoch: string, seq: number, changedAt: number, id = '') =>
  [epoch, seq, changedAt, id].join('.');

function cursorOf(position: number | string): Cursor | null {
  if (/^[0-9]{1,16}$/.test(String(position))) return { epoch: null, seq: Number(position), changed: null };
  const parts = /^([A-Za-z0-9_-]{1,64})\.([0-9]{1,16})\.([0-9]{1,16})\.([0-9]{0,16})$/.exec(String(position));
  if (!parts) return null;
  const [, epoch, seq, changedAt, id] = parts as unknown as [string, string, string, string, string];
  const at = Number(changedAt);
  return {
    epoch,
    seq: Number(seq),
    changed: id === '' ? { changedAt: at - OVERLAP_MS, id: '' } : { changedAt: at, id },
  };
}

/** What a client missed, for all of its conversations at once. */
export function createSync({ access, messages, accounts, clock }: SyncNeeds) {
  async function render(conversation: Conversation, list: readonly Message[]) {
    const senderOf = await sendersOf(accounts, list);
    return list.map((message) => chatMessage(conversation, message, senderOf(message)));
  }

  /** The answer is full: nothing of this one is in it. */
  async function later(id: string, position: number | string, seq: number): Promise<SyncResult> {
    const [now] = await messages.positions([id]);
    if (!now) throw noConversation();
    const { upTo, epoch, floor } = now;
    return { messages: [], upTo: Math.min(seq, upTo), cursor: String(position), more: true, epoch, floor };
  }

  async function syncOne(
    who: Identity,
    ref: string,
    position: number | string,
    budget: number,
  ): Promise<SyncResult> {
    const { conversation } = await access.visible(ref, who);
    const startedAt = clock.now();
    const cursor = cursorOf(position);
    if (cursor && budget === 0) return later(conversation.id, position, cursor.seq);
    const fresh = await messages.since(conversation.id, cursor?.seq ?? 0, { limit: budget, reader: who.id });
    if (!fresh) throw noConversation();
    const { epoch, floor, head, upTo } = fresh;
    const isElsewhere = !cursor || (cursor.epoch !== null && cursor.epoch !== epoch);
    if (isElsewhere || cursor.seq < floor || cursor.seq > head) return { reset: true, upTo, epoch, floor };

    const rest = budget - fresh.messages.length;
    const changes =
      cursor.changed && rest > 0
        ? await messages.changed(conversation.id, cursor.changed, {
            through: cursor.seq,
            limit: rest,
            reader: who.id,
          })
        : { messages: [], more: cursor.changed !== null };
    const last = changes.messages.at(-1);
    // A client that saw a number beyond a hole is told again what comes after the hole.
    const seq = fresh.more || upTo < cursor.seq ? upTo : Math.max(upTo, cursor.seq);
    const next = !changes.more
      ? cursorText(epoch, seq, startedAt)
      : last
        ? cursorText(epoch, seq, last.changedAt ?? 0, last.id)
        : cursorText(epoch, seq, cursor.changed!.changedAt, cursor.changed!.id || '0');
    return {
      messages: await render(
        conversation,
        [...changes.messages, ...fresh.messages].toSorted((a, b) => a.seq - b.seq),
      ),
      upTo: seq,
      cursor: next,
      more: fresh.more || changes.more,
      epoch,
      floor,
    };
  }

  return {
    /** In the order asked for; when the answer is full, the others say that there is more. */
    async sync(
      who: Identity,
      asked: Readonly<Record<string, number | string>>,
    ): Promise<Record<string, SyncResult>> {
      const results: Record<string, SyncResult> = {};
      let budget: number = limits.syncMessages;
      for (const [ref, position] of Object.entries(asked)) {
        const result = await syncOne(who, ref, position, budget).catch((error: unknown): SyncResult => {
          const { code, message } = asAppError(error);
          // What one conversation cannot answer does not keep the others back; what none can does.
          if (code === 'UNAVAILABLE' || code === 'INTERNAL') throw error;
          return { error: { code, message } };
        });
        results[ref] = result;
        if ('messages' in result) budget = Math.max(0, budget - result.messages.length);
      }
      return results;
    },
  };
}

export type Sync = ReturnType<typeof createSync>;
