import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveAdmin } from '../../src/admin/commands.ts';
import { choosePassword } from '../../src/admin/password.ts';
import { askServer } from '../../src/admin/socket.ts';
import { createPasswords } from '../../src/features/accounts/passwords.ts';
import { systemClock as clock } from '../../src/kernel/clock.ts';
import { createIds } from '../../src/kernel/ids.ts';
import { remoteStores, startStorageThread, type Stores } from '../../src/sqlite-stores.ts';
import { temporaryDir } from '../contracts/storage-backends.ts';

let dir: ReturnType<typeof temporaryDir>;
let closers: (() => void | Promise<void>)[];
beforeEach(() => {
  dir = temporaryDir();
  closers = [() => dir.remove()];
});
afterEach(async () => {
  for (const close of closers.reverse()) await close();
});

const isUnexpected = (error: unknown) => {
  throw error;
};

async function openStorage(): Promise<Stores> {
  const thread = await startStorageThread({ dataDir: dir.path, onUnexpected: isUnexpected });
  closers.push(() => thread.close());
  return remoteStores(thread.wire);
}

/** What the primary does, without workers. */
async function startServer() {
  const stores = await openStorage();
  const revoked: string[][] = [];
  const stop = await serveAdmin({
    dataDir: dir.path,
    ...stores,
    ids: createIds(clock, 1),
    clock,
    onRevoked: (userId, sessionIds) => void revoked.push([userId, ...sessionIds]),
    onUnexpected: isUnexpected,
  });
  closers.push(stop);
  return { stores, revoked };
}

/** `npm run admin -- …`, with `input` on its standard input. */
async function admin(args: string, input = '') {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, '../../src/admin.ts'), ...args.split(' ')],
    {
      env: { DATA_DIR: dir.path, UPLOAD_DIR: `${dir.path}-uploads`, ADMIN_EMAILS: 'boss@example.org' },
      cwd: dir.path,
    },
  );
  child.stdin.end(input);
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { code: child.exitCode, out, err };
}

const passwords = createPasswords(4);

describe.each(['while the server runs', 'while no server runs'])('npm run admin, %s', (when) => {
  let server: Awaited<ReturnType<typeof startServer>> | undefined;
  beforeEach(async () => {
    server = when === 'while the server runs' ? await startServer() : undefined;
  });
  const storage = async () => server?.stores ?? (await openStorage());

  it('makes a confirmed account, and shows its password once', async () => {
    const made = await admin('create --email Boss@example.org --username boss');
    expect(made).toMatchObject({ code: 0, err: '' });
    expect(made.out).not.toMatch(/ADMIN_EMAILS/);
    const [, password] = /shown this once: (\S+)\n/.exec(made.out) ?? [];

    const again = await admin('create --email boss@example.org --username Boss');
    expect(again).toMatchObject({ code: 1, out: '' });
    expect(again.err).toMatch(/username is taken, email is registered/);

    const boss = await (await storage()).accounts.byEmail('boss@example.org');
    expect(boss).toMatchObject({ username: 'boss', adminConfirmed: true, guest: false });
    expect(await passwords.matches(password!, boss!.passwordHash)).toBe(true);
  });

  it('takes a password from its input, and says when it will not do', async () => {
    const weak = await admin('create --email a@example.org --username ann --password-stdin', 'secret\n');
    expect(weak).toMatchObject({ code: 2, out: '' });
    expect(weak.err).toMatch(/^password: must have 8 to 72 bytes/);
    expect(await admin('create --email a@example.org --username ann --password-stdin')).toMatchObject({
      code: 1,
    });

    const made = await admin(
      'create --email a@example.org --username ann --password-stdin',
      'Password123\nrest\n',
    );
    expect(made.code).toBe(0);
    expect(made.out).toMatch(/ADMIN_EMAILS/);
    expect(made.out).not.toMatch(/Password123/);
    const ann = await (await storage()).accounts.byEmail('a@example.org');
    expect(await passwords.matches('Password123', ann!.passwordHash)).toBe(true);
  });
});

it('says how it is used', async () => {
  const wrong = [
    '',
    'destroy',
    'create --email a@example.org',
    'confirm now --email a@b.co',
    'confirm --password x',
  ];
  for (const refused of await Promise.all(wrong.map((args) => admin(args)))) {
    expect(refused).toMatchObject({ code: 2, out: '', err: expect.stringContaining('Usage:') });
  }
});

