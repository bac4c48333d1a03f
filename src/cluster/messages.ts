import type { Worker } from 'node:cluster';
import type { Wire } from '../kernel/bridge.ts';

/** What primary and workers tell each other beside bridge calls. */
export type ToWorker =
  | { readonly control: 'drain'; readonly deadlineMs: number }
  /** A tool ended these sessions: one worker ends their sockets on all of them. */
  | { readonly control: 'revoked'; readonly userId: string; readonly sessionIds: readonly string[] };
export type ToPrimary =
  | { readonly control: 'ready'; readonly httpPort: number }
  /** The worker cannot start; trying again would not help. */
  | { readonly control: 'failed'; readonly reason: string };

/** What a worker is told at its birth, through its environment. */
export interface Birth {
  /** Unique over the lives of all workers and primaries: what shared things name as their owner. */
  readonly owner: string;
  /** `n1.2` */
  readonly name: string;
  /** As leased; the settings may say `auto`. */
  readonly nodeId: string;
  /** When the primary started, ms since the epoch. */
  readonly startedAt: number;
}
export const BIRTH_VARIABLE = 'REALTIME_CHAT_WORKER';

const isControl = (message: unknown): message is { control: string } =>
  typeof (message as { control?: unknown } | null)?.control === 'string';

/** A worker's end of its channel. */
export function wireToPrimary(): Wire & {
  tell(message: ToPrimary): void;
  onTold(listener: (message: ToWorker) => void): void;
} {
  const send = (message: object) => {
    // After a disconnect there is nobody to tell; `onClose` listeners know.
    if (process.connected) process.send!(message, undefined, undefined, () => {});
  };
  return {
    send,
    tell: send,
    onMessage: (listener) => void process.on('message', listener),
    onTold: (listener) =>
      void process.on('message', (message) => {
        if (isControl(message)) listener(message as ToWorker);
      }),
    onClose: (listener) => void process.on('disconnect', listener),
  };
}

/** The primary's end of one worker's channel. */
export function wireToWorker(worker: Worker): Wire & {
  tell(message: ToWorker): void;
  onTold(listener: (message: ToPrimary) => void): void;
} {
  const send = (message: object) => {
    if (worker.isConnected()) worker.send(message as never, () => {});
  };
  return {
    send,
    tell: send,
    onMessage: (listener) => void worker.on('message', listener),
    onTold: (listener) =>
      void worker.on('message', (message: unknown) => {
        if (isControl(message)) listener(message as ToPrimary);
      }),
    onClose: (listener) => void worker.once('exit', listener),
  };
}
