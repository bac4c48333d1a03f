import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { io, type Socket } from 'socket.io-client';
import type { Answer, PushBody, RouteData } from '../../src/contract.ts';
import { http } from './http.ts';

type ChatMessage = Extract<PushBody<'chat:message'>, { chatId: string }>;
type Sent = Extract<Answer<'chat:message'>, { seq: number }>;
type SyncAnswer = Extract<Answer<'chat:sync'>, { success: true }>['conversations'][string];

/** What a good client does: joins again after each reconnect, asks for what it missed, sends again until it is acknowledged. */
export class Talker {
  readonly socket: Socket;
  readonly chatId: string;
  /** Every message by its number, as it was first heard of: pushed, or told by `chat:sync`. */
  readonly heard = new Map<number, string>();
  /** Pushed more than once on one connection. */
  doubles: number[] = [];
  #pushed = new Set<number>();
  #position: string | number = 0;

  constructor(url: string, token: string, chatId: string) {
    this.chatId = chatId;
    this.socket = io(url, {
      auth: { token },
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
    });
    this.socket.on('connect', () => {
      this.#pushed.clear();
      this.socket.emit('chat:join', chatId);
    });
    this.socket.on('chat:message', ({ seq, id }: ChatMessage) => {
      if (this.#pushed.has(seq)) this.doubles.push(seq);
      this.#pushed.add(seq);
      if (!this.heard.has(seq)) this.heard.set(seq, id);
    });
  }

  async joined(): Promise<this> {
    await once(this.socket as never, 'chat:joined');
    return this;
  }

  /** Until it is acknowledged, however often the connection breaks meanwhile. */
  async say(content: string, tempId: string = randomUUID()): Promise<Sent> {
    for (;;) {
      const answer = await this.#ask('chat:message', { chatId: this.chatId, content, tempId });
      if (answer.success) return answer as Sent;
    }
  }

  /** Asks until there is no more. */
  async sync(): Promise<void> {
    for (;;) {
      const answer = await this.#ask('chat:sync', { conversations: { [this.chatId]: this.#position } });
      const result = answer['conversations']?.[this.chatId] as SyncAnswer | undefined;
      if (!answer.success || !result || !('messages' in result)) continue;
      for (const { seq, id } of result.messages) if (!this.heard.has(seq)) this.heard.set(seq, id);
      this.#position = result.cursor;
      if (!result.more) return;
    }
  }

  async #ask(
    event: string,
    body: object,
  ): Promise<{ success: boolean; conversations?: Record<string, unknown> }> {
    if (!this.socket.connected) await once(this.socket as never, 'connect');
    try {
      return (await this.socket.timeout(5_000).emitWithAck(event, body)) as never;
    } catch {
      // The connection broke: whether it arrived is not known.
      return { success: false };
    }
  }

  close(): void {
    this.socket.close();
  }
}

/** Everything that is in the history, oldest first, read page by page. */
export async function historyOf(url: string, token: string, chatId: string) {
  const all: ChatMessage[] = [];
  for (let after = 0; ;) {
    const path = `/api/conversations/${chatId}/messages?limit=100&afterSeq=${after}`;
    const { body } = await http(url, 'GET', path, { token });
    const { messages, moreAfter } = (body as { data: RouteData<'GET /conversations/:id/messages'> }).data;
    all.push(...messages);
    if (!moreAfter) return all;
    after = messages.at(-1)!.seq;
  }
}
