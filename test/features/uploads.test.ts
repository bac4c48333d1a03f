import { writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskBlobs } from '../../src/features/uploads/blobs.disk.ts';
import { createUploadDesk } from '../../src/features/uploads/desk.ts';
import { idIn } from '../../src/features/uploads/links.ts';
import type { Media } from '../../src/features/uploads/media.ts';
import { fileName } from '../../src/features/uploads/names.ts';
import { createUploads } from '../../src/features/uploads/service.ts';
import { createSignedUrls } from '../../src/kernel/signed-urls.ts';
import { fakeClock } from '../contracts/fake-clock.ts';
import { storageBackends, temporaryDir, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { filesIn } from '../harness/uploads.ts';

const [HOUR_MS, MINUTE_MS] = [60 * 60_000, 60_000];

const media: Media = {
  typeOf: async () => ({ mimeType: 'application/pdf', isImage: false }),
  redraw: () => Promise.reject(new Error('no pictures here')),
  listen: () => Promise.reject(new Error('no sound here')),
  close: async () => {},
};

describe('uploads', () => {
  let storage: StorageUnderTest;
  let directory: ReturnType<typeof temporaryDir>;
  beforeEach(async () => {
    storage = await storageBackends[0]!.open();
    directory = temporaryDir();
  });
  afterEach(async () => {
    await storage.close();
    directory.remove();
  });

  function desk() {
    const clock = fakeClock(Date.now());
    const signedUrls = createSignedUrls(['secret'], clock, HOUR_MS);
    const blobs = diskBlobs(directory.path);
    const partners = new Map<string, string>();
    let made = 0;
    const { uploads } = storage.stores;
    const service = createUploads({
      ...{ uploads, blobs, media, signedUrls, clock },
      randomUploadId: () => String((made += 1)).padStart(22, 'A'),
      config: { uploads: { maxVoiceSeconds: 300 } },
      mayRead: async () => false,
      matches: {
        partnerOf: async (userId) => {
          const matchId = partners.get(userId);
          return matchId === undefined ? null : { matchId };
        },
      },
    });
    return {
      ...{ clock, service, partners, blobs },
      handIn: createUploadDesk({ uploads, signedUrls, clock }),
      async give(ownerId: string) {
        const workspace = await blobs.workspace();
        const path = workspace.path();
        writeFileSync(path, 'bytes');
        const given = await service.takeFile(ownerId, { path, name: 'a.pdf', size: 5, workspace });
        await workspace.discard();
        return given;
      },
      async isThere(id: string) {
        const found = await service.download(id, 'whole', { userId: null, isSigned: true }).then(
          () => true,
          () => false,
        );
        expect(filesIn(directory.path).some((file) => file.includes(id))).toBe(found);
        return found;
      },
    };
  }

  it('that are in no message and no avatar go after a day', async () => {
    const { service, clock, handIn, give, isThere } = desk();
    const [nowhere, said, unsaid, shown] = [
      await give('7'),
      await give('7'),
      await give('7'),
      await give('7'),
    ];
    for (const [messageId, { id }] of [
      ['1', said],
      ['2', unsaid],
    ] as const) {
      await handIn.inMessage(id, '7', { conversationId: '9', messageId });
    }
    await storage.stores.uploads.use(shown.id, '7', { kind: 'avatar' });
    clock.advance(24 * HOUR_MS);
    await service.sweep();
    expect(await isThere(nowhere.id)).toBe(true);
    clock.advance(1);
    await service.sweep();
    expect(await isThere(nowhere.id)).toBe(false);
    for (const { id } of [said, unsaid, shown]) expect(await isThere(id)).toBe(true);

    await storage.stores.uploads.releaseMessage(unsaid.id, '2');
    await handIn.dropAvatar(shown.url);
    await service.sweep();
    expect(await isThere(said.id)).toBe(true);
    expect([await isThere(unsaid.id), await isThere(shown.id)]).toEqual([false, false]);
    await storage.stores.uploads.releaseConversation('9');
    await service.sweep();
    expect(await isThere(said.id)).toBe(false);
  });

  it('that went to a match partner go an hour after the match, whoever ended it', async () => {
    const { service, clock, partners, handIn, give, isThere } = desk();
    const { id } = await give('7');
    partners.set('7', 'm1');
    await handIn.inMatch(id, { from: '7', partnerId: '8', matchId: 'm1' });
    const fetchedBy = (userId: string) =>
      service.download(id, 'whole', { userId, isSigned: false }).then(
        () => true,
        () => false,
      );
    clock.advance(10 * HOUR_MS);
    await service.sweep();
    expect([await fetchedBy('8'), await fetchedBy('9')]).toEqual([true, false]);

    partners.set('7', 'm2');
    await service.sweep();
    clock.advance(59 * MINUTE_MS);
    await service.sweep();
    expect([await isThere(id), await fetchedBy('8')]).toEqual([true, true]);
    clock.advance(MINUTE_MS + 1);
    expect(await fetchedBy('8')).toBe(false);
    await service.sweep();
    expect(await isThere(id)).toBe(false);
  });

  it('of which only the bytes are there go after a day', async () => {
    const { service, clock, blobs, give, isThere } = desk();
    const { id } = await give('7');
    const workspace = await blobs.workspace();
    const path = workspace.path();
    writeFileSync(path, 'bytes');
    const unknown = 'B'.repeat(22);
    await blobs.put(unknown, 'whole', path);
    await service.sweepUnknown();
    expect(await blobs.size(unknown, 'whole')).toBe(5);
    clock.advance(24 * HOUR_MS + MINUTE_MS);
    await service.sweepUnknown();
    expect(await blobs.size(unknown, 'whole')).toBe(null);
    expect(await isThere(id)).toBe(true);
  });
});

it.each([
  ['A'.repeat(22), 'A'.repeat(22)],
  [`/uploads/${'A'.repeat(22)}`, 'A'.repeat(22)],
  [`https://chat.example/uploads/${'-_'.repeat(11)}?expires=1&signature=x`, '-_'.repeat(11)],
  [`/uploads/${'A'.repeat(22)}/thumbnail`, 'A'.repeat(22)],
  [{ id: 'A'.repeat(22), url: 'x' }, 'A'.repeat(22)],
  [{ url: `/uploads/${'A'.repeat(22)}` }, 'A'.repeat(22)],
  [{ id: { $gt: '' } }, null],
  ['A'.repeat(23), null],
  ['https://example.org/a.pdf', null],
  [`/elsewhere/${'A'.repeat(22)}`, null],
])('%j names %j', (content, id) => {
  expect(idIn(content)).toBe(id);
});

it.each([
  [' a\u0007b\u202egpj.exe ', 'abgpj.exe'],
  ['Bericht „Ä“ 100%.pdf', 'Bericht „Ä“ 100%.pdf'],
  ['e\u0301.pdf', 'é.pdf'],
])('%j is called %j', (given, name) => {
  expect(fileName(given)).toBe(name);
});
