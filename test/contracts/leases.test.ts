import { leasesContract } from './leases.ts';
import { stateBackends } from './state-backends.ts';

for (const backend of stateBackends) leasesContract(backend);
