import { io, type Socket } from 'socket.io-client';
import type {
  Answer,
  ClientToServer,
  RequestArgs,
  RequestName,
  ServerToClient,
} from '../../../src/contract.ts';
import type { Failure } from '../../../src/kernel/contract.ts';

export type ChatSocket = Socket<ServerToClient, ClientToServer>;

const ANSWER_TIMEOUT_MS = 8_000;

/**
 * A socket that is not connected yet. `credentials` is asked at every (re)connection, so that it names the present
 * token and, when there is one, the match whose seat is to be taken again.
 */
export function createSocket(credentials: () => { token: string; matchId?: string }): ChatSocket {
  return io({
    autoConnect: false,
    auth: (give) => give(credentials()),
    // A vacated seat is kept for 15 s: several attempts must fit into that.
    reconnectionDelay: 400,
    reconnectionDelayMax: 3_000,
    timeout: 5_000,
  });
}

/**
 * Emits an event and resolves to its acknowledgement; it never rejects. Beside the server's codes an answer may fail
 * with `UNREACHABLE` (nothing was sent) or `NO_ANSWER` (sent, outcome unknown).
 */
export async function request<E extends RequestName>(
  socket: ChatSocket,
  event: E,
  ...args: RequestArgs<E>
): Promise<Answer<E> | Failure> {
  // socket.io would keep the event and send it after reconnecting, perhaps to another partner.
  if (!socket.connected) return failure('UNREACHABLE', 'Not connected.');
  const emit = socket.timeout(ANSWER_TIMEOUT_MS).emitWithAck as unknown as (
    event: E,
    ...args: RequestArgs<E>
  ) => Promise<Answer<E>>;
  try {
    return await emit.call(socket, event, ...args);
  } catch {
    return failure('NO_ANSWER', 'The server did not answer.');
  }
}

function failure(code: string, message: string): Failure {
  return { success: false, message, error: { code, message, retryable: true } };
}
