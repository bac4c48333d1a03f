/** A Socket.IO room made by `roomOf`. */
export type Room = string & { readonly room: unique symbol };

export type RoomKind = 'user' | 'session' | 'seat' | 'room' | 'chat' | 'channel' | 'live' | 'discord';

/** The sharded Redis adapter takes a room of exactly this length for a socket's own and sends it to every worker. */
const SOCKET_ID_LENGTH = 20;

/**
 * The only place where room names are made. Prefixed, so that nobody can join a private room by its id, and never of
 * exactly 20 characters: `~` is in no id and no name, so the longer name is nobody else's.
 */
export function roomOf(kind: RoomKind, id: string): Room {
  const name = `${kind}:${id}`;
  return (name.length === SOCKET_ID_LENGTH ? `${name}~` : name) as Room;
}
