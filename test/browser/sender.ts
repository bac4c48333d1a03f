import type { CDPSession, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { soon } from './talker.ts';
import type { Visitor } from './visitor.ts';

export interface Attachment {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

/** Somebody who sends files and voice notes, in a conversation or to a partner. */
export class Sender {
  readonly visitor: Visitor;
  readonly page: Page;
  /** What the server measured of this one's voice notes, in ms. */
  readonly durations: number[] = [];

  readonly #view: Locator;
  #network: CDPSession | null = null;

  /** `view`: selects what the messages and the field are in. */
  constructor(visitor: Visitor, view: string) {
    this.visitor = visitor;
    this.page = visitor.page;
    this.#view = visitor.page.locator(view);
    this.page.on('response', (response) => {
      if (!response.url().endsWith('/api/upload/voice') || !response.ok()) return;
      void response
        .json()
        .then((body: { data: { durationMs: number } }) => this.durations.push(body.data.durationMs));
    });
  }

  field(): Locator {
    return this.#view.getByLabel('Message', { exact: true });
  }

  line(text: string): Locator {
    return this.#view.locator('.line', { hasText: text }).last();
  }

  voice(): Locator {
    return this.#view.locator('.line .voice').last();
  }

  dialog(): Locator {
    return this.page.getByRole('dialog');
  }

  /** What is chosen or on its way. */
  item(name: string): Locator {
    return this.#view.locator('.tray__item', { hasText: name });
  }

  async trayIsEmpty(): Promise<void> {
    await expect.poll(() => this.page.locator('.tray__item').count(), soon).toBe(0);
  }

  /** The name of what has the focus. */
  async focused(): Promise<string | null> {
    return this.page.evaluate<string | null>(`document.activeElement.getAttribute('aria-label')`);
  }

  async attach(...files: Attachment[]): Promise<void> {
    const choosing = this.page.waitForEvent('filechooser');
    await this.visitor.press('Attach files');
    await (await choosing).setFiles(files);
  }

  /** Over the head of the view: everywhere is right. `over`: what happens while it is held there. */
  async drag(file: Attachment, over: () => Promise<void> = () => Promise.resolve()): Promise<void> {
    const transfer = await this.page.evaluateHandle<DataTransferHandle>(transferOf(file));
    const place = this.#view.locator('header').first();
    await place.dispatchEvent('dragenter', { dataTransfer: transfer });
    await place.dispatchEvent('dragover', { dataTransfer: transfer });
    await over();
    await place.dispatchEvent('drop', { dataTransfer: transfer });
  }

  async paste(file: Attachment): Promise<void> {
    await this.field().focus();
    await this.page.evaluate(
      `document.activeElement.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData: ${transferOf(file)}, bubbles: true, cancelable: true }))`,
    );
  }

  async slowUploads(bytesPerSecond: number): Promise<void> {
    this.#network ??= await this.page.context().newCDPSession(this.page);
    await this.#network.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 0,
      downloadThroughput: -1,
      uploadThroughput: bytesPerSecond,
    });
  }

  /** A voice note of this length, sent. */
  async record(ms: number, screenshot?: string): Promise<void> {
    const before = this.durations.length;
    // Pressed from within: a loaded machine's clicks are late.
    const pressed = this.page.evaluate(`new Promise((resolve) => {
      const observer = new MutationObserver(() => {
        const button = document.querySelector('.recording [aria-label="Send voice note"]:enabled');
        if (!button) return;
        observer.disconnect();
        setTimeout(() => resolve(button.click()), ${ms});
      });
      observer.observe(document, { subtree: true, childList: true, attributes: true });
    })`);
    await this.visitor.press('Record a voice note');
    await this.page.getByRole('timer').waitFor();
    if (screenshot !== undefined) {
      await this.page.waitForTimeout(ms / 2);
      await this.visitor.screenshot(screenshot);
    }
    await pressed;
    await expect.poll(() => this.durations.length, soon).toBeGreaterThan(before);
  }

  /** Where the last voice note is, in ms. */
  async playedMs(): Promise<number> {
    return Number(await this.voice().getByLabel('Position in the voice note').inputValue());
  }

  /** The next address of a picture is refused, as one is whose time is over. Returns how often that was. */
  async expireOnce(): Promise<() => number> {
    let refused = 0;
    await this.page.route(/\/uploads\/.*\?/, async (route) => {
      if (refused > 0) return route.continue();
      refused++;
      await route.fulfill({ status: 403, body: '' });
    });
    return () => refused;
  }

  /** Whether the sound of the call arrives at this moment. */
  async hearsCall(): Promise<boolean> {
    return this.page.evaluate<boolean>(`(async () => {
      const [track] = document.querySelector('.call__remote video').srcObject.getAudioTracks();
      if (!track || track.readyState !== 'live' || track.muted) return false;
      const context = new AudioContext();
      const analyser = context.createAnalyser();
      context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
      const samples = new Float32Array(analyser.fftSize);
      let loudest = 0;
      for (let n = 0; n < 30; n++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        analyser.getFloatTimeDomainData(samples);
        loudest = Math.max(loudest, ...samples.map(Math.abs));
      }
      await context.close();
      return loudest > 0.001;
    })()`);
  }
}

type DataTransferHandle = { readonly types: readonly string[] };

/** An expression that makes the DataTransfer with the file, in the page. */
const transferOf = ({ name, mimeType, buffer }: Attachment): string =>
  `((transfer, bytes) => {
    transfer.items.add(new File([bytes], ${JSON.stringify(name)}, { type: ${JSON.stringify(mimeType)} }));
    return transfer;
  })(new DataTransfer(), Uint8Array.from(atob('${buffer.toString('base64')}'), (c) => c.charCodeAt(0)))`;
