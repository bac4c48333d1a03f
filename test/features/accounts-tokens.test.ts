/** Who a token speaks for, which are refused, and who is an administrator. */
import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storageBackends, type StorageUnderTest } from '../contracts/storage-backends.ts';
import { accountsDesk, DAY_MS, from, jwtConfig, type Desk } from './accounts-desk.ts';

let storage: StorageUnderTest;
let desk: Desk;
beforeAll(async () => {
  storage = await storageBackends[0]!.open();
});
beforeEach(() => {
  desk = accountsDesk(storage, { emails: ['boss@example.org'], apiKey: 'the key' });
});
afterEach(() => storage.empty());
afterAll(() => storage.close());

const unauthenticated = { code: 'UNAUTHENTICATED' };

describe('tokens', () => {
  const claims = () => ({
    iss: 'realtime-chat',
    typ: 'access',
    sub: '1',
    sid: '1',
    exp: desk.clock.now() / 1000 + 60,
  });
  const signed = (payload: object, secret: string, algorithm: jwt.Algorithm = 'HS256') =>
    // What is undefined is left out.
    jwt.sign(JSON.parse(JSON.stringify(payload)) as object, secret, { algorithm, noTimestamp: true });
  /** A token like ann's own, but for what is given. */
  async function forged(changes: object, secret = jwtConfig.secret, algorithm?: jwt.Algorithm) {
    const ann = await desk.register('ann');
    return signed({ ...claims(), sub: ann.account.id, sid: ann.sessionId, ...changes }, secret, algorithm);
  }

  it('are accepted as we make them', async () => {
    expect(await desk.auth.verify(await forged({}))).toMatchObject({ username: 'ann' });
  });

  it.each([
    ['of another secret', {}, 'some other secret that is as long', 'HS256'],
    ['of the refresh secret', {}, jwtConfig.refreshSecret, 'HS256'],
    ['of another algorithm', {}, jwtConfig.secret, 'HS512'],
    ['of another issuer', { iss: 'somebody' }, jwtConfig.secret, 'HS256'],
    ['without an issuer', { iss: undefined }, jwtConfig.secret, 'HS256'],
    ['without an end', { exp: undefined }, jwtConfig.secret, 'HS256'],
    ['without a session', { sid: undefined }, jwtConfig.secret, 'HS256'],
    ['with an unknown session', { sid: '1' }, jwtConfig.secret, 'HS256'],
    ['with an operator for a session', { sid: { $gt: '' } }, jwtConfig.secret, 'HS256'],
    ["with somebody else's session", { sub: '1' }, jwtConfig.secret, 'HS256'],
    ['of the wrong kind', { typ: 'refresh', jti: randomUUID() }, jwtConfig.secret, 'HS256'],
  ] as const)('are refused: %s', async (_, changes, secret, algorithm) => {
    await expect(desk.auth.verify(await forged(changes, secret, algorithm))).rejects.toMatchObject(
      unauthenticated,
    );
  });

  it('are refused without a signature, damaged, or when they are something else', async () => {
    const token = await forged({});
    const [, payload] = token.split('.');
    const none = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`;
    for (const bad of [none, token.slice(0, -2), `${token}x`, 'a.b.c', '', 'x'.repeat(4096)]) {
      await expect(desk.auth.verify(bad)).rejects.toMatchObject(unauthenticated);
    }
  });

  it('end', async () => {
    const ann = await desk.register('ann');
    desk.clock.advance(7 * DAY_MS - 1);
    expect(await desk.lives(ann)).toBe(true);
    desk.clock.advance(1);
    expect(await desk.lives(ann)).toBe(false);
  });

  it('of the previous secret still count', async () => {
    const ann = await desk.register('ann');
    const own = { ...claims(), sub: ann.account.id, sid: ann.sessionId };
    expect(await desk.auth.verify(signed(own, jwtConfig.previousSecret))).toMatchObject({ username: 'ann' });

    const { jti } = jwt.decode(ann.refreshToken) as { jti: string };
    const refresh = signed({ ...own, typ: 'refresh', jti }, jwtConfig.previousRefreshSecret);
    expect(desk.auth.subjectOfRefreshToken(refresh)).toBe(ann.account.id);
    await desk.rules.refresh(refresh, from);
  });

  it('do not pass for each other', async () => {
    const ann = await desk.register('ann');
    await expect(desk.auth.verify(ann.refreshToken)).rejects.toMatchObject(unauthenticated);
    await expect(desk.rules.refresh(ann.token, from)).rejects.toMatchObject(unauthenticated);
    expect(desk.auth.subjectOfRefreshToken(ann.token)).toBeUndefined();
    expect(await desk.lives(ann)).toBe(true);
  });
});

describe('administrators', () => {
  const isAdmin = async (identity: Awaited<ReturnType<Desk['whoIs']>> | null, apiKey?: string) =>
    desk.auth.isAdmin({ apiKey, identity });

  it('have the key', async () => {
    expect(await isAdmin(null, 'the key')).toBe(true);
    for (const wrong of ['', 'the ke', 'the key ', 'The key']) expect(await isAdmin(null, wrong)).toBe(false);
    const withoutKey = accountsDesk(storage).auth;
    expect(await withoutKey.isAdmin({ apiKey: '', identity: null })).toBe(false);
  });

  it('or have a listed address and were confirmed; neither alone will do', async () => {
    const [boss, ann] = [
      await desk.whoIs(await desk.register('boss')),
      await desk.whoIs(await desk.register('ann')),
    ];
    expect(await isAdmin(boss)).toBe(false);
    await desk.stores.accounts.confirmAdmin(boss.id);
    await desk.stores.accounts.confirmAdmin(ann.id);
    expect([await isAdmin(boss), await isAdmin(ann), await isAdmin(null)]).toEqual([true, false, false]);
  });
});
