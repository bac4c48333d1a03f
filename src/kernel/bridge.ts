import { randomUUID } from 'node:crypto';
import { AppError, asAppError, type ErrorCode } from './errors.ts';

/**
 * Calls ports that live in another process or thread. A port is an object of async methods with plain data in and out.
 * Calls made in one tick travel as one message, and so do replies; calls arrive in the order they were made.
 */

/** A two-way channel of structured-cloned messages: an IPC channel, a MessagePort. Foreign messages may pass on it too. */
export interface Wire {
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
  /** The other side is gone; nothing more arrives. */
  onClose(listener: () => void): void;
}

/** One call as it travels: number, port, method, arguments. */
export type Call = readonly [id: number, port: string, method: string, args: readonly unknown[]];
type Problem = { code: ErrorCode; message: string; fields?: Record<string, string> };
type Reply = readonly [id: number, value: unknown, problem?: Problem];

interface Calls {
  readonly bridge: 'calls';
  /** Which `remotePorts` asks: there may be several on one wire, each with its own numbers. */
  readonly caller: string;
  readonly calls: readonly Call[];
}
interface Replies {
  readonly bridge: 'replies';
  readonly caller: string;
  readonly replies: readonly Reply[];
}

const isCalls = (message: unknown): message is Calls => (message as Calls | null)?.bridge === 'calls';
const isReplies = (message: unknown): message is Replies => (message as Replies | null)?.bridge === 'replies';

type AnyPort = Record<string, (...args: unknown[]) => Promise<unknown>>;
/** Port name → port. */
export type PortMap = Readonly<Record<string, object>>;

/** Collects items of one tick and hands them over together. */
function perTick<T>(flush: (items: readonly T[]) => void): (item: T) => void {
  let items: T[] = [];
  return (item) => {
    if (items.push(item) > 1) return;
    setImmediate(() => {
      const batch = items;
      items = [];
      flush(batch);
    });
  };
}

/** Runs calls against ports; `settle` is called once for each. */
export type Runner = (calls: readonly Call[], settle: (reply: Reply) => void) => void;

/** Starts every call at once; each settles when it is done. */
export function runCalls(ports: PortMap, onUnexpected: (error: unknown, call: Call) => void): Runner {
  return (calls, settle) => {
    for (const call of calls) {
      const [id, , , args] = call;
      Promise.resolve()
        .then(() => methodOf(ports, call)(...args))
        .then(
          (value) => settle([id, value]),
          (error: unknown) => settle([id, undefined, problemOf(error, () => onUnexpected(error, call))]),
        );
    }
  };
}

export function methodOf(
  ports: PortMap,
  [, portName, method]: Call,
): (...args: readonly unknown[]) => Promise<unknown> {
  const port = ports[portName] as AnyPort | undefined;
  const implementation = port?.[method];
  if (typeof implementation !== 'function') throw new Error(`no port method ${portName}.${method}`);
  return (...args) => implementation.apply(port, [...args]);
}

export function problemOf(error: unknown, onUnexpected: () => void): Problem {
  if (!(error instanceof AppError)) onUnexpected();
  const { code, message, fields } = asAppError(error);
  return { code, message, ...(fields && { fields }) };
}

/** Answers the other side's calls. */
export function serve(wire: Wire, run: Runner): void {
  /** One for each caller; a wire has a few, and ends with them. */
  const answers = new Map<string, (reply: Reply) => void>();
  function answerTo(caller: string) {
    let answer = answers.get(caller);
    if (!answer) {
      answer = perTick<Reply>((replies) =>
        wire.send({ bridge: 'replies', caller, replies } satisfies Replies),
      );
      answers.set(caller, answer);
    }
    return answer;
  }
  wire.onMessage((message) => {
    if (isCalls(message)) run(message.calls, answerTo(message.caller));
  });
}

interface OpenCall {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The other side's ports. Arguments are cloned when the tick's calls are sent, not when a call is made: do not change them
 * meanwhile. @throws UNAVAILABLE from every call that is open when the wire closes, and from later ones
 */
export function remotePorts(wire: Wire): <P extends object>(name: string) => P {
  const caller = randomUUID();
  let lastId = 0;
  let closed = false;
  const open = new Map<number, OpenCall>();
  function settle(id: number, how: (call: OpenCall) => void) {
    const call = open.get(id);
    open.delete(id);
    if (call) how(call);
  }
  const gone = () => new AppError('UNAVAILABLE', 'The server is restarting. Try again.');
  function travel(calls: readonly Call[]) {
    if (closed) return;
    try {
      wire.send({ bridge: 'calls', caller, calls } satisfies Calls);
    } catch (error) {
      // What cannot be cloned fails alone; the others of its tick still travel.
      const [first, ...others] = calls;
      if (first && others.length === 0) settle(first[0], (call) => call.reject(error));
      else for (const call of calls) travel([call]);
    }
  }
  const send = perTick<Call>(travel);

  wire.onMessage((message) => {
    if (!isReplies(message) || message.caller !== caller) return;
    for (const [id, value, problem] of message.replies) {
      settle(id, (call) => {
        if (problem) call.reject(new AppError(problem.code, problem.message, problem.fields));
        else call.resolve(value);
      });
    }
  });
  wire.onClose(() => {
    closed = true;
    for (const call of open.values()) call.reject(gone());
    open.clear();
  });

  return <P extends object>(name: string) =>
    new Proxy({} as P, {
      get: (target, method) => {
        // A port that is awaited or printed must not turn into calls.
        if (typeof method !== 'string' || method === 'then' || method === 'toJSON') return undefined;
        const cached = (target as AnyPort)[method];
        if (cached) return cached;
        const call = (...args: unknown[]) =>
          new Promise((resolve, reject) => {
            if (closed) return reject(gone());
            const id = ++lastId;
            open.set(id, { resolve, reject });
            send([id, name, method, args]);
          });
        (target as AnyPort)[method] = call;
        return call;
      },
    });
}
