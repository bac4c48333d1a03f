import type { Redis } from '../drivers/redis.ts';
import type { Census, ProcessReport } from './census.ts';

export function redisCensus(redis: Redis): Census {
  const key = redis.key('census', 'reports');
  return {
    async report(owner, report) {
      await redis.command((client) => client.hset(key, owner, JSON.stringify(report)));
    },
    async reports() {
      const reports = await redis.command((client) => client.hvals(key));
      return reports.map((report) => JSON.parse(report) as ProcessReport);
    },
    async dropOwner(owner) {
      await redis.command((client) => client.hdel(key, owner));
    },
  };
}
