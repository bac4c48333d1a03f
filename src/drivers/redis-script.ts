import { createHash } from 'node:crypto';

/** A decision that Redis makes as one step. `Reply` is what the Lua code returns, as ioredis hands it over. */
export interface Script<Reply> {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
  /** Never there: it carries the type. */
  readonly reply?: Reply;
}

/**
 * Every script has `now`: Redis's own time in milliseconds (or the caller's, in tests). One that Redis reaches after its caller
 * was told UNAVAILABLE does nothing: a paused Redis runs all that was sent to it when it wakes up.
 */
const PRELUDE = `
local deadline, now = tonumber(table.remove(ARGV)), tonumber(table.remove(ARGV))
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if deadline and now > deadline then return redis.error_reply('LATE the caller waits no more') end
`;

/**
 * Keys go into KEYS, and all keys of one script share a hash tag, so that it runs on Redis Cluster as well (`Redis.key` makes them).
 * ARGV is what the caller gave; `now` is there.
 */
export function defineScript<Reply = unknown>(name: string, lua: string): Script<Reply> {
  const whole = `-- ${name}\n${PRELUDE}\n${lua}`;
  return { name, lua: whole, sha: createHash('sha1').update(whole).digest('hex') };
}
