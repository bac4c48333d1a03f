import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const executablePath = process.env['TEST_CHROMIUM'] ?? '/usr/bin/chromium';

/** Why these suites cannot run here; null when they can. */
export const missing = existsSync(executablePath) ? null : `no Chromium at ${executablePath}`;

export const screenshots = `${root}test-results`;

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
export function launch(devices: 'fake' | 'refuse'): Promise<Browser> {
  const media = ['--use-fake-device-for-media-stream'];
  if (devices === 'fake') media.push('--use-fake-ui-for-media-stream');
  return chromium.launch({ executablePath, headless: true, args: [...flags, ...media] });
}

/** The page as `npm start` would serve it. */
export function buildPage(): void {
  mkdirSync(screenshots, { recursive: true });
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}scripts/build.js`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the page does not build:\n${stdout}${stderr}`);
}
