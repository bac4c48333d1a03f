/** What this worker knows of its node, for health answers and for the road in. */
export interface NodeState {
  readonly nodeId: string;
  readonly version: string;
  readonly environment: string;
  /** When the primary started, ms since the epoch. */
  readonly startedAt: number;
  /** `memory` or `redis`, `sqlite` or `mongodb`. */
  readonly backends: { readonly state: string; readonly storage: string };
  readonly phase: 'starting' | 'ready' | 'draining';
  /** Configured backends that cannot be reached at this moment. */
  lost(): readonly string[];
}
