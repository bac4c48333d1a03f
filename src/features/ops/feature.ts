import { featureOf, Reply } from '../../kernel/feature.ts';
import { opsContract } from './contract.ts';
import { createOps, type OpsNeeds } from './service.ts';

export const opsFeature = featureOf(opsContract)((needs: OpsNeeds) => {
  const ops = createOps(needs);
  return {
    requests: {
      ping: () => ({ serverTime: ops.timestamp() }),
    },
    routes: {
      'GET /health': () => ops.health(),
      'GET /live': () => ({ status: 'alive' as const }),
      'GET /ready'() {
        const readiness = ops.readiness();
        return new Reply(readiness.ready ? 200 : 503, readiness);
      },
      'GET /status': () => ops.status(),
      'GET /metrics': () => ops.metrics(),
      'GET /socket/stats': () => ops.socketStats(),
      'GET /socket-status': () => ops.socketStats(),
      'GET /ws/stats': () => ops.socketStats(),
    },
  };
});
