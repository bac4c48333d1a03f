/**
 * The steps of one stranger. Plain JavaScript over what Node has: a globally installed Artillery runs it as well.
 * Every wait has an end: Artillery itself would wait for ever.
 */
const ACK_MS = 5_000;
/** Longer than the pool widens its choice: somebody who is alone by then came last. */
const MATCH_MS = 12_000;
const PUSH_MS = 10_000;

/** Artillery has connected a socket without a token. From here on it is a guest account's. */
export const signIn = step(async (context, events) => {
  const { target } = context.vars;
  const startedAt = performance.now();
  const response = await fetch(new URL('/api/auth/guest', target), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
    signal: AbortSignal.timeout(ACK_MS),
  });
  if (response.status !== 201) throw new Error(`no guest account: HTTP ${response.status}`);
  const { data } = await response.json();

  const socket = context.sockets[''];
  // Artillery's own listeners end the scenario a second time, which ends Artillery.
  socket.off('error').off('connect_error');
  socket.on('error', ({ code, event }) => events.emit('counter', `stranger.error.${event}.${code}`, 1));
  context.stranger = { socket, inbox: inboxOf(socket) };
  await ask(context, 'authenticate', { token: data.token });
  events.emit('histogram', 'stranger.sign_in_ms', performance.now() - startedAt);
});

export const match = step(async (context, events) => {
  const { inbox } = context.stranger;
  const startedAt = performance.now();
  await ask(context, 'user:match', {});
  const matched = await inbox.next('user:matched', MATCH_MS).catch(() => undefined);
  context.stranger.matched = matched;
  if (matched) events.emit('histogram', 'stranger.match_ms', performance.now() - startedAt);
  else events.emit('counter', 'stranger.alone', 1);
});

/** Both say as much as they hear. */
export const chat = step(async (context, events) => {
  const { inbox, matched } = context.stranger;
  if (!matched) return;
  const count = Number(context.vars.messages);
  const heard = (async () => {
    for (let i = 0; i < count; i++) {
      const { content } = await inbox.next('chat:message', PUSH_MS);
      events.emit('counter', 'stranger.message_in', 1);
      events.emit('histogram', 'stranger.delivery_ms', Math.max(0, Date.now() - content.sentAt));
    }
  })();
  // It is awaited below: nobody else may find it rejected before.
  heard.catch(() => {});
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now();
    const content = { text: `message ${i} of a load test`, sentAt: Date.now() };
    await ask(context, 'chat:message', { type: 'text', content, timestamp: new Date().toISOString() });
    events.emit('counter', 'stranger.message_out', 1);
    events.emit('histogram', 'stranger.ack_ms', performance.now() - startedAt);
  }
  await heard;
});

/** An offer, its answer, and candidates both ways, as browsers exchange them; no media. */
export const call = step(async (context, events) => {
  const { inbox, matched } = context.stranger;
  if (!matched) return;
  const description = (type) => ({ type, sdp: `v=0\r\n${'a=load-test\r\n'.repeat(100)}` });
  const startedAt = performance.now();
  if (matched.initiator) {
    await ask(context, 'webrtc:offer', { offer: description('offer'), type: 'video' });
    await inbox.next('webrtc:answer', PUSH_MS);
    events.emit('histogram', 'stranger.signal_ms', performance.now() - startedAt);
  } else {
    await inbox.next('webrtc:offer', PUSH_MS);
    await ask(context, 'webrtc:answer', { answer: description('answer') });
  }
  const count = Number(context.vars.candidates);
  const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 };
  for (let i = 0; i < count; i++) await ask(context, 'webrtc:ice-candidate', { candidate });
  for (let i = 0; i < count; i++) await inbox.next('webrtc:ice-candidate', PUSH_MS);
  events.emit('counter', 'stranger.done', 1);
});

export const leave = step(async (context) => {
  const { socket, matched } = context.stranger;
  // The partner may have left first: both answers are right.
  await socket.timeout(ACK_MS).emitWithAck(matched ? 'user:leave' : 'user:match:cancel');
});

/** Artillery counts a scenario whose step rejects as failed, and shows only what is emitted as an `error`. */
function step(work) {
  return async (context, events) => {
    try {
      await work(context, events);
    } catch (error) {
      events.emit('error', error.message);
      throw error;
    }
  };
}

/** The acknowledgement of an event that has to succeed. */
async function ask(context, event, ...args) {
  const answer = await context.stranger.socket.timeout(ACK_MS).emitWithAck(event, ...args);
  if (!answer.success) throw new Error(`${event}: ${answer.error?.code}`);
  return answer;
}

const PUSHES = ['user:matched', 'chat:message', 'webrtc:offer', 'webrtc:answer', 'webrtc:ice-candidate'];

/** Keeps what is pushed until somebody asks for it. */
function inboxOf(socket) {
  const arrived = [];
  const waiting = [];
  const take = (event, body) => {
    const index = waiting.findIndex((waiter) => waiter.event === event);
    if (index === -1) arrived.push({ event, body });
    else waiting.splice(index, 1)[0].resolve(body);
  };
  // Artillery has changed the socket in a way that leaves onAny() without events.
  for (const event of PUSHES) socket.on(event, (body) => take(event, body));
  return {
    next(event, withinMs) {
      const index = arrived.findIndex((push) => push.event === event);
      if (index !== -1) return Promise.resolve(arrived.splice(index, 1)[0].body);
      return new Promise((resolve, reject) => {
        const waiter = {
          event,
          resolve(body) {
            clearTimeout(timer);
            resolve(body);
          },
        };
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(waiter), 1);
          reject(new Error(`no ${event} came`));
        }, withinMs);
        waiting.push(waiter);
      });
    },
  };
}
