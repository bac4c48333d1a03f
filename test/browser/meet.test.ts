/** Two windows of one browser meet through the page itself, on a cluster of two workers. */
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { connectBrowser, missing } from '../harness/browser.ts';
import { freePorts } from '../harness/ports.ts';
import { Visitor } from './visitor.ts';

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const smallest = { ...phone, viewport: { width: 360, height: 640 } };

describe.skipIf(missing)('the page', { timeout: 120_000 }, () => {
  let cluster: Cluster;
  let browser: Browser;
  let context: BrowserContext;
  let visitors: Visitor[] = [];

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([startCluster({ workers: 2 }), connectBrowser('fake')]);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });
  afterEach(async () => {
    const scandals = visitors.flatMap((visitor) => visitor.scandals);
    visitors = [];
    await context.close();
    expect(scandals).toEqual([]);
  });

  async function arrive(url = cluster.url): Promise<Visitor> {
    const visitor = await Visitor.arrive(context, url);
    visitors.push(visitor);
    return visitor;
  }

  async function twoGuests(options: BrowserContextOptions = desktop): Promise<[Visitor, Visitor]> {
    context = await browser.newContext(options);
    const [ann, bob] = [await arrive(), await arrive()];
    await ann.enterAsGuest();
    await bob.enterAsGuest();
    return [ann, bob];
  }

  async function meet(ann: Visitor, bob: Visitor, mode: 'Text' | 'Audio' | 'Video'): Promise<void> {
    await ann.search(mode);
    await ann.is('waiting');
    await bob.search(mode);
    await Promise.all([ann.is('matched'), bob.is('matched')]);
  }

  it('asks for adulthood and the rules first', async () => {
    context = await browser.newContext(desktop);
    const ann = await arrive();
    await ann.sees('House rules');
    expect(await ann.button('Start as a guest').isDisabled()).toBe(true);
    await ann.screenshot('desktop-welcome');
    await ann.enterAsGuest();
    await ann.screenshot('desktop-options');
  });

  it('introduces two windows to each other, with what they share', async () => {
    const [ann, bob] = await twoGuests();
    const names = [await ann.name(), await bob.name()];
    expect(names[0]).not.toBe(names[1]);

    await ann.search('Text', 'Music', 'chess');
    await ann.is('waiting');
    await ann.screenshot('desktop-waiting');
    await bob.search('Text', 'music');
    expect([await bob.partner(), await ann.partner()]).toEqual(names);
    await ann.sees('you both like music');

    await ann.write('Hello <b>you</b>');
    await ann.delivery('Hello <b>you</b>', 'sent');
    await bob.reads('Hello <b>you</b>');
    await bob.write('Hi\u00a0👋');
    await ann.reads('Hi\u00a0👋');
    await ann.screenshot('desktop-text');
    const met = (name: string | undefined) => `You are talking to ${name}. Say hello.`;
    expect(await ann.lines()).toEqual([met(names[1]), 'Hello <b>you</b>', 'Hi\u00a0👋']);
    expect(await bob.lines()).toEqual([met(names[0]), 'Hello <b>you</b>', 'Hi\u00a0👋']);
  });

  it('connects a video call on both sides, and next ends it on both', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Video');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);
    await ann.write('I can see you');
    await bob.reads('I can see you');
    await ann.screenshot('desktop-video');

    await ann.press('Mute microphone');
    await ann.press('Camera off');
    await ann.press('Next');
    await ann.is('waiting');
    await bob.sees('moved on to somebody else');
    await bob.callIs('closed');
    await bob.screenshot('desktop-ended');

    await bob.press('Find someone new');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);

    await bob.press('End call, keep chatting');
    await ann.sees('ended the call');
    await bob.write('Text will do');
    await ann.reads('Text will do');
    await ann.press('Stop');
    await ann.is('choosing');
    await bob.sees('has left.');
  });

  it('connects the sound of an audio call', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Audio');
    await Promise.all([ann.callIs('connected'), bob.callIs('connected')]);
    await ann.screenshot('desktop-audio');
  });

  it('keeps the seat of a window that lost its network, and connects the call anew', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Video');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);

    await bob.setOffline(true);
    await bob.sees('Reconnecting');
    await ann.sees('connection dropped');
    await ann.write('Are you there?');
    await ann.delivery('Are you there?', 'held');
    await ann.screenshot('desktop-partner-away');
    await bob.screenshot('desktop-reconnecting');

    await bob.setOffline(false);
    await ann.sees('is back.');
    await bob.reads('Are you there?');
    await ann.delivery('Are you there?', 'sent');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);

    const partner = await bob.partner();
    await bob.page.reload();
    expect(await bob.partner()).toBe(partner);
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);
    // Right after a return this is a leave and a new search, or the server would take it for the return.
    await bob.press('Next');
    await bob.is('waiting');
    await ann.sees(/has left\.|moved on/);
  });

  it('brings both back into their call after every worker was killed', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Video');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);
    const partner = await ann.partner();
    for (const pid of cluster.workers().values()) process.kill(pid, 'SIGKILL');
    await Promise.all([ann.sees('Reconnecting'), bob.sees('Reconnecting')]);
    await Promise.all([ann, bob].map((each) => each.page.locator('[data-link=up]').waitFor()));
    await Promise.all([ann, bob].map((each) => each.page.locator('[data-partner=here]').waitFor()));
    await ann.write('Still here');
    await bob.reads('Still here');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);
    expect(await ann.partner()).toBe(partner);
  });

  it('says that the partner did not come back', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Text');
    await bob.page.close();
    await ann.sees('connection dropped');
    await ann.page.getByText('did not come back').waitFor({ timeout: 40_000 });
    await ann.press('Done');
    await ann.is('choosing');
  });

  it('blocks without telling, and reports with a reason', async () => {
    const [ann, bob] = await twoGuests();
    await meet(ann, bob, 'Text');
    await ann.press('Report');
    await ann.screenshot('desktop-report');
    await ann.page.getByLabel('Advertising or spam').check();
    await ann.page.getByLabel(/^Details/).fill('Sells umbrellas');
    await ann.page.getByLabel('Also block').uncheck();
    await ann.press('Send report');
    await ann.sees('The report was stored');
    await ann.is('matched');

    await ann.press('Block');
    await ann.page.getByRole('dialog').getByRole('button', { name: 'Block' }).click();
    await ann.sees('You blocked');
    await bob.sees('has left.');

    await ann.press('Find someone new');
    await bob.press('Find someone new');
    await bob.page.waitForTimeout(3_000);
    await Promise.all([ann.is('waiting'), bob.is('waiting')]);
  });

  it('is one person in two windows of an account, until one becomes a guest or the session ends', async () => {
    context = await browser.newContext(desktop);
    const ann = await arrive();
    await ann.register('ann_of_two_windows');
    await ann.search('Text');
    await ann.is('waiting');

    const again = await arrive();
    expect(await again.name()).toBe('ann_of_two_windows');
    await again.search('Text');
    await again.sees('already searching or chatting in another window');
    await again.screenshot('desktop-elsewhere');
    await again.press('Use this window as a guest');
    await expect.poll(() => again.name()).not.toBe('ann_of_two_windows');
    await again.search('Text');
    await Promise.all([ann.is('matched'), again.is('matched')]);

    await ann.page.evaluate(`fetch('/api/auth/logout-all', {
      method: 'POST',
      headers: { authorization: 'Bearer ' + JSON.parse(localStorage.getItem('passerby.account')).token },
    })`);
    await ann.is('welcome');
    await ann.sees('Your session was ended');
  });

  it('works at phone width', async () => {
    const [ann, bob] = await twoGuests(phone);
    await ann.screenshot('phone-options');
    await ann.search('Video', 'music');
    await ann.is('waiting');
    await ann.screenshot('phone-waiting');
    await bob.search('Video', 'music');
    await Promise.all([ann.seesMovingPicture(), bob.seesMovingPicture()]);
    await ann.write('On the train');
    await bob.reads('On the train');
    await bob.screenshot('phone-video');
    const next = await bob.button('Next').boundingBox();
    expect(next!.y + next!.height).toBeLessThanOrEqual(phone.viewport.height);
    expect(await bob.fits()).toBe(true);
  });

  it('fits into the smallest phone', async () => {
    const [ann, bob] = await twoGuests(smallest);
    expect(await ann.fits()).toBe(true);
    await meet(ann, bob, 'Video');
    await ann.seesMovingPicture();
    await ann.screenshot('smallest-video');
    for (const name of [
      'Mute microphone',
      'Camera off',
      'End call, keep chatting',
      'Stop',
      'Next',
      'Report',
    ]) {
      const box = await ann.button(name).boundingBox();
      expect(box!.x + box!.width, name).toBeLessThanOrEqual(smallest.viewport.width);
      expect(box!.y + box!.height, name).toBeLessThanOrEqual(smallest.viewport.height);
    }
    expect(await ann.fits()).toBe(true);
    await ann.press('Report');
    await ann.screenshot('smallest-report');
  });

  it('recovers by itself when the server was away, even one that has forgotten the guest', async () => {
    context = await browser.newContext(desktop);
    const [PORT, HTTP_PORT] = (await freePorts(2)).map(String) as [string, string];
    const first = await startCluster({ workers: 1, env: { PORT, HTTP_PORT } });
    const ann = await arrive(first.url);
    await ann.enterAsGuest();
    const before = await ann.name();
    await first.stop();
    await ann.sees('The server cannot be reached');

    const second = await startCluster({ workers: 1, env: { PORT, HTTP_PORT } });
    try {
      await ann.sees('you have a new name');
      await expect.poll(() => ann.name()).not.toBe(before);
      await ann.page.locator('[data-link=up]').waitFor();
      await ann.search('Text');
      await ann.is('waiting');
    } finally {
      await second.stop();
    }
  });

  it('says how long a rate limit lasts', async () => {
    context = await browser.newContext(desktop);
    const strict = await startCluster({ workers: 1, env: { RATE_LIMIT_SOCKET_MAX: '6' } });
    try {
      const [ann, bob] = [await arrive(strict.url), await arrive(strict.url)];
      await ann.enterAsGuest();
      await bob.enterAsGuest();
      await meet(ann, bob, 'Text');
      for (let n = 1; n <= 7; n++) await ann.write(`message ${n}`);
      await ann.sees('That was a lot at once. Please wait');
      await ann.delivery('message 7', 'failed');
      await ann.screenshot('desktop-rate-limited');
    } finally {
      await strict.stop();
    }
  });
});

describe.skipIf(missing)('without a camera', { timeout: 120_000 }, () => {
  let cluster: Cluster;
  let browser: Browser;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([startCluster({ workers: 1 }), connectBrowser('refuse')]);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  it('says that the permission was refused, and goes on in text', async () => {
    const context = await browser.newContext({ ...desktop, permissions: [] });
    const ann = await Visitor.arrive(context, cluster.url);
    await ann.enterAsGuest();
    await ann.search('Video');
    await ann.sees('Camera and microphone are blocked');
    await ann.screenshot('desktop-camera-refused');
    await ann.press('Try again');
    await ann.sees('Camera and microphone are blocked');
    await ann.press('Go on in text');
    await ann.is('waiting');
    await context.close();
  });
});
