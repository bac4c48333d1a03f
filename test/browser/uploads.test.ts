/** Files and voice notes in both views, through the page itself, on a cluster of two workers. */
import type { Browser, BrowserContext, BrowserContextOptions } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import sharp from 'sharp';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { connectBrowser, missing } from '../harness/browser.ts';
import { Sender } from './sender.ts';
import { soon, Talker } from './talker.ts';
import { Visitor } from './visitor.ts';

const desktop = { viewport: { width: 1280, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };
const MAX_FILE_SIZE = 8 * 1024 * 1024;

const text = (name: string, words = 'one two three\n') => ({
  name,
  mimeType: 'text/plain',
  buffer: Buffer.from(words),
});

/** A landscape: sky over sea, with a sun. */
async function picture(name = 'evening.png', width = 1_200, height = 800) {
  const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">
    <rect width="100%" height="100%" fill="#f4a259"/>
    <rect y="60%" width="100%" height="40%" fill="#2a4d69"/>
    <circle cx="70%" cy="55%" r="${height / 6}" fill="#fff1c9"/></svg>`;
  return { name, mimeType: 'image/png', buffer: await sharp(Buffer.from(drawing)).png().toBuffer() };
}

/** So much that it takes a while on a slow line. */
const large = (name: string, bytes: number) => text(name, 'all work and no play\n'.repeat(bytes / 21));

describe.skipIf(missing)('uploads on the page', { timeout: 120_000 }, () => {
  let cluster: Cluster;
  let browser: Browser;
  let visitors: Visitor[] = [];
  let contexts: BrowserContext[] = [];
  let people = 0;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([
      startCluster({ workers: 2, env: { MAX_FILE_SIZE: String(MAX_FILE_SIZE) } }),
      connectBrowser('fake'),
    ]);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });
  afterEach(async () => {
    const scandals = visitors.flatMap((visitor) => visitor.scandals);
    visitors = [];
    for (const context of contexts) await context.close();
    contexts = [];
    expect(scandals).toEqual([]);
  });

  async function contextOf(options: BrowserContextOptions): Promise<BrowserContext> {
    const context = await browser.newContext(options);
    contexts.push(context);
    return context;
  }

  /** Two who have a conversation with each other open. */
  async function twoTalking(
    options: BrowserContextOptions = desktop,
    url = cluster.url,
  ): Promise<[Sender, Sender]> {
    const arrive = async (name: string) => {
      const talker = await Talker.arrive(await contextOf(options), url, `${name}_${++people}`);
      visitors.push(talker.visitor);
      return talker;
    };
    const [ann, bob] = [await arrive('ann'), await arrive('bob')];
    await ann.find(bob.name.slice(0, -1), bob.name);
    await ann.write('Hello');
    await bob.unread(ann.name, '1');
    await bob.open(ann.name);
    await bob.reads('Hello');
    return [new Sender(ann.visitor, '.conversation'), new Sender(bob.visitor, '.conversation')];
  }

  /** Two who have met. */
  async function twoMatched(
    mode: 'Text' | 'Audio',
    options: BrowserContextOptions = desktop,
  ): Promise<[Sender, Sender]> {
    const context = await contextOf(options);
    const arrive = async () => {
      const visitor = await Visitor.arrive(context, cluster.url);
      visitors.push(visitor);
      return visitor.enterAsGuest();
    };
    const [ann, bob] = [await arrive(), await arrive()];
    await ann.search(mode);
    await ann.is('waiting');
    await bob.search(mode);
    await Promise.all([ann.is('matched'), bob.is('matched')]);
    return [new Sender(ann, '.room'), new Sender(bob, '.room')];
  }

  it('sends pictures and files with words in a conversation, and shows them on both sides', async () => {
    const [ann, bob] = await twoTalking();
    await ann.attach(await picture(), text('packing list.txt'));
    await ann.item('evening.png').getByText('KB').waitFor();
    await ann.visitor.button('Look at evening.png').click();
    await ann.dialog().locator('img').waitFor();
    await ann.page.keyboard.press('Escape');
    await expect.poll(() => ann.dialog().count(), soon).toBe(0);
    expect(await ann.focused()).toBe('Look at evening.png');
    await ann.visitor.screenshot('desktop-upload-chosen');

    await ann.field().fill('The view from here');
    await ann.field().press('Enter');
    await bob.line('packing list.txt').waitFor();
    await bob.line('The view from here').locator('.picture img').waitFor();
    await ann.trayIsEmpty();
    expect(await ann.field().inputValue()).toBe('');

    await bob.visitor.button('Picture: evening.png. Open it large.').click();
    const shown = bob.dialog().locator('img');
    await expect
      .poll(() => shown.evaluate((img: { naturalWidth: number }) => img.naturalWidth), soon)
      .toBe(1_200);
    await bob.visitor.screenshot('desktop-upload-viewer');
    await bob.page.keyboard.press('Escape');
    expect(await bob.focused()).toBe('Picture: evening.png. Open it large.');

    const saving = bob.page.waitForEvent('download');
    await bob.page.getByRole('link', { name: /^Download packing list\.txt/ }).click();
    expect((await saving).suggestedFilename()).toBe('packing list.txt');
    await bob.visitor.screenshot('desktop-upload-conversation');

    // It is there again after a reload, and in the list.
    await bob.page.reload();
    await bob.line('The view from here').locator('.picture img').waitFor();
    await bob.page.locator('.talk-row__last', { hasText: 'packing list.txt' }).waitFor();
  });

  it('takes what is dropped anywhere and pictures that are pasted', async () => {
    const [ann, bob] = await twoTalking();
    await ann.drag(text('dropped.txt'), async () => {
      await ann.page.locator('.drop__area').waitFor();
      await ann.visitor.screenshot('desktop-upload-drop');
    });
    expect(await ann.page.locator('.drop__area').count()).toBe(0);
    await ann.item('dropped.txt').waitFor();
    await ann.paste(await picture('image.png', 300, 200));
    await ann.item('image.png').waitFor();
    await ann.visitor.press('Remove dropped.txt');
    await ann.visitor.press('Send');
    await bob.page.locator('.line--them .picture img').waitFor();
    expect(await bob.page.locator('.line--them', { hasText: 'dropped.txt' }).count()).toBe(0);
  });

  it('shows how far an upload is, and cancels it without a trace', async () => {
    const [ann, bob] = await twoTalking();
    await ann.slowUploads(300_000);
    await ann.attach(large('a novel.txt', 3_000_000), text('a note.txt'));
    await ann.visitor.press('Send');
    await ann.item('a note.txt').getByText('waits for the one before').waitFor();
    const progress = ann.item('a novel.txt').getByRole('progressbar');
    await expect
      .poll(() => progress.evaluate((bar: { value: number }) => bar.value), soon)
      .toBeGreaterThan(0.02);
    await ann.visitor.screenshot('desktop-upload-progress');
    await ann.visitor.press('Cancel sending a novel.txt');
    await bob.line('a note.txt').waitFor();
    await ann.trayIsEmpty();
    expect(await bob.page.locator('.line', { hasText: 'a novel.txt' }).count()).toBe(0);
  });

  it('keeps what was on its way when the network went, to be tried again', async () => {
    const [ann, bob] = await twoTalking();
    await ann.slowUploads(300_000);
    await ann.attach(large('a novel.txt', 3_000_000));
    await ann.field().fill('For the train');
    await ann.visitor.press('Send');
    await ann.item('a novel.txt').getByRole('progressbar').waitFor();
    await ann.visitor.setOffline(true);
    await ann.item('a novel.txt').getByText('The connection was lost').waitFor();
    await ann.visitor.screenshot('desktop-upload-lost');
    await ann.visitor.setOffline(false);
    await ann.page.locator('[data-link=up]').waitFor();
    await ann.visitor.press('Try again');
    await bob
      .line('For the train')
      .getByRole('link', { name: /a novel\.txt/ })
      .waitFor();
    await ann.trayIsEmpty();
  });

  it('says what is wrong with a file', async () => {
    const [ann] = await twoTalking();
    const program = { ...text('program.exe'), buffer: Buffer.from('MZ\u0090\u0000\u0003\u0000\u0000\u0000') };
    await ann.attach(large('too much.txt', MAX_FILE_SIZE + 100_000), program);
    await ann.visitor.press('Send');
    await ann.item('too much.txt').getByText('larger than').waitFor();
    await ann.item('program.exe').getByText('type').waitFor();
    await ann.visitor.screenshot('desktop-upload-refused');
    expect(await ann.page.getByRole('button', { name: 'Try again' }).count()).toBe(0);
    await ann.visitor.press('Remove too much.txt');
    await ann.visitor.press('Remove program.exe');
    await ann.trayIsEmpty();
  });

  it('records a voice note of three seconds, and plays it on the other side', async () => {
    const [ann, bob] = await twoTalking();
    await ann.record(3_000, 'desktop-voice-recording');
    await bob.voice().waitFor();
    const [durationMs] = ann.durations as [number];
    expect(durationMs).toBeGreaterThanOrEqual(2_800);
    expect(durationMs).toBeLessThanOrEqual(3_200);
    await ann.trayIsEmpty();

    await bob.visitor.press('Play voice note');
    await bob.visitor.button('Pause voice note').waitFor();
    await expect.poll(() => bob.playedMs(), soon).toBeGreaterThan(500);
    await bob.visitor.screenshot('desktop-voice-playing');
    await bob.visitor.press('Pause voice note');
    await bob.visitor.button('Play voice note').waitFor();

    // By keyboard, and by pressing the waveform.
    const seek = bob.voice().getByLabel('Position in the voice note');
    await seek.focus();
    await seek.press('Home');
    expect(await seek.getAttribute('aria-valuetext')).toMatch(/^0:00 of 0:03/);
    await seek.press('ArrowRight');
    expect(Number(await seek.inputValue())).toBeGreaterThan(0);
    const box = (await seek.boundingBox())!;
    await bob.page.mouse.click(box.x + box.width * 0.7, box.y + box.height / 2);
    expect(Number(await seek.inputValue())).toBeGreaterThan(1_700);
    await bob.visitor.press('Play voice note');
    await expect.poll(() => bob.playedMs(), soon).toBeGreaterThan(2_200);
    await bob.visitor.button('Play voice note').waitFor();
    expect(await seek.inputValue()).toBe('0');
  });

  it('leaves nothing of a voice note that is cancelled', async () => {
    const [ann, bob] = await twoTalking();
    await ann.field().fill('half a word');
    await ann.field().fill('');
    await ann.visitor.press('Record a voice note');
    await ann.visitor.button('Send voice note').waitFor();
    await ann.page.keyboard.press('Escape');
    await ann.field().waitFor();
    await ann.field().fill('Never mind');
    await ann.field().press('Enter');
    await bob.line('Never mind').waitFor();
    expect([await bob.voice().count(), ann.durations.length]).toEqual([0, 0]);
  });

  it('stops by itself at the longest that a voice note can be', async () => {
    const [ann] = await twoTalking();
    await ann.page.clock.install();
    await ann.visitor.press('Record a voice note');
    await ann.page.getByRole('timer').waitFor();
    await ann.page.clock.fastForward(301_000);
    await ann.page.locator('.recording').getByText('stopped', { exact: true }).waitFor();
    expect(await ann.page.getByRole('timer').innerText()).toBe('5:00');
    await ann.visitor.press('Cancel voice note');
    await ann.field().waitFor();
  });

  it('asks for another address when a signed one works no more', async () => {
    const [ann, bob] = await twoTalking();
    await ann.attach(await picture());
    await ann.visitor.press('Send');
    await bob.page.locator('.picture img').waitFor();
    const expired = await bob.expireOnce();
    await bob.page.reload();
    await expect
      .poll(
        () => bob.page.locator('.picture img').evaluate((img: { naturalWidth: number }) => img.naturalWidth),
        soon,
      )
      .toBeGreaterThan(0);
    expect(expired()).toBe(1);
  });

  it('sends files and voice notes to a partner, and leaves the call alone', async () => {
    const [ann, bob] = await twoMatched('Audio');
    await Promise.all([ann.visitor.callIs('connected'), bob.visitor.callIs('connected')]);
    await ann.attach(await picture(), text('notes.txt'));
    await ann.field().fill('Look at this');
    await ann.visitor.press('Send');
    await bob.line('Look at this').waitFor();
    await bob.page.locator('.line--them .picture img').waitFor();
    await bob.page.getByRole('link', { name: /^Download notes\.txt/ }).waitFor();

    await bob.visitor.press('Mute microphone');
    await bob.record(2_000);
    await ann.voice().waitFor();
    // A window behind another one draws nothing.
    await ann.page.bringToFront();
    await ann.visitor.press('Play voice note');
    await expect.poll(() => ann.playedMs(), soon).toBeGreaterThan(300);
    await ann.visitor.screenshot('desktop-upload-match');
    // Muted still, and alive.
    await bob.visitor.press('Mute microphone');
    await Promise.all([ann.visitor.callIs('connected'), bob.visitor.callIs('connected')]);
    await expect.poll(() => ann.hearsCall(), { timeout: 30_000 }).toBe(true);

    // The other way round: dropped, with the partner gone before it arrives.
    await ann.slowUploads(200_000);
    await ann.drag(large('late.txt', 3_000_000));
    await ann.visitor.press('Send');
    await ann.item('late.txt').getByRole('progressbar').waitFor();
    await bob.visitor.press('Stop');
    await ann.visitor.sees('has left.');
    await ann.trayIsEmpty();
  });

  it('works at phone width, in a conversation', async () => {
    const [ann, bob] = await twoTalking(phone);
    await ann.attach(await picture(), text('a rather long name of a file that goes on and on.txt'));
    await ann.visitor.screenshot('phone-upload-chosen');
    expect(await ann.visitor.fits()).toBe(true);
    await ann.field().fill('From the hill');
    await ann.visitor.press('Send');
    await bob.line('From the hill').waitFor();
    await ann.record(1_500, 'phone-voice-recording');
    await bob.voice().waitFor();
    await bob.page.locator('.picture img').waitFor();
    await bob.visitor.screenshot('phone-upload-conversation');
    expect(await bob.visitor.fits()).toBe(true);
    await bob.visitor.button(/^Picture: evening/).tap();
    await bob.dialog().locator('img').waitFor();
    await bob.visitor.screenshot('phone-upload-viewer');
    expect(await bob.visitor.fits()).toBe(true);
    await bob.dialog().getByRole('button', { name: 'Close' }).tap();
    // A tap on a picture opens it, and nothing else.
    expect(await bob.page.locator('.act').count()).toBe(0);
    await bob
      .line('From the hill')
      .getByRole('button', { name: /^Actions for/ })
      .tap();
    await bob.visitor.press('React with 👍');
    await ann.visitor.button('👍, 1').waitFor();
  });

  it('works at phone width, in a meeting', async () => {
    const [ann, bob] = await twoMatched('Text', phone);
    await ann.attach(await picture('upright.png', 600, 1_000));
    await ann.visitor.press('Send');
    await bob.page.locator('.picture img').waitFor();
    await bob.record(1_000);
    await ann.voice().waitFor();
    await ann.visitor.screenshot('phone-upload-match');
    expect(await ann.visitor.fits()).toBe(true);
  });

  it('says how long to wait after too many', async () => {
    const strict = await startCluster({ workers: 1, env: { RATE_LIMIT_UPLOAD_MAX: '1' } });
    try {
      const [ann, bob] = await twoTalking(desktop, strict.url);
      await ann.attach(text('one.txt'), text('two.txt'));
      await ann.visitor.press('Send');
      await bob.line('one.txt').waitFor();
      await ann.item('two.txt').getByText('as many files as you can send in an hour. Please wait').waitFor();
      await ann.visitor.button('Try again').waitFor();
    } finally {
      await strict.stop();
    }
  });
});

describe.skipIf(missing)('without a microphone', { timeout: 120_000 }, () => {
  let cluster: Cluster;
  let browser: Browser;

  beforeAll(async () => {
    [cluster, browser] = await Promise.all([startCluster({ workers: 1 }), connectBrowser('refuse')]);
  });
  afterAll(async () => {
    await browser?.close();
    await cluster?.stop();
  });

  it('says that the microphone was refused, and goes on in text', async () => {
    const context = await browser.newContext({ ...desktop, permissions: [] });
    const ann = await Talker.arrive(context, cluster.url, 'ann_refused');
    await ann.enterRoom('hall');
    await ann.visitor.press('Record a voice note');
    await ann.visitor.sees('The microphone is blocked.');
    await ann.visitor.screenshot('desktop-voice-refused');
    await ann.visitor.press('Dismiss');
    await ann.write('Text will do');
    await ann.delivery('Text will do', 'sent');
    await context.close();
  });
});
