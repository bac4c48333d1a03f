/** Two people, each in a browser of their own, talk in conversations that stay; on a cluster of two workers. */
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { connectBrowser, missing } from '../harness/browser.ts';
import { soon, Talker } from './talker.ts';

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const smallest = { ...phone, viewport: { width: 360, height: 640 } };

describe.skipIf(missing)('conversations on the page', { timeout: 120_000 }, () => {
  let cluster: Cluster;
  let browser: Browser;
  let talkers: Talker[] = [];
  let contexts: BrowserContext[] = [];
  let people = 0;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([startCluster({ workers: 2 }), connectBrowser('fake')]);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });
  afterEach(async () => {
    const scandals = talkers.flatMap(({ visitor }) => visitor.scandals);
    talkers = [];
    for (const context of contexts) await context.close();
    contexts = [];
    expect(scandals).toEqual([]);
  });

  /** Each name is used once, so that a search finds one. */
  async function arrive(name: string, options: BrowserContextOptions = desktop): Promise<Talker> {
    const context = await browser.newContext(options);
    contexts.push(context);
    const talker = await Talker.arrive(context, cluster.url, `${name}_${++people}`);
    talkers.push(talker);
    return talker;
  }

  /** Two who have found each other and have their conversation open. */
  async function twoTalking(options: BrowserContextOptions = desktop): Promise<[Talker, Talker]> {
    const [ann, bob] = [await arrive('ann', options), await arrive('bob', options)];
    await ann.find(bob.name.slice(0, -1), bob.name);
    await ann.write('Hello');
    await bob.unread(ann.name, '1');
    await bob.open(ann.name);
    await bob.reads('Hello');
    return [ann, bob];
  }

  it('lets two find each other and talk both ways, with typing, read marks and links', async () => {
    const [ann, bob] = [await arrive('ann'), await arrive('bob')];
    await ann.visitor.sees('Nothing here yet');
    await ann.find(bob.name.slice(0, 3), bob.name);
    await ann.write('Have you seen https://example.org/x?a=<b>&c=1.');
    await ann.delivery('Have you seen', 'sent');

    await bob.unread(ann.name, '1');
    await expect.poll(() => bob.page.title(), soon).toBe('(1) Passerby');
    await bob.open(ann.name);
    await bob.visitor.sees('New messages');
    await bob.unread(ann.name, null);
    await expect.poll(() => bob.page.title(), soon).toBe('Passerby');
    await ann.page.locator('.line__seen', { hasText: 'Seen' }).waitFor();

    const link = bob.line('Have you seen').getByRole('link');
    expect(await link.getAttribute('href')).toBe('https://example.org/x?a=');
    expect(await link.getAttribute('rel')).toContain('noopener');
    expect(await bob.texts()).toEqual(['Have you seen https://example.org/x?a=<b>&c=1.']);

    await bob.field().pressSequentially('Not yet');
    await ann.status('typing…');
    await bob.field().press('Enter');
    await ann.reads('Not yet');
    await expect.poll(() => ann.page.locator('.conversation .room__status').innerText(), soon).toBe('');
    await ann.visitor.screenshot('desktop-conversation');
  });

  it('reacts, edits and deletes on both sides', async () => {
    const [ann, bob] = await twoTalking();
    await bob.act('Hello');
    await bob.visitor.press('React with ❤️');
    await ann.visitor.button('❤️, 1').waitFor();
    await ann.visitor.press('❤️, 1');
    await bob.visitor.button('❤️, 2, one of them yours').click();
    await ann.visitor.button('❤️, 1, one of them yours').waitFor();
    await bob.act('Hello');
    await bob.page.getByLabel('Another reaction').fill('🦊');
    await bob.page.getByLabel('Another reaction').press('Enter');
    await ann.visitor.button('🦊, 1').waitFor();

    // Up in the empty field changes what was written last.
    await ann.write('Tee?');
    await ann.delivery('Tee?', 'sent');
    await ann.field().press('ArrowUp');
    await ann.visitor.sees('Editing your message');
    await ann.field().fill('Tea?');
    await ann.field().press('Enter');
    await bob.reads('Tea?');
    await bob.line('Tea?').getByText('edited').waitFor();

    await ann.act('Tea?');
    await ann.visitor.press('Delete');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await bob.reads('Message deleted');
    expect(await bob.texts()).toEqual(['Hello', 'Message deleted']);
    // What others wrote is not one's own to change.
    await bob.act('Hello');
    expect(await bob.page.locator('.act').getByRole('button', { name: 'Delete' }).count()).toBe(0);
  });

  it('loads history upwards without moving what is being read', async () => {
    const [ann, bob] = await twoTalking();
    await ann.post(
      bob.name,
      Array.from({ length: 120 }, (_, at) => `line ${at + 1} of many`),
    );
    await bob.reads('line 120 of many');
    // Else it would open where the unread ones begin.
    await bob.unread(ann.name, null);
    await bob.page.reload();
    await bob.reads('line 120 of many');
    expect(await bob.line('line 10 of many').count()).toBe(0);

    const toTop = () => bob.page.evaluate(`document.querySelector('.conversation .log').scrollTop = 0`);
    const anchor = bob.line('line 75 of many');
    await toTop();
    const before = await anchor.boundingBox();
    await bob.line('line 40 of many').waitFor({ state: 'attached' });
    const after = await anchor.boundingBox();
    expect(Math.abs(after!.y - before!.y)).toBeLessThan(2);
    await bob.visitor.button('Jump to newest').waitFor();

    const first = bob.page.locator('.line', { hasText: /Hello$/ });
    await expect
      .poll(
        async () => {
          await toTop();
          return first.count();
        },
        { timeout: 30_000, interval: 200 },
      )
      .toBe(1);
    expect(await bob.texts()).toHaveLength(121);

    await ann.write('and one more');
    await bob.visitor.button('1 new').click();
    await bob.reads('and one more');
    await ann.page.locator('.line__seen').waitFor();
  });

  it('keeps what is written without a network, sends it once afterwards, and misses nothing', async () => {
    const [ann, bob] = await twoTalking();
    await bob.visitor.setOffline(true);
    await bob.visitor.sees('Reconnecting');
    await bob.write('one');
    await bob.write('two');
    await bob.delivery('two', 'held');
    await bob.visitor.screenshot('desktop-conversation-offline');
    await ann.write('Where are you?');
    await ann.act('Hello');
    await ann.visitor.press('React with 👍');
    await ann.write('Bob?');
    await ann.delivery('Bob?', 'sent');

    await bob.visitor.setOffline(false);
    await ann.reads('two');
    await bob.reads('Bob?');
    await bob.delivery('two', 'sent');
    await bob.visitor.button('👍, 1').waitFor();
    const expected = ['Hello', 'Where are you?', 'Bob?', 'one', 'two'];
    expect(await ann.texts()).toEqual(expected);
    await expect.poll(() => bob.texts(), soon).toEqual(expected);
  });

  it('sends after a reload what was written offline before it', async () => {
    const [ann, bob] = await twoTalking();
    await bob.visitor.setOffline(true);
    await bob.visitor.sees('Reconnecting');
    await bob.write('before the reload');
    await bob.delivery('before the reload', 'held');
    await bob.visitor.setOffline(false);
    await bob.page.reload();
    await ann.reads('before the reload');
    await bob.delivery('before the reload', 'sent');
    expect(await bob.texts()).toEqual(['Hello', 'before the reload']);
  });

  it('goes on after every worker was killed', async () => {
    const [ann, bob] = await twoTalking();
    for (const pid of cluster.workers().values()) process.kill(pid, 'SIGKILL');
    await ann.write('Still there?');
    await bob.reads('Still there?');
    await bob.write('Yes');
    await ann.reads('Yes');
    expect(await ann.texts()).toEqual(['Hello', 'Still there?', 'Yes']);
    expect(await bob.texts()).toEqual(['Hello', 'Still there?', 'Yes']);
  });

  it('makes a group, renames it, adds and loses people; and enters a room by name', async () => {
    const [ann, bob, cat] = [await arrive('ann'), await arrive('bob'), await arrive('cat')];
    await ann.makeGroup('Walkers', bob.name);
    await ann.write('Who comes?');
    await bob.unread('Walkers', '1');
    await bob.open('Walkers');
    await bob.write('I do');
    await ann.reads('I do');
    expect(await ann.page.locator('.line__name').allInnerTexts()).toEqual([bob.name]);
    await ann.page.locator('.line__seen', { hasText: 'Seen by 1' }).waitFor();

    await ann.visitor.press('Details');
    await ann.page.getByLabel('Name', { exact: true }).fill('Sunday walkers');
    await ann.visitor.press('Rename');
    await ann.page.getByRole('heading', { name: 'Sunday walkers' }).first().waitFor();
    await ann.page.getByLabel('Add people').fill(cat.name);
    await ann.page.locator('button.person', { hasText: cat.name }).click();
    await ann.visitor.sees('Group · 3 people');
    await ann.visitor.screenshot('desktop-group');
    await ann.visitor.press(`Remove ${bob.name}`);
    await expect.poll(() => bob.row('Walkers').count(), soon).toBe(0);
    await bob.visitor.sees('This conversation is not here');
    await ann.visitor.press('Close');

    await cat.open('Sunday walkers');
    await cat.visitor.press('Details');
    await cat.visitor.press('Leave group');
    await expect.poll(() => cat.row('Sunday walkers').count(), soon).toBe(0);

    await ann.enterRoom('book club', 'book-club');
    await cat.enterRoom('book-club');
    await cat.write('Anybody?');
    await ann.reads('Anybody?');
  });

  it('ends neither a search nor a match nor a call', async () => {
    const [ann, bob] = await twoTalking();
    await Promise.all([ann.toMeet(), bob.toMeet()]);
    await ann.visitor.search('Video');
    await ann.visitor.is('waiting');
    await ann.toTalks();
    await ann.visitor.sees('Still looking for someone');
    await bob.visitor.search('Video');
    await ann.visitor.sees(/Your call with|You are chatting with/);
    await bob.visitor.seesMovingPicture();
    await bob.visitor.write('Can you hear me?');
    await ann.visitor.sees(/\d new\./);
    await expect.poll(() => ann.page.title(), soon).toMatch(/^\(\d\) Passerby$/);

    await ann.open(bob.name);
    await ann.write('In a moment');
    await bob.page.locator('.tool .badge', { hasText: '1' }).waitFor();
    await bob.visitor.screenshot('desktop-video-unread');
    await ann.visitor.screenshot('desktop-conversation-in-call');
    await ann.visitor.press('Go there');
    await ann.visitor.seesMovingPicture();
    await ann.visitor.reads('Can you hear me?');
    await bob.visitor.press(/^Conversations/);
    await bob.unread(ann.name, '1');
    await bob.visitor.press('Go there');
    await bob.visitor.seesMovingPicture();
  });

  it('can be used with the keyboard alone', async () => {
    const [ann, bob] = await twoTalking();
    await ann.field().focus();
    // Over the button to attach files.
    await ann.page.keyboard.press('Shift+Tab');
    await ann.page.keyboard.press('Shift+Tab');
    await ann.page.keyboard.press('ArrowUp');
    await ann.page.keyboard.press('Enter');
    await ann.page.getByRole('group', { name: 'Message actions' }).waitFor();
    await ann.page.keyboard.press('Escape');
    expect(await ann.page.locator('.act').count()).toBe(0);
    await ann.page.keyboard.press('Enter');
    await ann.page.locator('.act').waitFor();
    await ann.page.keyboard.press('Enter');
    await bob.visitor.button('👍, 1').waitFor();
  });

  it('is read in every window of an account', async () => {
    const [ann, bob] = await twoTalking();
    await bob.toMeet();
    const again = await bob.secondWindow();
    await again.toTalks();
    await ann.write('Are you two?');
    await again.unread(ann.name, '1');
    await bob.toTalks();
    await bob.open(ann.name);
    await bob.reads('Are you two?');
    await again.unread(ann.name, null);
    await again.open(ann.name);
    await again.write('Only one');
    await bob.delivery('Only one', 'sent');
    await ann.reads('Only one');
  });

  it('works at phone width, one thing at a time, with the back button', async () => {
    const [ann, bob] = await twoTalking(phone);
    expect(await ann.page.locator('.talks').isVisible()).toBe(false);
    await ann.visitor.screenshot('phone-conversation');
    const last = await bob.visitor.button('Record a voice note').boundingBox();
    expect(last!.y + last!.height).toBeLessThanOrEqual(phone.viewport.height);
    await bob.line('Hello').locator('.bubble').tap();
    await bob.visitor.press('React with 👍');
    await ann.visitor.button('👍, 1').waitFor();
    expect(await ann.visitor.fits()).toBe(true);

    await ann.page.goBack();
    await ann.row(bob.name).waitFor();
    expect(await ann.page.locator('.conversation').isVisible()).toBe(false);
    await bob.write('Are you there?');
    await ann.unread(bob.name, '1');
    await ann.visitor.screenshot('phone-conversations');
    await ann.page.reload();
    await ann.unread(bob.name, '1');
    await ann.open(bob.name);
    await ann.reads('Are you there?');
  });

  it('fits into the smallest phone', async () => {
    const [ann, bob] = await twoTalking(smallest);
    await ann.write('x'.repeat(400));
    await bob.reads('xxxx');
    await bob.line('xxxx').locator('.bubble').tap();
    await bob.page.locator('.act').waitFor();
    expect(await bob.visitor.fits()).toBe(true);
    await bob.visitor.screenshot('smallest-conversation');
    await bob.visitor.press('All conversations');
    expect(await bob.visitor.fits()).toBe(true);
    await bob.visitor.press('New');
    await bob.visitor.screenshot('smallest-new');
    expect(await bob.visitor.fits()).toBe(true);
  });
});
