import { z } from 'zod';
import { contractOf, request, route } from '../../kernel/contract.ts';
import { optional, Timestamp } from '../../kernel/schemas.ts';
import {
  ConversationRef,
  ConversationType,
  MessageText,
  MessageType,
  TempId,
  UploadContent,
  UploadType,
} from './common.contract.ts';

/** E's rooms: open to sockets without a token too. */

export const RoomMessage = z.object({
  id: z.string(),
  roomId: z.string(),
  type: MessageType,
  content: z.string(),
  url: z.string().nullable(),
  fileName: z.string().nullable(),
  /** `guest:<id>` for a socket without a token. */
  userId: z.string(),
  username: z.string(),
  avatar: z.string().nullable(),
  seq: z.number(),
  timestamp: Timestamp,
});
export type RoomMessage = z.infer<typeof RoomMessage>;

const RoomTyping = z.object({ roomId: z.string(), userId: z.string(), username: z.string() });
const RoomChange = RoomTyping.extend({ memberCount: z.number() });

const Member = z.object({ userId: z.string(), username: z.string() });

export const roomsContract = contractOf({
  name: 'rooms',
  requests: {
    /** An unknown name makes a public room. */
    join_room: request({
      args: [ConversationRef],
      ack: z.object({ roomId: z.string(), name: z.string(), memberCount: z.number(), lastSeq: z.number() }),
      access: 'anyone',
    }),
    /** Succeeds also where the socket had not joined. */
    leave_room: request({ args: [ConversationRef], ack: z.object({ roomId: z.string() }), access: 'anyone' }),
    send_message: request({
      args: [
        z.union([
          z.object({
            roomId: ConversationRef,
            content: MessageText,
            type: optional(z.literal('text')),
            tempId: optional(TempId),
          }),
          /** As in C. */
          z.object({
            roomId: ConversationRef,
            content: UploadContent,
            type: UploadType,
            tempId: optional(TempId),
          }),
        ]),
      ],
      ack: z.object({ message: RoomMessage }),
      access: 'anyone',
    }),
    typing_start: request({ args: [ConversationRef], access: 'anyone' }),
    typing_stop: request({ args: [ConversationRef], access: 'anyone' }),
  },
  pushes: {
    /** Once per user, not per socket. */
    room_joined: RoomChange,
    room_left: RoomChange,
    /** To everybody in the room, the sender too. */
    room_message: RoomMessage,
    typing_start: RoomTyping,
    typing_stop: RoomTyping,
  },
  routes: {
    /** Who is in there now, at most 200 of them. NOT_FOUND for a direct or group conversation of others. */
    'GET /rooms/:id': route({
      params: z.object({ id: ConversationRef }),
      data: z.object({
        id: z.string(),
        name: z.string(),
        type: ConversationType,
        memberCount: z.number(),
        members: z.array(Member),
        createdAt: Timestamp,
      }),
      access: 'anyone',
    }),
  },
});
