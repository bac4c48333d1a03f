import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';
import { shared } from './shared.ts';

const executablePath = process.env['TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why suites that need a browser cannot run here; null when they can. */
export const missing = existsSync(executablePath) ? null : `no Chromium at ${executablePath}`;

export const screenshots = fileURLToPath(new URL('../../test-results', import.meta.url));

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** `fake`: a moving test picture and a beep, granted without asking. `refuse`: the same devices, but every request is denied. */
type Devices = 'fake' | 'refuse';

/** One that several processes may use at once. */
export async function startBrowser(devices: Devices): Promise<{ url: string; stop(): Promise<void> }> {
  const media = ['--use-fake-device-for-media-stream'];
  if (devices === 'fake') media.push('--use-fake-ui-for-media-stream');
  const server = await chromium.launchServer({ executablePath, headless: true, args: [...flags, ...media] });
  return { url: server.wsEndpoint(), stop: () => server.close() };
}

/** The shared one. Closing it closes what was opened through it. */
export async function connectBrowser(devices: Devices): Promise<Browser> {
  mkdirSync(screenshots, { recursive: true });
  return chromium.connect(await shared(`chromium-${devices}`));
}
