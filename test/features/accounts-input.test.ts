import { describe, expect, it } from 'vitest';
import { accountsContract } from '../../src/features/accounts/contract.ts';

describe('bad input', () => {
  const body = (route: keyof typeof accountsContract.routes) => accountsContract.routes[route].body;
  const good = { username: 'john_doe', email: 'john@example.com', password: 'Password123' };

  it('is refused before it reaches a rule', () => {
    const operator = { $gt: '' };
    const bad = [
      ...(['username', 'email', 'password'] as const).flatMap((field) => [
        [body('POST /auth/register'), { ...good, [field]: operator }] as const,
        [body('POST /auth/register'), { ...good, [field]: undefined }] as const,
        [body('POST /auth/register'), { ...good, [field]: null }] as const,
        [body('POST /auth/register'), { ...good, [field]: [good[field]] }] as const,
      ]),
      [body('POST /auth/login'), { email: operator, password: operator }],
      [body('POST /auth/login'), { email: 'a@b.co', password: operator }],
      [body('POST /auth/guest'), { username: operator }],
      [body('POST /auth/refresh'), { refreshToken: operator }],
      [body('POST /auth/password'), { current: operator, next: 'Password123' }],
      [body('POST /users/device'), { deviceId: operator }],
      [body('POST /users/device'), { deviceId: 'x', location: operator }],
      [accountsContract.routes['DELETE /users/sessions/:id'].params, { id: operator }],
      [accountsContract.requests.authenticate.args, [operator]],
      [accountsContract.requests.authenticate.args, [{ token: operator }]],
    ] as const;
    for (const [schema, input] of bad)
      expect([input, schema.safeParse(input).success]).toEqual([input, false]);
  });

  it("takes the documents' examples, and drops what it does not know", () => {
    const parsed = body('POST /auth/register').parse({ ...good, guest: false, $where: '1' });
    expect(parsed).toEqual(good);
    expect(body('POST /auth/register').safeParse({ ...good, password: 'password123' }).success).toBe(true);
    expect(body('POST /auth/guest').parse({})).toEqual({});
  });

  it.each(['Passw0r', 'Password', '12345678', `a1${'x'.repeat(71)}`, 'ä1'.repeat(25)])(
    'refuses the password %s',
    (password) => {
      expect(body('POST /auth/register').safeParse({ ...good, password }).success).toBe(false);
    },
  );

  it.each(['ab', 'x'.repeat(31), 'a b', 'a\u0000b', '<b>bold</b>', 'a/b', '', '   '])(
    'refuses the name %j',
    (username) => {
      expect(body('POST /auth/register').safeParse({ ...good, username }).success).toBe(false);
    },
  );
});
