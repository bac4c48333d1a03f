import type { BrowserContext, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { Visitor } from './visitor.ts';

/** For what takes a loaded machine a while. */
export const soon = { timeout: 30_000 };

/** Somebody among their conversations. */
export class Talker {
  readonly visitor: Visitor;
  readonly page: Page;
  readonly name: string;

  private constructor(visitor: Visitor, name: string) {
    this.visitor = visitor;
    this.page = visitor.page;
    this.name = name;
  }

  /** With a new account, on the list of conversations. */
  static async arrive(context: BrowserContext, url: string, name: string): Promise<Talker> {
    const visitor = await Visitor.arrive(context, url);
    await visitor.register(name);
    const talker = new Talker(visitor, name);
    await talker.toTalks();
    return talker;
  }

  /** Another window of the same account. */
  async secondWindow(): Promise<Talker> {
    return new Talker(await Visitor.arrive(this.page.context(), this.page.url().split('#')[0]!), this.name);
  }

  async toTalks(): Promise<void> {
    await this.visitor.press(/^Conversations/);
    await this.page.locator('.talks').waitFor({ state: 'attached' });
  }

  async toMeet(): Promise<void> {
    await this.visitor.press(/^Meet/);
    await this.page.locator('[data-view=meet]').waitFor();
  }

  row(name: string): Locator {
    const title = this.page.locator('.talk-row__name', { hasText: new RegExp(`^${name}$`) });
    return this.page.locator('.talk-row').filter({ has: title });
  }

  async open(name: string): Promise<void> {
    await this.row(name).click();
    await this.page.locator('.conversation__head h2', { hasText: name }).waitFor();
  }

  /** Finds somebody by the beginning of their name and opens the conversation with them. */
  async find(beginning: string, name: string): Promise<void> {
    await this.visitor.press('New');
    await this.page.getByLabel('Find somebody').fill(beginning);
    await this.page.locator('.person', { hasText: name }).click();
    await this.page.locator('.conversation__head h2', { hasText: name }).waitFor();
  }

  async makeGroup(group: string, ...names: string[]): Promise<void> {
    await this.visitor.press('New');
    await this.page.getByRole('radio', { name: 'Group' }).check();
    await this.page.getByLabel('Name of the group').fill(group);
    for (const name of names) {
      await this.page.getByLabel('People').fill(name);
      await this.page.locator('.person', { hasText: name }).click();
    }
    await this.visitor.press('Create group');
    await this.page.locator('.conversation__head h2', { hasText: group }).waitFor();
  }

  async enterRoom(room: string, named = room): Promise<void> {
    await this.visitor.press('New');
    await this.page.getByRole('radio', { name: 'Room' }).check();
    await this.page.getByLabel('Name of the room').fill(room);
    await this.visitor.press('Enter room');
    await this.page.locator('.conversation__head h2', { hasText: named }).waitFor();
  }

  field(): Locator {
    return this.page.locator('.conversation').getByLabel('Message', { exact: true });
  }

  async write(text: string): Promise<void> {
    await this.field().fill(text);
    await this.field().press('Enter');
  }

  line(text: string): Locator {
    return this.page.locator('.conversation .line', { hasText: text }).last();
  }

  async reads(text: string): Promise<void> {
    await this.page.locator('.conversation .line--them', { hasText: text }).last().waitFor();
  }

  async delivery(text: string, state: 'sent' | 'held' | 'sending' | 'failed'): Promise<void> {
    await this.page
      .locator(`.conversation .line--me[data-delivery=${state}]`, { hasText: text })
      .last()
      .waitFor();
  }

  async status(words: string): Promise<void> {
    await this.page.locator('.conversation .room__status', { hasText: words }).waitFor();
  }

  /** What can be done with a message, shown. */
  async act(text: string): Promise<void> {
    await this.line(text).hover();
    await this.line(text).locator('.line__more').click();
    await this.page.locator('.act').waitFor();
  }

  /** The texts of the conversation, in their order. */
  async texts(): Promise<string[]> {
    return this.page.locator('.conversation .bubble').allInnerTexts();
  }

  async unread(name: string, count: string | null): Promise<void> {
    const badge = this.row(name).locator('.badge');
    if (count === null) return expect.poll(() => badge.count(), soon).toBe(0);
    await expect.poll(() => badge.textContent(), soon).toContain(count);
  }

  /** Sent past the page, as another client of the same account would. */
  async post(name: string, texts: readonly string[]): Promise<void> {
    const chatId = await this.row(name).getAttribute('data-chat');
    await this.page.evaluate(`(async () => {
      const { token } = JSON.parse(localStorage.getItem('passerby.account'));
      for (const text of ${JSON.stringify(texts)}) {
        const response = await fetch('/api/v1/messages', {
          method: 'POST',
          headers: { authorization: 'Bearer ' + token, 'content-type': 'application/json' },
          body: JSON.stringify({ channelId: ${JSON.stringify(chatId)}, text }),
        });
        if (!response.ok) throw new Error(await response.text());
      }
    })()`);
  }
}
