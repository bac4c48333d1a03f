import { afterAll, describe, expect, it } from 'vitest';
import { nativeMedia } from '../../src/features/uploads/media.native.ts';
import { fixture, folder, refused, wav, zip } from './media-stage.ts';

const media = nativeMedia();
const files = folder();
afterAll(async () => {
  await media.close();
  files.remove();
});

const typed = async (content: Uint8Array | string, name: string) =>
  (await media.typeOf(files.write(content), name)).mimeType;
const untaken = (content: Uint8Array | string, name: string) =>
  refused(media.typeOf(files.write(content), name), 'UNSUPPORTED_MEDIA');

const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
const PDF = '%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n';
const contentTypes = (type: string) =>
  zip({
    '[Content_Types].xml': `<Types><Override PartName="/a.xml" ContentType="${type}.main+xml"/></Types>`,
    'a.xml': '<a/>',
  });
const OFFICE = 'application/vnd.openxmlformats-officedocument';
const OPEN = 'application/vnd.oasis.opendocument';

describe('the type of a file', () => {
  it.each([
    ['aac.m4a', 'audio/mp4', ['m4a', 'mp4']],
    ['aac-fragmented.m4a', 'video/mp4', ['m4a', 'mp4']],
    ['cbr.mp3', 'audio/mpeg', ['mp3', 'MP3']],
    ['cover.mp3', 'audio/mpeg', ['mp3']],
    ['opus.ogg', 'audio/ogg', ['ogg', 'opus', 'oga']],
    ['vorbis.ogg', 'audio/ogg', ['ogg']],
    ['pcm.wav', 'audio/wav', ['wav']],
    ['flac.flac', 'audio/flac', ['flac']],
    ['chromium-opus.webm', 'video/webm', ['webm']],
    ['video.webm', 'video/webm', ['webm']],
    ['video.mp4', 'video/mp4', ['mp4', 'm4v']],
    ['video.mov', 'video/quicktime', ['mov']],
  ])('of %s is %s', async (name, mimeType, extensions) => {
    const path = fixture(name);
    const expected = { mimeType, isImage: false };
    for (const extension of extensions) {
      expect(await media.typeOf(path, `my.own.${extension}`)).toEqual(expected);
    }
    expect(await media.typeOf(path, 'no extension')).toEqual(expected);
    await refused(media.typeOf(path, 'sound.png'), 'UNSUPPORTED_MEDIA');
    await refused(media.typeOf(path, 'sound.txt'), 'UNSUPPORTED_MEDIA');
  });

  it('is that of a document', async () => {
    expect(await typed(PDF, 'a.pdf')).toBe('application/pdf');
    expect(await typed(zip({ 'a.txt': 'a' }), 'a.zip')).toBe('application/zip');
    for (const [extension, type] of [
      ['docx', `${OFFICE}.wordprocessingml.document`],
      ['xlsx', `${OFFICE}.spreadsheetml.sheet`],
      ['pptx', `${OFFICE}.presentationml.presentation`],
    ] as const) {
      expect(await typed(contentTypes(type), `a.${extension}`)).toBe(type);
    }
    for (const [extension, type] of [
      ['odt', `${OPEN}.text`],
      ['ods', `${OPEN}.spreadsheet`],
      ['odp', `${OPEN}.presentation`],
    ] as const) {
      expect(await typed(zip({ mimetype: type, 'content.xml': '<a/>' }), `a.${extension}`)).toBe(type);
    }
  });

  it('is plain text for what is nothing but text, in a name that says so or says nothing', async () => {
    for (const name of ['a.txt', 'A.TXT', 'a.md', 'a.csv', 'a.log', 'a.json', 'README', 'a.txt. ']) {
      expect(await typed('Grüße,\r\n\tAnn 👋\n', name)).toBe('text/plain');
    }
    // These begin like a bitmap, a program, an MP3 and a script.
    for (const words of ['BMW is a car', 'MZ is a code', 'ID3 is a tag', '#!/bin/sh']) {
      expect(await typed(words, 'a.txt')).toBe('text/plain');
    }
    expect(await typed('é'.repeat(70_000), 'a.txt')).toBe('text/plain');
    for (const name of ['a.sh', 'a.js', 'a.css', 'a.xml', 'a.pdf', 'a.png', 'a.html', 'v1.2']) {
      await untaken('some text', name);
    }
  });

  it('is not plain text with bytes that are none', async () => {
    await untaken(Buffer.from([0x67, 0x72, 0xfc, 0xdf]), 'latin1.txt');
    await untaken(Buffer.from('\ufeffutf-16', 'utf16le'), 'a.txt');
    await untaken(`${'a'.repeat(100_000)}\0`, 'a.txt');
    await untaken('\x1b[31mred', 'a.log');
    await untaken(Buffer.from('cut 👋').subarray(0, -1), 'a.txt');
  });

  it('is never HTML or SVG', async () => {
    const markup = [
      '<!DOCTYPE html><p>hello',
      '<html></html>',
      '\ufeff  \n<HTML>',
      `${' '.repeat(100_000)}<script>alert(1)</script>`,
      '<!-- a --><html>',
      '<svg xmlns="http://www.w3.org/2000/svg"/>',
      '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>',
      '<img src=x onerror=alert(1)>',
    ];
    for (const content of markup) {
      for (const name of ['a.html', 'a.svg', 'a.txt', 'a', 'a.png', 'a.md']) await untaken(content, name);
    }
    for (const name of ['a.html', 'a.HTM', 'a.Svg', 'a.xhtml', '.html', 'a.gif.html', 'a.svg ', 'a.html.']) {
      await untaken(GIF, name);
      await untaken('some text', name);
    }
    // Only the last extension counts.
    expect(await typed(GIF, 'a.html.gif')).toBe('image/gif');
  });

  it('is nothing else', async () => {
    await untaken(Buffer.from('7f454c460201010000000000', 'hex'), 'program');
    await untaken(Buffer.from('1f8b0800000000000003', 'hex'), 'a.gz');
    await untaken(Buffer.alloc(100), 'zeros');
    await untaken(zip({ 'AndroidManifest.xml': 'a', 'classes.dex': 'a' }), 'a.apk');
    await untaken(contentTypes('application/vnd.ms-word.document.macroEnabled'), 'a.docm');
  });

  it('is that of the content, whatever the name', async () => {
    expect(await media.typeOf(files.write(GIF), 'a.gif')).toEqual({ mimeType: 'image/gif', isImage: true });
    await untaken(GIF, 'a.png');
    await untaken(GIF, 'a.txt');
    await untaken(wav({ data: Buffer.alloc(100) }), 'a.mp3');
    await untaken(PDF, 'a.zip');
  });

  it('is no crash for archives that are cut off', async () => {
    const archive = contentTypes(`${OFFICE}.wordprocessingml.document`);
    for (let length = 0; length < archive.length; length += 1) {
      await media.typeOf(files.write(archive.subarray(0, length)), 'a').catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'UNSUPPORTED_MEDIA' });
      });
    }
  });

  it('is asked of a file that is there', async () => {
    await expect(media.typeOf(files.fresh(), 'a')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
