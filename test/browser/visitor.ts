import { expect } from 'vitest';
import type { BrowserContext, CDPSession, Locator, Page } from 'playwright-core';
import { screenshots } from '../harness/browser.ts';

/** Somebody in front of the page: does what a person does, and sees what a person sees. */
export class Visitor {
  readonly page: Page;
  /** What must never happen: script errors, refused resources, requests to anybody else. */
  readonly scandals: string[] = [];

  #network: CDPSession | null = null;

  private constructor(page: Page, url: string) {
    this.page = page;
    page.setDefaultTimeout(30_000);
    page.on('pageerror', (error) => this.scandals.push(`script error: ${error.message}`));
    page.on('console', (message) => {
      if (/Content Security Policy|Refused to/.test(message.text())) this.scandals.push(message.text());
    });
    page.on('request', (request) => {
      // What the page itself holds in memory is a blob of its own origin.
      if (
        !request
          .url()
          .replace(/^blob:/, '')
          .startsWith(url)
      )
        this.scandals.push(`request to ${request.url()}`);
    });
  }

  static async arrive(context: BrowserContext, url: string): Promise<Visitor> {
    const visitor = new Visitor(await context.newPage(), url);
    await visitor.page.goto(url);
    return visitor;
  }

  button(name: string | RegExp): Locator {
    return this.page.getByRole('button', { name });
  }

  async press(name: string | RegExp): Promise<void> {
    await this.button(name).click();
  }

  /** Waits until the page says so. */
  async sees(text: string | RegExp): Promise<void> {
    await this.page.getByText(text).first().waitFor();
  }

  async is(phase: 'welcome' | 'choosing' | 'preparing' | 'waiting' | 'matched' | 'ended'): Promise<void> {
    await this.page.locator(`[data-phase=${phase}]:not(.call)`).waitFor();
  }

  async acceptRules(): Promise<void> {
    await this.page.getByLabel('I am an adult and I accept the rules').check();
  }

  async enterAsGuest(): Promise<this> {
    await this.acceptRules();
    await this.press('Start as a guest');
    await this.is('choosing');
    return this;
  }

  async register(username: string): Promise<void> {
    await this.acceptRules();
    await this.press('Create account');
    await this.page.getByLabel('Name').fill(username);
    await this.page.getByLabel('E-mail').fill(`${username}@example.com`);
    await this.page.getByLabel('Password').fill('Password123');
    await this.press('Create account');
    await this.is('choosing');
  }

  async name(): Promise<string> {
    return this.page.locator('.top__who strong').innerText();
  }

  async search(mode: 'Text' | 'Audio' | 'Video', ...interests: string[]): Promise<void> {
    await this.page.getByRole('radio', { name: new RegExp(`^${mode}`) }).check();
    for (const interest of interests) {
      await this.page.getByLabel(/^Interests/).fill(interest);
      await this.page.keyboard.press('Enter');
    }
    await this.press('Find someone');
  }

  async partner(): Promise<string> {
    await this.is('matched');
    return this.page.getByRole('heading', { level: 1 }).innerText();
  }

  async write(text: string): Promise<void> {
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.keyboard.press('Enter');
  }

  /** Of the last message of that text which this visitor wrote. */
  async delivery(text: string, state: 'sent' | 'held' | 'failed'): Promise<void> {
    await this.page.locator(`.line--me[data-delivery=${state}]`, { hasText: text }).last().waitFor();
  }

  async reads(text: string): Promise<void> {
    await this.page.locator('.line--them', { hasText: text }).last().waitFor();
  }

  async callIs(state: RTCState): Promise<void> {
    await this.page.locator(`.call[data-state=${state}]`).waitFor({ timeout: 40_000 });
  }

  /** The conversation as it stands, the page's own lines included, without times. */
  async lines(): Promise<string[]> {
    return this.page.locator('.line--page, .bubble').allInnerTexts();
  }

  /** Frames of the partner's picture decoded so far; 0 without a picture. */
  async frames(): Promise<number> {
    return this.page.evaluate<number>(
      `document.querySelector('.call__remote video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0`,
    );
  }

  async seesMovingPicture(): Promise<void> {
    await this.callIs('connected');
    const before = await this.frames();
    await expect.poll(() => this.frames(), { timeout: 30_000 }).toBeGreaterThan(before + 5);
  }

  /** Cuts this page alone off from everything, as a lost phone network does. */
  async setOffline(offline: boolean): Promise<void> {
    // The restriction belongs to the session that made it.
    this.#network ??= await this.page.context().newCDPSession(this.page);
    const speed = { latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
    await this.#network.send('Network.emulateNetworkConditions', { offline, ...speed });
  }

  /** In front and painted anew: a window behind another one shows no video. */
  async screenshot(name: string): Promise<void> {
    await this.page.bringToFront();
    await this.page.evaluate(
      'new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))',
    );
    await this.page.screenshot({ path: `${screenshots}/${name}.png` });
  }

  /** Nothing of the page is wider than the window. */
  async fits(): Promise<boolean> {
    return this.page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth');
  }
}

type RTCState = 'connected' | 'closed';
