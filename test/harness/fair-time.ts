const SAMPLE_MS = 50;

/**
 * A time limit that holds on an idle machine, as long as this one needs now: `ms` divided by the share of a core that this process
 * gets when it wants all of one. So a limit is as strict as it says where nothing else runs, and a busy machine is no failure.
 */
export function fairMs(ms: number): number {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  let wallMs = 0;
  while (wallMs < SAMPLE_MS) wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(before);
  const share = (user + system) / 1_000 / wallMs;
  return ms / Math.min(1, Math.max(share, 0.1));
}
