/**
 * Walks through the guide of E (Nexus Socket.IO) against a running server and prints every event.
 *
 *   node test/socket-client.js [url] [token]
 *
 * Without a token as a guest. Exits with 1, and says why, when a step fails.
 */
import { io } from 'socket.io-client';

const STEP_MS = 5_000;
const [url = 'http://localhost:3001', token] = process.argv.slice(2);
const room = `guide-${Date.now()}`;

function fail(why) {
  console.error(`✗ ${why}`);
  process.exit(1);
}

const socket = io(url, { reconnection: false, timeout: STEP_MS });
socket.onAny((event, body) => console.log(`← ${event}`, JSON.stringify(body) ?? ''));
socket.on('connect_error', (error) => {
  fail(`cannot connect to ${url}: ${error.message}. Is the server running there (npm start)?`);
});
socket.on('disconnect', (reason) => {
  if (reason !== 'io client disconnect') fail(`disconnected: ${reason}`);
});

/** The next event of this name that `accept` takes. Asked for before what causes it. */
function next(event, accept = () => true) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => fail(`no ${event} within ${STEP_MS} ms`), STEP_MS);
    socket.on(event, function listener(body) {
      if (!accept(body)) return;
      clearTimeout(timer);
      socket.off(event, listener);
      resolve(body);
    });
  });
}

/** The acknowledgement of an event; a failure ends the walk. */
async function ask(event, ...args) {
  console.log(`→ ${event}`, ...args.map((arg) => (arg === token ? '<token>' : JSON.stringify(arg))));
  const answer = await socket
    .timeout(STEP_MS)
    .emitWithAck(event, ...args)
    .catch(() => fail(`${event}: no answer within ${STEP_MS} ms`));
  if (!answer.success) fail(`${event}: ${answer.error.code} ${answer.message}`);
  return answer;
}

const welcome = await next('connected');
if (token) await ask('authenticate', token);
await ask('ping');

const joined = next('room_joined', ({ roomId }) => roomId === room);
await ask('join_room', room);
await joined;

const heard = next('room_message', ({ roomId }) => roomId === room);
socket.emit('typing_start', room);
const { message } = await ask('send_message', { roomId: room, content: 'Hello everyone!', type: 'text' });
socket.emit('typing_stop', room);
if ((await heard).id !== message.id) fail('the message that came back is another one');

if (token) await ask('update_status', 'online');
await ask('leave_room', room);
socket.close();
console.log(`✓ everything in the guide works on ${url} (node ${welcome.nodeId})`);