describe('a running server', () => {
  it('confirms, and resets a password, which ends all sessions and their sockets', async () => {
    const { stores, revoked } = await startServer();
    await admin('create --email ann@example.org --username ann --password-stdin', 'Password123\n');
    const { id, passwordHash } = (await stores.accounts.byEmail('ann@example.org'))!;
    for (const sessionId of ['21', '22']) {
      await stores.sessions.create({
        ...{
          id: sessionId,
          userId: id,
          ip: '',
          userAgent: '',
          deviceId: null,
          location: null,
          refreshId: 'r',
        },
        ...{ createdAt: clock.now(), lastSeen: clock.now(), expiresAt: clock.now() + 60_000 },
      });
    }

    expect((await admin('confirm --email ANN@example.org')).code).toBe(0);
    expect(revoked).toEqual([]);
    const reset = await admin('reset-password --email Ann@example.org');
    expect(reset.out).toMatch(/2 sessions were ended[^]*shown this once/);
    expect(revoked.map(([userId, ...ids]) => [userId, ...ids.sort()])).toEqual([[id, '21', '22']]);
    expect(await stores.sessions.alive(['21', '22'], clock.now())).toEqual([]);
    expect((await stores.accounts.byId(id))?.passwordHash).not.toBe(passwordHash);
  });

  it('lets only its owner ask, and takes the place of one that was killed', async () => {
    const socket = join(dir.path, 'admin.sock');
    // What a killed process leaves: a name that nobody answers. (A file stands in for it as well as a socket does.)
    writeFileSync(socket, '');
    await startServer();
    expect(statSync(socket).mode & 0o777).toBe(0o600);
    expect(await askServer(dir.path, { command: 'confirm', email: 'a@b.co' })).toMatchObject({ ok: false });
  });

  it('does not take the place of one that lives', async () => {
    const living = createServer().listen(join(dir.path, 'admin.sock'));
    await once(living, 'listening');
    closers.push(() => void living.close());
    await expect(startServer()).rejects.toThrow(/another server/);
  });

  it('answers nonsense with an error, one command for each connection, and lives on', async () => {
    const { stores } = await startServer();
    async function say(line: string) {
      const socket = createConnection(join(dir.path, 'admin.sock'));
      socket.on('error', () => {});
      if (line === '') socket.end();
      else socket.write(line);
      return text(socket).catch(() => '');
    }
    for (const nonsense of [
      '{}',
      'null',
      '[]',
      'x',
      '{"command":"drop"}',
      '{"command":"confirm","email":{"$gt":""}}',
    ]) {
      expect(JSON.parse(await say(`${nonsense}\n`))).toMatchObject({ ok: false });
    }
    expect(await say('')).toBe('');
    expect(await say('x'.repeat(1_000_000))).toBe('');
    expect(await stores.accounts.count()).toBe(0);
    expect(await askServer(dir.path, { command: 'confirm', email: 'a@b.co' })).toMatchObject({ ok: false });
  });
});

it('says when the storage is busy and nobody answers', async () => {
  await openStorage();
  const refused = await admin('confirm --email a@b.co');
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(new RegExp(`in use by process ${process.pid} .*\n.*try again`));
});

describe('a password typed on a terminal', () => {
  async function typed(...keys: string[]) {
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode() {} });
    let shown = '';
    const output = new Writable({
      write(chunk, _encoding, done) {
        shown += String(chunk);
        done();
        // Once the question is out and somebody listens.
        if (shown.endsWith(': ')) setImmediate(() => input.write(keys.shift()));
      },
    });
    const outcome = await choosePassword({ input, output }, false).catch((error: Error) => error.message);
    return { outcome, shown };
  }

  it('is asked for twice, and not shown', async () => {
    const { outcome, shown } = await typed('Passwort\x7fd123\r', 'Password123\r');
    expect(outcome).toEqual({ password: 'Password123', generated: false });
    expect(shown).toMatch(/^Password .*: \nThe same again: \n$/);
  });

  it('must be the same both times', async () => {
    expect((await typed('Password123\r', 'Password124\r')).outcome).toMatch(/differ/);
  });

  it('is made when nothing is typed', async () => {
    const { outcome } = await typed('\r');
    expect(outcome).toEqual({ generated: true, password: expect.stringMatching(/^\S{20}$/) });
  });

  it.each([
    ['Ctrl-C', '\x03'],
    ['Ctrl-D', '\x04'],
  ])('can be given up with %s', async (_, key) => {
    expect((await typed(key)).outcome).toMatch(/Given up/);
  });
});
