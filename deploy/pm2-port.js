/**
 * Loaded before the server in every node of `realtime-chat-load-balanced`: the first listens on 3001, the second on 3002, and
 * so on, by PM2's number of the instance. PM2's own `increment_var` does that only once: a second `pm2 start` or a
 * `pm2 reload` of ecosystem.config.js puts all of them on the first port.
 */
const FIRST_PORT = 3001;

process.env['PORT'] = String(FIRST_PORT + Number(process.env['NODE_APP_INSTANCE'] ?? 0));
