import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { io as connect } from 'socket.io-client';
import { Server, type Socket } from 'socket.io';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDeliveries, dropRepeated } from '../../src/kernel/deliveries.ts';
import { createOutbox, type Outbox } from '../../src/kernel/outbox.ts';
import { roomOf } from '../../src/kernel/rooms.ts';

const room = roomOf('chat', 'general');

describe('deliveries of a room', () => {
  it('count each number once, in whatever order they come', () => {
    const deliveries = createDeliveries();
    deliveries.follow(room, 10);
    expect([11, 13, 13, 12, 11].map((seq) => deliveries.take(room, seq))).toEqual([
      true,
      true,
      false,
      true,
      false,
    ]);
    expect(deliveries.reached(room)).toBe(13);
  });

  it('owe nothing up to where they began', () => {
    const deliveries = createDeliveries();
    deliveries.follow(room, 10);
    expect(deliveries.take(room, 10)).toBe(false);
    deliveries.follow(room, 5);
    expect([deliveries.reached(room), deliveries.take(room, 6)]).toEqual([10, false]);
  });

  it('reach only as far as nothing is missing, or was settled', () => {
    const deliveries = createDeliveries();
    deliveries.follow(room, 0);
    for (const seq of [1, 3, 4, 7]) deliveries.take(room, seq);
    expect(deliveries.reached(room)).toBe(1);
    deliveries.settle(room, 2);
    expect(deliveries.reached(room)).toBe(4);
    deliveries.settle(room, 5);
    expect([deliveries.reached(room), deliveries.take(room, 7), deliveries.take(room, 6)]).toEqual([
      5,
      false,
      true,
    ]);
    expect(deliveries.reached(room)).toBe(7);
    deliveries.settle(room, 3);
    expect(deliveries.reached(room)).toBe(7);
  });

  it('are not recorded for a room that nobody here is in', () => {
    const deliveries = createDeliveries();
    expect([deliveries.take(room, 1), deliveries.take(room, 1)]).toEqual([true, true]);
    deliveries.follow(room, 0);
    deliveries.take(room, 1);
    deliveries.unfollow(room);
    expect(deliveries.reached(room)).toBeUndefined();
    expect(deliveries.take(room, 1)).toBe(true);
  });
});

describe('numbered pushes', () => {
  let io: Server;
  let outbox: Outbox;
  let client: ReturnType<typeof connect>;
  let socket: Socket;
  const got: unknown[] = [];
  const deliveries = createDeliveries();

  beforeEach(async () => {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    io = new Server(http);
    outbox = createOutbox(io.of('/'), () => true);
    dropRepeated(io.of('/'), deliveries);
    client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
      transports: ['websocket'],
    });
    client.onAny((event, body) => got.push([event, body]));
    [socket] = (await once(io, 'connection')) as [Socket];
    await socket.join([room, roomOf('user', 'bob')]);
    deliveries.follow(room, 0);
  });
  afterEach(async () => {
    client.close();
    got.length = 0;
    await io.close();
  });

  /** Everything that was sent before has arrived. */
  const settled = async () => {
    const arrived = once(client as never, 'end');
    socket.emit('end');
    await arrived;
    return got.splice(0).slice(0, -1);
  };

  it('go out once, whoever pushes them again', async () => {
    outbox.pushNumbered(room, 1, 'said', 'one');
    outbox.pushNumbered(room, 2, 'said', 'two');
    outbox.pushNumbered(room, 1, 'said', 'one');
    expect(await settled()).toEqual([
      ['said', 'one'],
      ['said', 'two'],
    ]);
    expect(deliveries.reached(room)).toBe(2);
  });

  it('are not taken for gone out by what has no number', async () => {
    outbox.push(room, 'said', 'something');
    outbox.push(room, 'said', 'something');
    expect(await settled()).toHaveLength(2);
  });

  it('reach nobody who is excepted, and count as gone out all the same', async () => {
    outbox.pushNumbered(room, 3, 'said', 'three', { except: [roomOf('user', 'bob')] });
    outbox.pushNumbered(room, 3, 'said', 'three');
    outbox.push(room, 'said', 'four', { except: [roomOf('user', 'bob')] });
    expect(await settled()).toEqual([]);
  });
});
