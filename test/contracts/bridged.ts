import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { remotePorts, runCalls, serve, type PortMap, type Wire } from '../../src/kernel/bridge.ts';

export interface Channel {
  readonly near: Wire;
  readonly far: Wire;
  /** Both ends learn of it. */
  close(): void;
}

function wireOver(port: MessagePort): Wire {
  return {
    send: (message) => port.postMessage(message),
    onMessage: (listener) => void port.on('message', listener),
    onClose: (listener) => void port.on('close', listener),
  };
}

/** Everything that passes is cloned, and arrives later, as between processes. */
export function messageChannel(): Channel {
  const { port1, port2 } = new MessageChannel();
  return { near: wireOver(port1), far: wireOver(port2), close: () => port1.close() };
}

/** The same ports, called through the bridge over a real message channel. */
export function bridged<M extends PortMap>(ports: M): { readonly ports: M; close(): void } {
  const { near, far, close } = messageChannel();
  serve(
    far,
    runCalls(ports, (error, [, port, method]) => {
      throw new Error(`unexpected failure of ${port}.${method}`, { cause: error });
    }),
  );
  const remote = remotePorts(near);
  return { ports: Object.fromEntries(Object.keys(ports).map((name) => [name, remote(name)])) as M, close };
}
