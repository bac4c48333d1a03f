import { connectRedis } from '../../src/drivers/redis.ts';
import { redisAttendance } from '../../src/features/conversations/attendance.redis.ts';
import { redisRoster } from '../../src/features/presence/roster.redis.ts';
import { redisCensus } from '../../src/kernel/census.redis.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { redisLeases } from '../../src/kernel/leases.redis.ts';
import { redisLimiter } from '../../src/kernel/limiter.redis.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { redisNodes } from '../../src/kernel/nodes.redis.ts';
import { redisOwners } from '../../src/kernel/owners.redis.ts';
import { keepOwner } from '../../src/kernel/owners.ts';

/** A worker as far as the shared state goes, put together as backends.ts does it. */
export async function startWorker(options: {
  url: string;
  prefix: string;
  owner: string;
  newcomersWaitMs?: number;
  /** Races are about order, not about time: longer than a busy machine takes. */
  answerMs?: number;
}) {
  const { url, prefix, owner, newcomersWaitMs = 0, ...limits } = options;
  const redis = await connectRedis({ url, prefix, logger: silentLogger, newcomersWaitMs, ...limits });
  const ports = {
    roster: redisRoster(redis),
    attendance: redisAttendance(redis),
    leases: redisLeases(redis),
    limiter: redisLimiter(redis, silentLogger),
    census: redisCensus(redis),
    owners: redisOwners(redis),
    nodes: redisNodes(redis),
  };
  const lostSlots: string[] = [];
  const keeper = await keepOwner(
    { owners: ports.owners, clock: systemClock, logger: silentLogger, owner },
    async () => {
      lostSlots.push(...(await ports.leases.restate(owner)));
      await ports.roster.restate();
      await ports.attendance.restate();
    },
  );
  redis.onReturn(() => keeper.returned());

  return {
    ...ports,
    redis,
    owner,
    lostSlots,
    come: (userId: string, tab = 'tab') =>
      ports.roster.add({ connectionId: `${owner}/${userId}/${tab}`, userId, owner, status: 'online' }),
    go: (userId: string, tab = 'tab') => ports.roster.remove(`${owner}/${userId}/${tab}`),
    enter: (userId: string, tab = 'tab', conversationId = '7') =>
      ports.attendance.enter({
        ...{ conversationId, connectionId: `${owner}/${userId}/${tab}`, owner },
        ...{ userId, username: `${userId}!` },
      }),
    leave: (userId: string, tab = 'tab', conversationId = '7') =>
      ports.attendance.leave(conversationId, `${owner}/${userId}/${tab}`),
    async close() {
      keeper.stop();
      await redis.close();
    },
  };
}

export type Worker = Awaited<ReturnType<typeof startWorker>>;
