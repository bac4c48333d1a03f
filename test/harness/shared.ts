/** Where services.ts answers; it sets this before the first suite starts. */
export const SERVICES = 'TEST_SERVICES';

export type ServiceName =
  'redis' | 'redis-cluster' | 'mongo' | 'mongo-strict' | 'chromium-fake' | 'chromium-refuse';

/** The address of something that all suites share. It is started when the first one asks, and runs until the last one has ended. */
export async function shared(name: ServiceName): Promise<string> {
  const response = await fetch(`${process.env[SERVICES]}/${name}`);
  const text = await response.text();
  if (!response.ok) throw new Error(`the shared ${name} does not start: ${text}`);
  return text;
}

/** Why everything on servers is skipped: `npm test -- --quick` says so. */
export const leftOut: string | undefined = process.env['TEST_LEFT_OUT'] || undefined;
