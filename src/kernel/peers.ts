import type { Clock } from './clock.ts';

/** Questions and news from worker to worker, over the adapter: "who has this connection, and is it alive?" */
export interface Peers {
  /** To every worker, this one included. At most once: what must not be missed is looked up again by whoever hears it. */
  tell(topic: string, news: unknown): void;
  hear(topic: string, listener: (news: never) => void): void;
  /** `answer` returns undefined for what another worker has to answer. */
  handle(topic: string, answer: (body: string) => Promise<boolean | undefined>): void;
  /** The first answer of any worker, this one included; undefined when none came in time. */
  ask(topic: string, body: string, timeoutMs: number): Promise<boolean | undefined>;
}

/** The two calls of a Socket.IO namespace that are needed here; at most once, like every broadcast. */
export interface PeerChannel {
  publish(event: string, message: unknown): void;
  subscribe(event: string, listener: (message: never) => void): void;
}

interface Question {
  readonly id: string;
  readonly topic: string;
  readonly body: string;
}
interface Reply {
  readonly id: string;
  readonly answer: boolean;
}
interface News {
  readonly topic: string;
  readonly news: unknown;
}

export function createPeers(channel: PeerChannel, deps: { clock: Clock; owner: string }): Peers {
  const topics = new Map<string, (body: string) => Promise<boolean | undefined>>();
  const open = new Map<string, (answer: boolean) => void>();
  const listeners = new Map<string, (news: never) => void>();
  let count = 0;

  /** An answer that fails is none: nobody would catch it here. */
  async function answerTo(topic: string, body: string): Promise<boolean | undefined> {
    try {
      return await topics.get(topic)?.(body);
    } catch {
      return undefined;
    }
  }

  channel.subscribe('peers:question', ({ id, topic, body }: Question) => {
    void answerTo(topic, body).then((answer) => {
      if (answer !== undefined) channel.publish('peers:reply', { id, answer } satisfies Reply);
    });
  });
  channel.subscribe('peers:reply', (reply: Reply) => open.get(reply.id)?.(reply.answer));

  const hear = ({ topic, news }: News) => listeners.get(topic)?.(news as never);
  channel.subscribe('peers:news', hear);

  return {
    tell(topic, news) {
      const message = { topic, news } satisfies News;
      hear(message);
      channel.publish('peers:news', message);
    },
    hear: (topic, listener) => void listeners.set(topic, listener),
    handle: (topic, answer) => void topics.set(topic, answer),
    async ask(topic, body, timeoutMs) {
      const own = await answerTo(topic, body);
      if (own !== undefined) return own;
      const id = `${deps.owner}/${++count}`;
      return new Promise((resolve) => {
        const settle = (answer: boolean | undefined) => {
          cancel();
          open.delete(id);
          resolve(answer);
        };
        const cancel = deps.clock.after(timeoutMs, () => settle(undefined));
        open.set(id, settle);
        channel.publish('peers:question', { id, topic, body } satisfies Question);
      });
    },
  };
}
